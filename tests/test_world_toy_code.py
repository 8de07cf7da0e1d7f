"""The toy language Stack: a translator back to Python, written apart, says what is right."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import toy_code

PYTHON = re.compile(r"(?:^|(?<=\n))[a-z] = \d+\n(?:.*\n)*?print\(.*\)(?=\n|$)")
STACK = re.compile(r"(?<=Stack: )\d+ set .* show")


def python_of(stack: str) -> str:
    """The Python program that a Stack program is."""
    values: list[str] = []
    lines: list[str] = []
    depth = 0
    signs = {"add": "+", "sub": "-", "less": "<", "more": ">"}
    words = iter(stack.split())
    for word in words:
        indent = "    " * depth
        if word in signs:
            right = values.pop()
            values.append(f"{values.pop()} {signs[word]} {right}")
        elif word == "set":
            lines.append(f"{indent}{next(words)} = {values.pop()}")
        elif word == "show":
            lines.append(f"{indent}print({values.pop()})")
        elif word == "if":
            lines.append(f"{indent}if {values.pop()}:")
            depth += 1
        elif word == "repeat":
            lines.append(f"{indent}for i in range({values.pop()}):")
            depth += 1
        elif word == "else":
            lines.append("    " * (depth - 1) + "else:")
        elif word == "end":
            depth -= 1
        else:
            values.append(word)
    assert values == []
    assert depth == 0
    return "\n".join(lines)


def executed(source: str) -> list[int]:
    printed: list[int] = []
    exec(source, {"__builtins__": {"print": printed.append, "range": range}})
    return printed


def checked(text: str) -> str:
    """The Python program of a text; fails unless its Stack program is the same."""
    python, stack = PYTHON.search(text), STACK.search(text)
    assert python, text
    assert stack, text
    assert python_of(stack[0]) == python[0]
    assert toy_code.run_stack(stack[0]).printed == executed(python[0])
    return python[0]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [toy_code.document(Tape("toy", i)) for i in range(5000)]


def test_documents_are_right_and_show_nothing_held_out(documents: list[str]) -> None:
    assert documents[:50] == [toy_code.document(Tape("toy", i)) for i in range(50)]
    for document in documents[:2000]:
        assert len(document) < 300
        assert not held_out("program", checked(document))


@pytest.mark.parametrize("split", toy_code.SPLITS)
def test_items_are_right_and_new(split: str, documents: list[str]) -> None:
    tape = Tape("items", split)
    made = toy_code.items(tape, 500, split)
    assert len(made) == 500
    assert math.isfinite(tape.bits)
    text = "\n".join(documents)
    for item in made:
        source = checked(item.prompt + item.answer)
        assert held_out("program", source) == bool(item.absent) == (split != "train")
        assert not any(absent in text for absent in item.absent)
        assert item.stop not in item.answer
        assert not item.prompt.endswith((" ", "\n"))
    directions = {item.answer.startswith("\n") for item in made}
    assert directions == {"back": {True}, "train": {True, False}}.get(split, {False})
    assert {item.meta["kind"] for item in made} == set(toy_code.KINDS)


@pytest.mark.parametrize("split", ["test", "back"])
def test_wrong_answers_are_refused(split: str) -> None:
    swaps = ("+-", "-+", "<>", "><") if split == "back" else ("add sub", "less more", "else end")
    for item in toy_code.items(Tape("wrong"), 100, split):
        assert toy_code.is_correct(item, item.answer)
        value = executed(item.meta["program"])[0]
        near = ["", item.answer[:-1], item.answer + " 1", item.answer[5:], item.prompt]
        near += [f"print({value})" if split == "back" else f"{value} show"]
        near += [re.sub(r"\d+", lambda m: str(int(m[0]) + 1), item.answer, count=1)]
        for swap in swaps:
            old, new = swap.split() if " " in swap else swap
            near += [item.answer.replace(old, new)] if old in item.answer else []
        for output in near:
            assert not toy_code.is_correct(item, output), (item, output)


def test_another_right_answer_passes() -> None:
    item = next(i for i in toy_code.items(Tape("other"), 100, "back") if "range" in i.answer)
    assert toy_code.is_correct(item, item.answer.replace("for i", "for j"))


@pytest.mark.parametrize(
    "source",
    ["add", "1", "1 set", "1 set 2", "a show", "1 if 2 show", "1 show end", "1 repeat else end",
     "1 if else else end", "1 2 div show", "900000 show 900000 900000 add show",
     "999999 repeat end", "99 repeat 99 repeat end end", "set set set", "-1 show", "9999999 show",
     "1 if " * 110 + "end " * 110 + "x", "1 show " * 200, "\0", "²", "1.5 show", "1 show 2"],
)  # fmt: skip
def test_stack_refuses_what_is_wrong(source: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        toy_code.run_stack(source)


def test_translation_refuses_what_stack_has_not() -> None:
    for source in ("while 1 < 2:\n    a = 1", "import os", "a = 'x'", "a = 2 * 3", "a ="):
        with pytest.raises(ValueError, match=r"."):
            toy_code.to_stack(source)


def test_items_ask_as_documents_do(documents: list[str]) -> None:
    def form(text: str) -> str:
        return STACK.sub("S", PYTHON.sub("P", text))

    known = {form(document) for document in documents}
    for split in toy_code.SPLITS:
        forms = {form(i.prompt + i.answer) for i in toy_code.items(Tape("f"), 200, split)}
        assert forms.isdisjoint(known) if split == "wording" else forms <= known
    assert forms == known


def test_baselines_are_far_below_the_target() -> None:
    scores = toy_code.baselines(toy_code.items(Tape("baselines of", 1), 300), n_train=100)
    assert len(scores) == 3
    assert max(scores.values()) < 0.1


def test_tape_counts_every_choice() -> None:
    outcomes = enumerate_outcomes(lambda tape: tape.choice((toy_code.TO_STACK, toy_code.TO_PYTHON)))
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
    tape = Tape("bits")
    toy_code.document(tape)
    assert 0 < tape.bits < 60


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="split='new'"):
        toy_code.items(Tape("x"), 1, "new")
