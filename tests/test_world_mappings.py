"""Mappings invented per document: read back from the text."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lessons.world.tape import Tape
from lessons.world.tasks import mappings
from lessons.world.words import TEXTS


def statements(text: str) -> list[tuple[str, str]]:
    """All (key, value) of a document or prompt; an unfinished last statement has value ''."""
    header, *parts = re.split(r"(?<=:) | ; ?", text)
    assert header == "Pairs:"
    found = [re.fullmatch(r"([a-z]{3}) is ?([a-z]*)", part) for part in parts if part]
    return [(match[1], match[2]) for match in found]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [mappings.document(Tape("test", i)) for i in range(5000)]


def test_equal_tapes_give_equal_documents(documents):
    assert [mappings.document(Tape("test", i)) for i in range(50)] == documents[:50]


def test_documents_hold_one_mapping_each(documents):
    seen = set()
    numbers = Counter()
    for text in documents:
        assert len(text) < 1200
        assert text.endswith(" ;")
        made = statements(text)
        assert 20 <= len(made) <= 40
        pairs = set(made)
        assert len({key for key, _ in pairs}) == len({value for _, value in pairs}) == len(pairs)
        assert 3 <= len(pairs) <= 12
        assert all(value in mappings.VALUES and key not in TEXTS for key, value in pairs)
        numbers[len(pairs)] += 1
        seen.add(frozenset(pairs))
    assert len(seen) == len(documents)
    assert set(numbers) >= set(range(5, 13))
    assert numbers[12] > 100  # all of twelve pairs, in at most 40 statements


@pytest.mark.parametrize("split", mappings.SPLITS)
def test_items_are_right_and_near_misses_are_refused(split, documents):
    made = mappings.items(Tape("items", split), 500, split)
    assert len(made) == 500
    corpus = "\n".join(documents)
    times, distances = Counter(), set()
    for item in made:
        *before, (key, nothing) = statements(item.prompt)
        assert nothing == ""
        assert item.stop == " ;"
        values = [value for other, value in before if other == key]
        assert len(set(values)) == 1
        assert item.answer == " " + values[0]
        assert len(values) == item.meta["n"]
        times[len(values)] += 1
        last = max(at for at, (other, _) in enumerate(before) if other == key)
        assert len(before) - last == item.meta["distance"]
        distances.add(item.meta["distance"])
        assert mappings.is_correct(item, item.answer)
        others = {value for _, value in before} - {values[0]}
        for wrong in (*others, key, "", values[0] + " red", values[0][:-1]):
            assert not mappings.is_correct(item, wrong)
        assert bool(item.absent) == (split != "train")
        assert not any(text in corpus for text in item.absent)
        assert len(set(before)) == len({k for k, _ in before})
        assert 10 <= len(before) <= 39
    expected = {"test": {1}, "seen n": {2, 3, 4, 5}, "train": {1, 2, 3, 4, 5}}
    assert set(times) == expected[split]
    assert len(distances) > 15


def test_held_out_pairs_are_about_one_in_eight():
    pairs = [(key, value) for key in mappings.KEYS for value in mappings.VALUES]
    share = sum(mappings.is_held_out(*pair) for pair in pairs) / len(pairs)
    assert 0.1 < share < 0.15


def test_baselines_are_low(monkeypatch):
    monkeypatch.setattr(mappings, "TRAIN_ITEMS", 300)
    scores = mappings.baselines(mappings.items(Tape("baselines"), 300))
    assert max(scores.values()) < 0.3


def test_bits():
    """Keys and values are drawn among thousands and 24; then each statement among the pairs."""
    tape = Tape("bits")
    text = mappings.document(tape)
    pairs = len(set(statements(text)))
    assert 6 * 11 < tape.bits < 12 * 18 + 40 * 3.6 + 10
    assert tape.bits > pairs * 11 + len(statements(text)) * 2.58


def test_unknown_split():
    with pytest.raises(ValueError, match="choose one of"):
        mappings.items(Tape(1), 1, "seen once")
