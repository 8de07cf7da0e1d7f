"""A small part of Python, run safely: what programs in Fernhollow, and models, may write.

Nothing is ever handed to Python's own `exec`. A program is parsed by `ast`, and a walk over the
tree knows only: `name = expression`, `if`/`else` on one `<` or `>`, `for name in range(n)`,
`print(expression)`, whole numbers, names, + and -. Everything else raises ValueError.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .plan import sum_held_out
from .tape import Tape

MAX_STEPS = 500  # statements executed
MAX_CHARACTERS = 600
MAX_VALUE = 10**6
NUMBER = re.compile(r"\b\d+\b")


@dataclass
class Run:
    """What a program did.

    `printed`: the numbers, in order. `values`: what each variable held in the end (counters of
    loops left out). `operations`: each sum or difference as (sign, left, right). `assigned`: each
    variable and its new value, in order. `worked`: the same with each sum written out, and with
    what each test says, a string a line.
    """

    printed: list[int] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    operations: list[tuple[str, int, int]] = field(default_factory=list)
    assigned: list[tuple[str, int]] = field(default_factory=list)
    worked: list[str] = field(default_factory=list)


def run(source: str) -> Run:
    """Runs a program. Raises ValueError if it is wrong, uses what is not known, or takes long."""
    machine = _Machine()
    try:
        machine.block(parse(source))
    except RecursionError:
        raise ValueError("too deeply nested") from None
    return machine.run


def parse(source: str) -> list[ast.stmt]:
    """The statements of a program. Raises ValueError if Python could not read it."""
    if len(source) > MAX_CHARACTERS:
        raise ValueError(f"a program of {len(source)} characters: at most {MAX_CHARACTERS}")
    try:
        with warnings.catch_warnings():  # about odd literals; they are refused anyway
            warnings.simplefilter("ignore")
            return ast.parse(source).body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a program: {error}") from None


class _Machine:
    def __init__(self) -> None:
        self.run = Run()
        self.values: dict[str, int] = {}
        self.steps = 0

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise ValueError(f"more than {MAX_STEPS} steps")
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                result, worked = self.worked(value)
                self.run.values[name] = self.values[name] = result
                self.run.assigned.append((name, result))
                self.run.worked.append(f"{name} = {worked or result}")
            case ast.If(test=test, body=body, orelse=otherwise):
                self.block(body if self.holds(test) else otherwise)
            case ast.For(target=ast.Name(id=name), iter=count, body=body, orelse=[]):
                for at in range(self.argument(count, "range")[0]):
                    self.values[name] = at
                    self.block(body)
            case ast.Expr(value=call):
                result, worked = self.argument(call, "print")
                self.run.printed.append(result)
                self.run.worked += [worked] if worked else []
            case _:
                raise ValueError(f"{ast.unparse(node)!r} is not known here")

    def argument(self, node: ast.expr, function: str) -> tuple[int, str]:
        """The value in the brackets of a call of this function, and how it came about."""
        match node:
            case ast.Call(func=ast.Name(id=name), args=[value], keywords=[]) if name == function:
                return self.worked(value)
        raise ValueError(f"{ast.unparse(node)!r}: only {function}(one value) is known here")

    def holds(self, node: ast.expr) -> bool:
        match node:
            case ast.Compare(left=left, ops=[ast.Lt() | ast.Gt() as test], comparators=[right]):
                x, y = self.value(left), self.value(right)
                sign, result = ("<", x < y) if isinstance(test, ast.Lt) else (">", x > y)
                self.run.worked.append(f"{x} {sign} {y}: {'yes' if result else 'no'}")
                return result
        raise ValueError(f"{ast.unparse(node)!r}: only one < or > is known here")

    def worked(self, node: ast.expr) -> tuple[int, str]:
        """A value and the sums and differences that lead to it, as lines of the sums' family."""
        before = len(self.run.operations)
        result = self.value(node)
        done = self.run.operations[before:]
        return result, ", ".join(
            f"{x}{sign}{y}={x + y if sign == '+' else x - y}" for sign, x, y in done
        )

    def value(self, node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int() as number) if type(number) is int:
                result = number
            case ast.Name(id=name):
                if name not in self.values:
                    raise ValueError(f"{name!r} has no value yet")
                result = self.values[name]
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
                sign = "+" if isinstance(operator, ast.Add) else "-"
                x, y = self.value(left), self.value(right)
                self.run.operations.append((sign, x, y))
                result = x + y if sign == "+" else x - y
            case _:
                raise ValueError(f"{ast.unparse(node)!r} is not known here")
        if abs(result) > MAX_VALUE:
            raise ValueError(f"a number above {MAX_VALUE}")
        return result


def sum_pair(sign: str, x: int, y: int) -> tuple[int, int]:
    """The two numbers whose sum an operation knows: x and y of x + y; of x - y, what adds up to x.

    >>> sum_pair("+", 20, 31), sum_pair("-", 51, 20)
    ((20, 31), (20, 31))
    """
    if sign == "+":
        return x, y
    return min(x, y), abs(x - y)


def shows_held_out_sum(done: Run) -> bool:
    """Whether a run added or subtracted a pair of numbers that training never shows."""
    return any(sum_held_out(*sum_pair(*operation)) for operation in done.operations)


def same_behaviour(
    source: str,
    other: str,
    run_source: Callable[[str], object],
    run_other: Callable[[str], object],
    trials: int = 12,
) -> bool:
    """Whether two programs do the same, as written and with other numbers in them.

    The other numbers (0 to 20, the same in both programs) send runs down branches not taken
    before, so a constant or a mistake in one of them does not pass. `run_source` and `run_other`
    return what is to be equal, such as the numbers printed, or raise ValueError; an `other` that
    raises is not the same.
    """
    numbers = NUMBER.findall(source)
    in_order = NUMBER.findall(other) == numbers  # then equal numbers need not stay equal
    for trial in range(trials):
        new = list(map(str, Tape("same behaviour", trial).sample(range(21), len(numbers))))
        if trial == 0:
            new = numbers
        elif not in_order:
            new = [new[numbers.index(old)] for old in numbers]
        known = dict(zip(numbers, new, strict=True))
        theirs = new if in_order else [known.get(old, old) for old in NUMBER.findall(other)]
        expected = run_source(_with_numbers(source, new))
        try:
            if run_other(_with_numbers(other, theirs)) != expected:
                return False
        except ValueError:
            return False
    return True


def _with_numbers(source: str, new: Sequence[str]) -> str:
    left = iter(new)
    return NUMBER.sub(lambda _: next(left), source)
