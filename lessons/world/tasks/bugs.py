"""Programs with one bug, and the line that mends it; or without a bug."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..code import run, same_behaviour
from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines
from .programs import NAMES

NAME = "bugs"
SPLITS = ("test", "wording", "train")
ASKED = (
    "Goal: {body}\nBug:",
    "{body}\nFind the bug:",
    "Check this. {body}\nMend it:",
    "Task: {body}\nBug:",
)
ASKED_NEW = ("What is wrong here? {body}\nBug:", "Aim: {body}\nMend it:")
WRITTEN_SHARE = 0.4  # of documents: two goals, each with a program that is right
COUNTS = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}
STARTS = ("Start at {}.", "Begin with {}.", "Take {}.")
SHOWS = ("Print it.", "Print the result.")
# A line as read -> the ways to spoil it. Which programs hold such a line: PROGRAMS.
Spoil = Callable[[str], list[str]]
Program = tuple[str, list[str]]  # what it should do, and the lines that do it


def _words(sign: str, by: int) -> str:
    return f"{'add' if sign == '+' else 'take away'} {by}"


def _program(tape: Tape, form: str) -> Program:
    """A program of a form: straight, branch, loop, or nested (a branch in a loop).

    It never adds or takes away more than 9, so no sum in it can be held out.
    """
    x, y, z = tape.sample(NAMES, 3)
    start, n = tape.integer(0, 40), tape.integer(2, 5)
    # Two different numbers: were both sides of a branch the same, a wrong comparison would be no
    # bug; did they add and take away the same in turns, nor would a wrong range.
    sign, sign2 = tape.choice("+-"), tape.choice("+-")
    by, by2 = tape.sample(range(1, 10), 2)
    first, second = _words(sign, by), _words(sign2, by2)
    shown = x
    if form == "straight":
        goal = f"{first}, then {second}."
        lines, shown = [f"{y} = {x} {sign} {by}", f"{z} = {y} {sign2} {by2}"], z
    elif form == "loop":
        goal = f"{first} {COUNTS[n]}."
        lines = [f"for i in range({n}):", f"    {x} = {x} {sign} {by}"]
    else:
        than, limit = tape.choice("<>"), tape.integer(5, 30)
        goal = f"if it is {'below' if than == '<' else 'above'} {limit}, {first}, else {second}."
        lines = [f"if {x} {than} {limit}:", f"    {x} = {x} {sign} {by}"]
        lines += ["else:", f"    {x} = {x} {sign2} {by2}"]
        if form == "nested":
            goal = f"{COUNTS[n]}: {goal}"
            lines = [f"for i in range({n}):", *("    " + line for line in lines)]
    goal = f"{tape.choice(STARTS).format(start)} {goal[0].upper()}{goal[1:]} {tape.choice(SHOWS)}"
    return goal, [f"{x} = {start}", *lines, f"print({shown})"]


def _keyword(line: str) -> list[str]:
    """With two letters of a keyword swapped, or one left out."""
    spoilt = []
    for match in re.finditer(r"\b(for|range|if|else|print)\b", line):
        word = match[0]
        wrong = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
        if len(word) > 3:
            wrong += [word[:i] + word[i + 1 :] for i in range(1, len(word))]
        spoilt += [line[: match.start()] + new + line[match.end() :] for new in wrong]
    return spoilt


def _undefined(line: str) -> list[str]:
    """With a name that is read here replaced by any of a dozen; see _spoil."""
    read = re.search(r"(?<=if )[a-z]\b|(?<== )[a-z]\b|(?<=print\()[a-z]\b", line)
    if not read:
        return []
    return [line[: read.start()] + name + line[read.end() :] for name in NAMES]


def _swapped(line: str, one: str, other: str) -> list[str]:
    if one in line:
        return [line.replace(one, other)]
    return [line.replace(other, one)] if other in line else []


def _range(line: str) -> list[str]:
    right = re.search(r"(?<=range\()\d", line)
    others = [n for n in COUNTS if right and n != int(right[0])]
    return [re.sub(r"(?<=range\()\d", str(n), line) for n in others]


ALL = ("straight", "branch", "loop", "nested")
PROGRAMS: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "keyword": (_keyword, ALL),
    "undefined": (_undefined, ALL),
    "operator": (lambda line: _swapped(line, " + ", " - "), ALL),
    "colon": (lambda line: [line[:-1]] if line.endswith(":") else [], ALL[1:]),
    "comparison": (lambda line: _swapped(line, " < ", " > "), ("branch", "nested")),
    "bracket": (lambda line: [line.replace(b, "") for b in "()" if b in line], ALL),
    "range": (_range, ("loop", "nested")),
    "none": (lambda line: [line], ALL),
}


def _spoil(tape: Tape, kind: str, lines: Sequence[str]) -> tuple[int, list[str]]:
    """The number of the line with the bug, and the lines with it. The first line has none."""
    spoil = PROGRAMS[kind][0]
    ways = {at: spoil(line) for at, line in enumerate(lines) if at > 0}
    if kind == "undefined":
        known = _names("\n".join(lines))
        ways = {at: [new for new in spoilt if _names(new) - known] for at, spoilt in ways.items()}
    at = tape.choice([at for at, spoilt in ways.items() if spoilt])
    return at + 1, [*lines[:at], tape.choice(ways[at]), *lines[at + 1 :]]


def _names(text: str) -> set[str]:
    return set(re.findall(r"\b[a-z]\b", text))


# How often training shows each kind: what a glance shows is soon learnt.
WEIGHTS = {"keyword": 1, "colon": 1, "bracket": 1, "comparison": 2, "range": 3, "operator": 4,
           "undefined": 4, "none": 4}  # fmt: skip


def _item(tape: Tape, asked: Sequence[str], new: bool, kind: str = "") -> Item:
    kind = kind or tape.choice(tuple(PROGRAMS))
    goal, lines = tape.until(
        lambda: _program(tape, tape.choice(PROGRAMS[kind][1])),
        lambda made: held_out("program", "\n".join(made[1])) == new,
    )
    line, spoilt = _spoil(tape, kind, lines)
    body = _numbered(goal, spoilt)
    return Item(
        prompt=tape.choice(asked).format(body=body),
        answer=" no bug" if kind == "none" else f" line {line}: {lines[line - 1].strip()}",
        absent=(body,) if new else (),
        meta={
            "kind": kind,
            "line": 0 if kind == "none" else line,
            "program": "\n".join(lines),
            "spoilt": "\n".join(spoilt),
        },
    )


def document(tape: Tape) -> str:
    """A goal, a program with at most one bug, and how to mend it; or what goals ask to write."""
    if tape.chance(WRITTEN_SHARE):
        return "\n\n".join(_written(tape) for _ in range(2))
    item = _item(tape, ASKED, False, tape.weighted([*WEIGHTS], [*WEIGHTS.values()]))
    return item.prompt + item.answer


def _written(tape: Tape) -> str:
    """A goal and the program that reaches it."""
    goal, lines = tape.until(
        lambda: _program(tape, tape.choice(ALL)),
        lambda made: not held_out("program", "\n".join(made[1])),
    )
    return f"Goal: {_numbered(goal, lines)}"


def _numbered(goal: str, lines: Sequence[str]) -> str:
    return "\n".join([goal, *(f"{at} {text}" for at, text in enumerate(lines, 1))])


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Programs held out of training, every kind of bug as often.

    `wording`: asked about in words held out, too.
    """
    check_split(split, SPLITS)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, asked, new=split != "train") for _ in range(n)]


def _printed(source: str) -> list[int]:
    return run(source).printed


def is_correct(item: Item, output: str) -> bool:
    """Whether the output names the line, and the program with its new line does what it should.

    The mended program is run, with its own numbers and with others, beside the one that does.
    """
    if item.meta["kind"] == "none":
        return output.strip() == "no bug"
    said = re.fullmatch(r"\s*line (\d{1,2}): (.*)", output.rstrip())
    if not said or int(said[1]) != item.meta["line"]:
        return False
    lines = item.meta["spoilt"].split("\n")
    old = lines[int(said[1]) - 1]
    lines[int(said[1]) - 1] = old[: len(old) - len(old.lstrip())] + said[2].strip()
    return same_behaviour(item.meta["program"], "\n".join(lines), _printed, _printed)


def baselines(items_: Sequence[Item], n_train: int = 2000) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), n_train, "train")
    return simple_baselines(items_, train, is_correct)
