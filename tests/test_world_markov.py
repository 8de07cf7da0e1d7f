"""Markov chains: predictors against plain counting, bits against sums over all sequences."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from lessons.world.tape import Tape
from lessons.world.tasks import markov

LETTERS = "wxyz"


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [markov.document(Tape("test", i)) for i in range(1000)]


def next_symbol(prompt: str) -> dict[str, Fraction]:
    """The optimal prediction, counted in the text."""
    header, *names = prompt.split(" ")
    assert header == "Chain:"
    assert set(names) <= set(LETTERS)
    after = Counter(b for a, b in itertools.pairwise(names) if a == names[-1])
    return {b: Fraction(after[b] + 1, after.total() + 4) for b in LETTERS}


def test_equal_tapes_give_equal_documents(documents):
    assert [markov.document(Tape("test", i)) for i in range(20)] == documents[:20]
    assert len(set(documents)) == len(documents)


def test_documents_are_chains(documents):
    for text in documents:
        header, *names = text.split(" ")
        assert header == "Chain:"
        assert 250 <= len(names) <= 350
        assert set(names) <= set(LETTERS)
        assert markov.document_of(markov.symbols_of(text)) == text
    with pytest.raises(ValueError, match="begins with"):
        markov.symbols_of("Pairs: w x")


def test_rows_are_drawn_evenly():
    """The share of one transition in long chains is Beta(1, 3): mean 1/4, variance 3/80."""
    shares = []
    for i in range(800):
        names = markov.sequence(Tape("rows", i), 400)
        after = [b for a, b in itertools.pairwise(names) if a == 0]
        if len(after) >= 60:
            shares.append(np.mean(np.array(after) == 1))
    assert np.mean(shares) == pytest.approx(1 / 4, abs=0.04)
    assert np.var(shares) == pytest.approx(3 / 80, abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_probabilities_of_all_sequences_sum_to_one(n):
    total = sum(2.0 ** -markov.bits_of(s) for s in itertools.product(range(4), repeat=n))
    assert total == pytest.approx(1)


def test_bits_are_those_of_the_optimal_predictor(documents):
    for i in range(20):
        tape = Tape("bits", i)
        symbols = markov.sequence(tape, 300)
        given = markov.optimal(symbols)[range(300), symbols]
        assert tape.bits == pytest.approx(-np.log2(given).sum())
    tape = Tape("test", 0)
    text = markov.document(tape)
    bits = math.log2(101) + markov.bits_of(markov.symbols_of(text))
    assert tape.bits == pytest.approx(bits)


def test_predictors_against_plain_counting():
    symbols = markov.symbols_of("Chain: w w x w x y z w")
    best = markov.optimal(symbols)
    assert best[0] == pytest.approx([1 / 4] * 4)
    assert best[4] == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])  # after w w x w
    for at in range(1, len(symbols)):
        text = markov.document_of(symbols[:at])
        assert best[at] == pytest.approx([float(p) for p in next_symbol(text).values()])
    assert markov.unigram(symbols)[4] == pytest.approx([4 / 8, 2 / 8, 1 / 8, 1 / 8])
    for predictor in (markov.optimal, markov.unigram, markov.uniform):
        made = predictor(symbols)
        assert made.shape == (8, 4)
        assert made.sum(axis=1) == pytest.approx(1)


def test_optimal_is_best_in_bits():
    """Over many chains; each of the three predictors loses to the one that knows more."""
    bits = {"optimal": 0.0, "unigram": 0.0, "uniform": 0.0}
    for i in range(100):
        symbols = markov.sequence(Tape("best", i), 300)
        for name in bits:
            bits[name] -= np.log2(getattr(markov, name)(symbols)[range(300), symbols]).sum()
    assert bits["optimal"] < 0.95 * bits["unigram"] < 0.95 * bits["uniform"]


@pytest.mark.parametrize("split", markov.SPLITS)
def test_items_are_right_and_other_symbols_refused(split, documents):
    made = markov.items(Tape("items", split), 500, split)
    assert Counter(item.meta["length"] for item in made) == dict.fromkeys(markov.LENGTHS, 100)
    for item in made:
        truth = next_symbol(item.prompt)
        assert len(item.prompt.split()) == item.meta["length"] + 1
        assert item.answer in item.choices == (" w", " x", " y", " z")
        assert item.meta["probabilities"] == pytest.approx([float(p) for p in truth.values()])
        for name, probability in truth.items():
            assert markov.is_correct(item, f" {name} w") == (probability == max(truth.values()))
        assert truth[item.answer.strip()] == max(truth.values())
        assert not markov.is_correct(item, "")
        assert not markov.is_correct(item, " v")
        assert bool(item.absent) == (split == "test")
        assert not any(text.startswith(absent) for text in documents for absent in item.absent)


def test_beginnings_of_items_are_never_written(documents):
    starts = {text[: len("Chain:") + 64] for text in documents}
    new = {item.prompt[: len("Chain:") + 64] for item in markov.items(Tape("start"), 500)}
    assert len(new) > 495
    assert not starts & new


def test_baselines_are_below_the_optimum(monkeypatch):
    monkeypatch.setattr(markov, "TRAIN_ITEMS", 300)
    scores = markov.baselines(markov.items(Tape("baselines"), 300))
    assert max(scores.values()) < 0.75
    assert scores["unigram"] > 0.35


def test_unknown_split():
    with pytest.raises(ValueError, match="choose one of"):
        markov.items(Tape(1), 1, "valid")
