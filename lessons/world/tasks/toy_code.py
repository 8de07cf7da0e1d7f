"""Python to Stack, a toy language, and back.

Stack writes everything behind what it is about, on one line: `3 4 add set a` is `a = 3 + 4`.

| Python | Stack |
|---|---|
| `a = 7`, `a = b - 2` | `7 set a`, `b 2 sub set a` |
| `if a > 5: … else: …` | `a 5 more if … else … end` (`less` for `<`) |
| `for i in range(3): …` | `3 repeat … end` |
| `print(a)` | `a show` |
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..code import MAX_CHARACTERS, MAX_STEPS, MAX_VALUE, Run, parse, run, same_behaviour
from ..tape import Tape
from .base import Item, check_split, simple_baselines
from .programs import KINDS, program

NAME = "toy_code"
SPLITS = ("test", "back", "wording", "train")  # `back`: from Stack to Python
TO_STACK, TO_PYTHON = "to Stack", "to Python"
ASKED = {
    TO_STACK: (
        "Python:\n{program}\nStack: {stack}",
        "{program}\nIn Stack: {stack}",
        "Put this into Stack.\n{program}\nStack: {stack}",
    ),
    TO_PYTHON: (
        "Stack: {stack}\nPython:\n{program}",
        "Stack: {stack}\nIn Python:\n{program}",
        "Put this into Python. Stack: {stack}\nPython:\n{program}",
    ),
}
ASKED_NEW = (
    "Translate this program.\n{program}\nStack: {stack}",
    "Python code:\n{program}\nIn Stack: {stack}",
)
WORDS = {ast.Add: "add", ast.Sub: "sub", ast.Lt: "less", ast.Gt: "more"}


def to_stack(source: str) -> str:
    """A Python program (see code.py) in Stack. Raises ValueError for what has no translation."""
    return " ".join(word for node in parse(source) for word in _words(node))


def _words(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=word):
            return [word]
        case ast.Constant(value=int() as number):
            return [str(number)]
        case ast.BinOp(left=x, op=op, right=y) | ast.Compare(left=x, ops=[op], comparators=[y]):
            if type(op) in WORDS:
                return [*_words(x), *_words(y), WORDS[type(op)]]
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return [*_words(value), "set", name]
        case ast.Expr(value=ast.Call(args=[value])):
            return [*_words(value), "show"]
        case ast.For(iter=ast.Call(args=[count]), body=body):
            return [*_words(count), "repeat", *_block(body), "end"]
        case ast.If(test=test, body=body, orelse=other):
            return [*_words(test), "if", *_block(body), "else", *_block(other), "end"]
    raise ValueError(f"{ast.unparse(node)!r} has no translation")


def _block(body: Sequence[ast.stmt]) -> list[str]:
    return [word for node in body for word in _words(node)]


@dataclass
class _Block:
    """`word` is what begins it; `parts` are words and blocks, `other` those after `else`."""

    word: str
    parts: list[str | _Block] = field(default_factory=list)
    other: list[str | _Block] = field(default_factory=list)


def run_stack(source: str) -> Run:
    """What a Stack program does. Raises ValueError if it is wrong or takes long."""
    if len(source) > MAX_CHARACTERS:
        raise ValueError(f"a program of {len(source)} characters: at most {MAX_CHARACTERS}")
    machine = _Machine()
    machine.run(_nested(source.split()).parts)
    if machine.stack:
        raise ValueError(f"values left over: {machine.stack}")
    return machine.done


def _nested(words: Sequence[str]) -> _Block:
    """The blocks of a program. `set` and the name behind it become one word."""
    whole = _Block("")
    open_ = [whole]
    into = [whole.parts]  # where the words of each open block go
    left = iter(words)
    for word in left:
        if word in ("if", "repeat"):
            block = _Block(word)
            into[-1].append(block)
            open_.append(block)
            into.append(block.parts)
        elif word == "else" and open_[-1].word == "if" and into[-1] is open_[-1].parts:
            into[-1] = open_[-1].other
        elif word == "end" and len(open_) > 1:
            open_.pop()
            into.pop()
        elif word in ("else", "end"):
            raise ValueError(f"{word!r} has nothing to close")
        elif word == "set":
            into[-1].append(f"set {next(left, '')}")
        else:
            into[-1].append(word)
    if len(open_) > 1:
        raise ValueError(f"{open_[-1].word!r} without 'end'")
    return whole


class _Machine:
    def __init__(self) -> None:
        self.stack: list[int] = []
        self.done = Run()
        self.steps = 0

    def run(self, parts: Sequence[str | _Block]) -> None:
        for part in parts:
            self.step()
            if isinstance(part, str):
                self.word(part)
            elif part.word == "if":
                self.run(part.parts if self.pop() else part.other)
            else:
                for _ in range(self.pop()):
                    self.step()
                    self.run(part.parts)

    def step(self) -> None:
        self.steps += 1
        if self.steps > 5 * MAX_STEPS:  # words; a statement has about five
            raise ValueError("too many steps")

    def pop(self) -> int:
        if not self.stack:
            raise ValueError("a value is missing")
        return self.stack.pop()

    def word(self, word: str) -> None:
        if re.fullmatch(r"\d{1,6}", word):
            self.stack.append(int(word))
        elif word in self.done.values:
            self.stack.append(self.done.values[word])
        elif re.fullmatch(r"set [a-z]", word):
            self.done.values[word[-1]] = self.pop()
        elif word == "show":
            self.done.printed.append(self.pop())
        elif word in WORDS.values():
            y, x = self.pop(), self.pop()
            results = {"add": x + y, "sub": x - y, "less": int(x < y), "more": int(x > y)}
            if abs(results[word]) > MAX_VALUE:
                raise ValueError(f"a number above {MAX_VALUE}")
            self.stack.append(results[word])
        else:
            raise ValueError(f"{word!r} is not known in Stack")


def _item(tape: Tape, direction: str, asked: Sequence[str], new: bool) -> Item:
    kind = tape.choice(KINDS)
    source, _ = program(tape, kind, new)
    stack = to_stack(source)
    before = "{stack}" if direction == TO_STACK else "\n{program}"
    frame = tape.choice(asked).removesuffix(before).rstrip()
    return Item(
        prompt=frame.format(program=source, stack=stack),
        answer=f" {stack}" if direction == TO_STACK else f"\n{source}",
        absent=(source, f"Stack: {stack}") if new else (),
        stop="\n" if direction == TO_STACK else "\n\n",  # Python has lines; a text ends at <|end|>
        meta={"kind": kind, "direction": direction, "program": source, "stack": stack},
    )


def _known(tape: Tape) -> Item:
    direction = tape.choice((TO_STACK, TO_PYTHON))
    return _item(tape, direction, ASKED[direction], new=False)


def document(tape: Tape) -> str:
    """A program in both languages."""
    item = _known(tape)
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Programs held out of training, to Stack; `back`: to Python; `wording`: asked in new words.

    `train`: as documents, in both directions.
    """
    check_split(split, SPLITS)
    if split == "train":
        return [_known(tape) for _ in range(n)]
    direction = TO_PYTHON if split == "back" else TO_STACK
    asked = ASKED_NEW if split == "wording" else ASKED[direction]
    return [_item(tape, direction, asked, new=True) for _ in range(n)]


def _result(source: str) -> object:
    done = run(source)
    return done.printed, done.values


def _result_stack(source: str) -> object:
    done = run_stack(source)
    return done.printed, done.values


def is_correct(item: Item, output: str) -> bool:
    """Whether the output, when run, does what the program in the prompt does.

    Both must print the same and leave the same values in their variables, with the program's
    numbers and with others: a program that only prints the result does not pass.
    """
    if item.meta["direction"] == TO_STACK:
        return same_behaviour(item.meta["program"], output.strip(), _result, _result_stack)
    return same_behaviour(item.meta["stack"], output.strip(), _result_stack, _result)


def baselines(items_: Sequence[Item], n_train: int = 2000) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), n_train, "train")
    return simple_baselines(items_, train, is_correct)
