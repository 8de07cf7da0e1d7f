"""Small Python programs, and what they print."""

from __future__ import annotations

from collections.abc import Sequence

from ..code import Run, run, shows_held_out_sum
from ..plan import PLANS, held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines

NAME = "programs"
SPLITS = ("test", "steps", "wording", "train")
KINDS = ("straight", "branch", "loop", "nested")
NAMES = tuple("abcdkmnpstxy")
HIGHEST = 60  # no value in a program is above this, or below zero
ASKED = (
    "{program}\nOutput:",
    "Program:\n{program}\nOutput:",
    "Run this.\n{program}\nIt prints:",
    "{program}\nWhat is printed?",
)
ASKED_STEPS = ("{program}\nSteps:", "Run this, step by step.\n{program}\nSteps:")
ASKED_NEW = ("What does this print?\n{program}\nOutput:", "Code:\n{program}\nIt prints:")


def _change(tape: Tape, name: str, other: str = "") -> str:
    """An assignment that adds to a variable or takes from it a small number or another one."""
    by = other if other and tape.chance(0.4) else str(tape.integer(1, 9))
    return f"{name} = {name} {tape.choice('+-')} {by}"


def _two_changes(tape: Tape, name: str, other: str = "") -> tuple[str, str]:
    """Two different ones, for the two sides of a branch."""
    return tape.until(
        lambda: (_change(tape, name, other), _change(tape, name, other)),
        lambda two: two[0] != two[1],
    )


def _start(tape: Tape, name: str) -> tuple[str, str]:
    """An assignment, and the first line of a branch that compares with another number."""
    start = tape.integer(0, 30)
    limit = tape.until(lambda: tape.integer(5, 25), lambda limit: limit != start)
    return f"{name} = {start}", f"if {name} {tape.choice('<>')} {limit}:"


def _straight(tape: Tape, x: str, y: str) -> list[str]:
    sign, c = tape.choice("+-"), tape.integer(1, 9)
    lines = [f"{x} = {tape.integer(0, 30)}"]
    if tape.chance(0.5):
        lines += [f"{y} = {x} {sign} {c}", _change(tape, tape.choice((x, y)))]
        shown = tape.choice((x, y, f"{x} + {y}"))
    else:
        lines += [f"{y} = {tape.integer(1, 20)}", f"{x} = {x} {tape.choice('+-')} {y}"]
        shown = tape.choice((x, y, f"{x} {sign} {c}"))
    return [*lines, f"print({shown})"]


def _second(tape: Tape, name: str) -> tuple[list[str], str]:
    """Half of the time an assignment to a second variable, and its name."""
    if tape.chance(0.5):
        return [], ""
    return [f"{name} = {tape.integer(1, 12)}"], name


def _branch(tape: Tape, x: str, y: str) -> list[str]:
    start, test = _start(tape, x)
    more, second = _second(tape, y)
    changed = tape.choice((x, second)) if second else x
    other = second if changed == x else x
    then, otherwise = _two_changes(tape, changed, other)
    lines = [start, *more, test, f"    {then}", "else:", f"    {otherwise}"]
    return [*lines, f"print({changed})"]


def _loop(tape: Tape, x: str, y: str) -> list[str]:
    more, second = _second(tape, y)
    n = tape.integer(2, 4)
    lines = [f"{x} = {tape.integer(0, 30)}", *more]
    lines += [f"for i in range({n}):", "    " + _change(tape, x, second)]
    if n < 4 and tape.chance(0.3):
        lines.append(_change(tape, x))
    return [*lines, f"print({x})"]


def _nested(tape: Tape, x: str, y: str) -> list[str]:
    """A branch in a loop, or a loop in a branch."""
    start, test = _start(tape, x)
    loop = f"for i in range({tape.integer(2, 3)}):"
    then, otherwise = _two_changes(tape, x)
    if tape.chance(0.5):
        lines = [loop, f"    {test}", f"        {then}", "    else:", f"        {otherwise}"]
    else:
        lines = [test, f"    {loop}", f"        {then}", "else:", f"    {otherwise}"]
    return [start, *lines, f"print({x})"]


def _tiny(tape: Tape, x: str, y: str) -> list[str]:
    """Two or three lines: what larger programs are made of. Never asked in a test."""
    first = f"{x} = {tape.integer(0, 40)}"
    match tape.index(4):
        case 0:
            return [first, f"print({x})"]
        case 1:
            return [first, f"print({x} {tape.choice('+-')} {tape.integer(1, 20)})"]
        case 2:
            return [first, _change(tape, x), f"print({x})"]
    return [first, f"{y} = {tape.integer(0, 20)}", f"print({tape.choice((x, y))})"]


_MAKE = {"tiny": _tiny, "straight": _straight, "branch": _branch, "loop": _loop, "nested": _nested}


def program(tape: Tape, kind: str, new: bool) -> tuple[str, int]:
    """A program of a kind, held out of training or not, and the number it prints (0 to 60).

    Its first variable is read before it is set again, so no program is the end of another. Its
    sums and differences are none that are held out.
    """

    def make() -> tuple[str, Run]:
        x, y = tape.sample(NAMES, 2)
        text = "\n".join(_MAKE[kind](tape, x, y))
        return text, run(text)

    text, done = tape.until(
        make, lambda made: held_out("program", made[0]) == new and _is_small(made[1])
    )
    return text, done.printed[0]


def _is_small(done: Run) -> bool:
    results = [x + y if sign == "+" else x - y for sign, x, y in done.operations]
    if min(results, default=0) < 0 or max(results, default=0) > HIGHEST:
        return False
    return not shows_held_out_sum(done)


def _item(tape: Tape, asked: Sequence[str], new: bool, worked: bool) -> Item:
    kind = tape.choice(KINDS)
    text, printed = program(tape, kind, new)
    with_steps = asked is ASKED_STEPS
    return Item(
        prompt=tape.choice(asked).format(program=text),
        answer=f"{steps(text, worked)}\nOutput: {printed}" if with_steps else f" {printed}",
        absent=(text,) if new else (),
        stop="\n\n" if with_steps else "\n",
        meta={"kind": kind, "program": text},
    )


# Shares of documents: an answer of two tokens teaches little, so some show what comes before it.
FORMS = {"plain": 0.4, "steps": 0.4, "tiny": 0.2}
FORMS_SCAFFOLD = {"plain": 0.3, "steps": 0.5, "tiny": 0.2}


def steps(text: str, worked: bool) -> str:
    """What a program assigns while it runs, a line for each value.

    `worked`: with each sum written out, and with what each test says.
    """
    done = run(text)
    lines = done.worked if worked else [f"{name} = {value}" for name, value in done.assigned]
    return "".join(f"\n{line}" for line in lines)


def document(tape: Tape, scaffold: bool = False) -> str:
    """A program with what it prints, at once or after the steps; or a few tiny ones.

    `scaffold`: the steps are worked ones.
    """
    forms = FORMS_SCAFFOLD if scaffold else FORMS
    form = tape.weighted([*forms], [*forms.values()])
    if form == "tiny":
        both = [program(tape, "tiny", new=False) for _ in range(3)]
        return "\n\n".join(f"{text}\nOutput: {printed}" for text, printed in both)
    item = _item(tape, ASKED_STEPS if form == "steps" else ASKED, new=False, worked=scaffold)
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Programs held out of training; `wording`: asked about in words held out, too.

    `steps`: every value that is assigned is asked for first, then the output, in the form that
    the shipped model's plan shows.
    """
    check_split(split, SPLITS)
    asked = {"wording": ASKED_NEW, "steps": ASKED_STEPS}.get(split, ASKED)
    worked = PLANS["fernhollow"].scaffold
    return [_item(tape, asked, new=split != "train", worked=worked) for _ in range(n)]


def is_correct(item: Item, output: str) -> bool:
    """Whether the output is one number, and the one that the program prints when it is run.

    After steps: the number behind "Output:", whatever the steps say.
    """
    said = output.rpartition("Output:")[2] if "Steps:" in item.prompt else output
    return [said.strip()] == [str(number) for number in run(item.meta["program"]).printed]


def baselines(items_: Sequence[Item], n_train: int = 2000) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), n_train, "train")
    return simple_baselines(items_, train, is_correct)
