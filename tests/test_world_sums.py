"""The family of sums: right, new where it says so, and not to be had from single words."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.plan import sum_held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import sums

LINE = re.compile(
    r"(?:What is |Compute |How much is |Result of )?(\d+)(\+|-| plus | minus )(\d+)"
    r"(?:=|\?|:| is)( ?)(\d+)?"
)


def solved(text: str) -> tuple[int, tuple[int, int], str]:
    """The right answer of a line, the pair of numbers that add up in it, and what is written."""
    match = LINE.fullmatch(text)
    assert match, text
    x, y = int(match[1]), int(match[3])
    if match[2].strip() in ("+", "plus"):
        return x + y, (x, y), match[5] or ""
    return x - y, (y, x - y), match[5] or ""


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [sums.document(Tape("sums", i)) for i in range(5000)]


def test_documents_are_right_different_and_show_nothing_held_out(documents: list[str]) -> None:
    assert documents[:50] == [sums.document(Tape("sums", i)) for i in range(50)]
    assert len(set(documents)) > 4990
    for document in documents:
        lines = document.split("\n")
        assert len(set(lines)) == len(lines) >= 3
        assert len(document) < 200
        for line in lines:
            answer, pair, written = solved(line)
            assert written == str(answer)
            assert 0 <= answer <= 198
            assert not sum_held_out(*pair)


@pytest.mark.parametrize("split", sums.SPLITS)
def test_items_are_right_and_new(split: str, documents: list[str]) -> None:
    tape = Tape("items", split)
    made = sums.items(tape, 500, split)
    assert len(made) == 500
    assert math.isfinite(tape.bits)
    text = "\n".join(documents)
    for item in made:
        answer, pair, written = solved(item.prompt + item.answer)
        assert written == str(answer)
        for output in (item.answer, f" {answer}", f"{answer} "):
            assert sums.is_correct(item, output)
        for wrong in (answer + 1, answer - 1, answer + 10, f"{answer}0", f"{answer} 1", "", "x"):
            assert not sums.is_correct(item, str(wrong))
        assert bool(item.absent) == (split != "train")
        assert not any(absent in text for absent in item.absent)
        if split != "train":
            assert sum_held_out(*pair)
            assert min(pair) >= 10
            assert max(item.meta["x"], item.meta["y"]) < 100
    assert {item.meta["sign"] for item in made} == {"+", "-"}
    assert {item.meta["carry"] for item in made} == {True, False}


def test_items_ask_as_documents_do(documents: list[str]) -> None:
    def form(text: str) -> str:
        return re.sub(r"\d+", "0", text).replace("minus", "plus").replace("-", "+")

    known = {form(line) for document in documents for line in document.split("\n")}
    for split in sums.SPLITS:
        forms = {form(item.prompt + item.answer) for item in sums.items(Tape("f"), 200, split)}
        assert forms.isdisjoint(known) if split == "wording" else forms == known


def test_carries_are_told_apart() -> None:
    for item in sums.items(Tape("carry"), 300):
        x, y = item.meta["x"] % 10, item.meta["y"] % 10
        assert item.meta["carry"] == (x + y > 9 if item.meta["sign"] == "+" else x < y)


def test_baselines_are_far_below_the_target() -> None:
    scores = sums.baselines(sums.items(Tape("baselines of", 1), 300), n_train=300)
    assert len(scores) == 3
    assert max(scores.values()) < 0.1


def test_tape_counts_every_choice() -> None:
    outcomes = list(enumerate_outcomes(lambda tape: sums._draw(tape, 90)))
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
    tape = Tape("bits")
    sums.document(tape)
    assert 0 < tape.bits < 12 * 15 + 10


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="split='new'"):
        sums.items(Tape("x"), 1, "new")
