"""Sums and differences of two numbers below 100. Digits stand in their usual order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..code import sum_pair
from ..plan import sum_held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines

NAME = "sums"
SPLITS = ("test", "wording", "train")
# Question, then answer. The first is the cheapest, and most documents use it.
ASKED = ("{sum}=|{z}", "What is {sum}?| {z}", "Compute {sum}:| {z}", "{words} is| {z}")
WEIGHTS = (7, 1, 1, 1)
ASKED_NEW = ("How much is {sum}?| {z}", "Result of {sum}:| {z}")
Sum = tuple[str, int, int]  # sign, left, right


def result(sign: str, x: int, y: int) -> int:
    """x + y or x - y."""
    return x + y if sign == "+" else x - y


def _draw(tape: Tape, low: int) -> Sum:
    """A sum or difference of two numbers from `low` to 99; a difference is never below zero."""
    x, y = tape.integer(low, 99), tape.integer(low, 99)
    if tape.choice("+-") == "+":
        return "+", x, y
    return "-", max(x, y), min(x, y)


def _known(tape: Tape, done: Sequence[Sum] = ()) -> Sum:
    """A sum that training may show, none of those done."""
    return tape.until(
        lambda: _draw(tape, 0),
        lambda made: made not in done and not sum_held_out(*sum_pair(*made)),
    )


def _new(tape: Tape) -> Sum:
    return tape.until(lambda: _draw(tape, 10), lambda made: sum_held_out(*sum_pair(*made)))


def _written(asked: str, made: Sum) -> tuple[str, str]:
    """Question and answer."""
    sign, x, y = made
    words = f"{x} {'plus' if sign == '+' else 'minus'} {y}"
    text = asked.format(sum=f"{x}{sign}{y}", words=words, z=result(sign, x, y))
    question, answer = text.split("|")
    return question, answer


def document(tape: Tape) -> str:
    """Several different sums and differences, one a line."""
    asked = tape.weighted(ASKED, WEIGHTS)
    n = tape.integer(8, 12) if asked == ASKED[0] else tape.integer(3, 5)
    done: list[Sum] = []
    for _ in range(n):
        done.append(_known(tape, done))
    return "\n".join("".join(_written(asked, made)) for made in done)


def _item(tape: Tape, asked: str, made: Sum, new: bool) -> Item:
    sign, x, y = made
    prompt, answer = _written(asked, made)
    a, b = sum_pair(*made)
    equations = (f"{a}+{b}=", f"{b}+{a}=", f"{a + b}-{a}=", f"{a + b}-{b}=")
    return Item(
        prompt=prompt,
        answer=answer,
        absent=(prompt, *dict.fromkeys(equations)) if new else (),
        # In a - b = c, too, a one is carried where the last digits of b and c reach ten.
        meta={"sign": sign, "x": x, "y": y, "carry": a % 10 + b % 10 >= 10},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Sums and differences of two-digit numbers that are held out, in either order of operands.

    `wording`: asked for in words held out, too. `train`: as the first line of a document.
    """
    check_split(split, SPLITS)
    made = []
    for _ in range(n):
        if split == "wording":
            asked = tape.choice(ASKED_NEW)
        else:
            asked = tape.weighted(ASKED, WEIGHTS)
        new = split != "train"
        made.append(_item(tape, asked, _new(tape) if new else _known(tape), new))
    return made


def is_correct(item: Item, output: str) -> bool:
    """Whether the output is one number, and the sum or difference asked for in the prompt."""
    x, sign, y = re.findall(r"(\d+) *(\+|-|plus|minus) *(\d+)", item.prompt)[-1]
    right = result("+" if sign in ("+", "plus") else "-", int(x), int(y))
    return output.strip() == str(right)


def baselines(items_: Sequence[Item], n_train: int = 2000) -> dict[str, float]:
    """See base.simple_baselines; numbers and signs count as words."""
    train = items(Tape(NAME, "baselines"), n_train, "train")
    return simple_baselines(_spaced(items_), _spaced(train), is_correct)


def _spaced(items_: Sequence[Item]) -> list[Item]:
    return [
        replace(
            item,
            prompt=re.sub(r"(\d+|[^\w\s])", r" \1 ", item.prompt),
            answer=item.answer.strip(),
        )
        for item in items_
    ]
