"""Word functions by example: the function is found from the lines, then the answers checked."""

from __future__ import annotations

from collections import Counter

import pytest
from word_solver import OPPOSITE, SOLVE, irregular

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import by_example

TRAINED = [label for label in SOLVE if label != "third letter"]
NAMES = {"spell": "spelling", "upper": "capitals"}  # the functions whose label is another


def solve(name: str, shown: str) -> str | None:
    """The answer of a function, or a chain of functions, named as in the module's table."""
    word = shown.replace(" ", "")
    for part in name.split(" + "):
        label = NAMES.get(part, part)
        if label == "opposite" and word not in OPPOSITE:
            return None
        letters = SOLVE[label](word)
        word = "".join(letters)
    return " ".join(letters)


def lines_of(text: str) -> list[tuple[str, str]]:
    header, *lines = text.removesuffix(" ;").replace(": ", " ; ", 1).split(" ; ")
    assert header == "Examples"
    return [tuple(line.split(" -> ")) for line in lines]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [by_example.document(Tape("test", i)) for i in range(5000)]


def test_equal_tapes_give_equal_documents(documents):
    assert [by_example.document(Tape("test", i)) for i in range(50)] == documents[:50]


def test_documents_hold_one_trained_function_and_no_held_out_pair(documents):
    found = Counter()
    for text in documents:
        assert text.isascii()
        assert len(text) < 1200
        pairs = lines_of(text)
        assert 10 <= len(pairs) <= 20
        words = [shown.replace(" ", "") for shown, _ in pairs]
        assert len(set(words)) == len(words)
        assert len({" " in shown for shown, _ in pairs}) == 1
        fitting = [f for f in TRAINED if all(solve(f, s) == answer for s, answer in pairs)]
        assert len(fitting) == 1, text
        assert not all(solve("third letter", s) == answer for s, answer in pairs)
        found[fitting[0]] += 1
        for word, (_, answer) in zip(words, pairs, strict=True):
            told = fitting[0] in ("spelling", "opposite") or answer == " ".join(word)
            if not told and not (fitting[0] == "plural" and irregular(word)):
                assert not held_out("word", f"{word}|{answer}")
    assert set(found) == set(TRAINED)
    assert min(found.values()) > 0.75 * max(found.values())


@pytest.mark.parametrize("split", by_example.SPLITS)
def test_items_are_right_and_near_misses_are_refused(split, documents):
    made = by_example.items(Tape("items", split), 500, split)
    assert len(made) == 500
    corpus = "\n".join(documents)
    for item in made:
        name, k = item.meta["function"], item.meta["k"]
        assert item.prompt.startswith("Examples: ")
        *examples, query = item.prompt.removeprefix("Examples: ").split(" ; ")
        assert len(examples) == k
        assert query.endswith(" ->")
        query = query.removesuffix(" ->")
        pairs = [tuple(line.split(" -> ")) for line in examples]
        assert all(solve(name, shown) == answer for shown, answer in pairs)
        assert query not in [shown for shown, _ in pairs]
        answer = solve(name, query)
        assert item.answer == " " + answer
        assert by_example.is_correct(item, item.answer)
        for wrong in (answer + " e", answer[1:], answer + "\nx", answer.swapcase(), "?"):
            assert not by_example.is_correct(item, wrong)
        assert bool(item.absent) == (split != "train")
        assert not any(text in corpus for text in item.absent)
        word = query.replace(" ", "")
        assert item.meta["spelled"] == (" " in query)
        if split == "test":
            assert held_out("word", f"{word}|{answer}")
            assert not any(
                held_out("word", f"{shown.replace(' ', '')}|{shown_answer}")
                and not irregular(shown.replace(" ", ""))
                and shown_answer != " ".join(shown.replace(" ", ""))
                for shown, shown_answer in pairs
            )
        if split in ("third letter", "compositions"):
            assert answer not in [solve(f, query) for f in TRAINED]
    if split != "train":
        counts = Counter(item.meta["k"] for item in made)
        assert set(counts) == {0, 1, 2, 4, 8, 16}
        assert max(counts.values()) - min(counts.values()) <= 1


def test_prompts_of_training_begin_like_documents(documents):
    lengths = Counter()
    for item in by_example.items(Tape("form"), 300, "train"):
        pairs = lines_of(item.prompt + item.answer)
        lengths[len(pairs)] += 1
        fitting = [f for f in TRAINED if all(solve(f, s) == answer for s, answer in pairs)]
        assert NAMES.get(item.meta["function"], item.meta["function"]) in fitting
    assert min(lengths) == 1
    assert 18 <= max(lengths) <= 20


def test_prompt_and_examples_are_what_lessons_build_on():
    pairs = by_example.examples(Tape(5), "reverse", 4)
    assert len(set(pairs)) == 4
    assert all(answer == " ".join(reversed(word)) for word, answer in pairs)
    text = by_example.prompt(pairs, "dog")
    assert text == "Examples: " + "".join(f"{w} -> {a} ; " for w, a in pairs) + "dog ->"
    assert by_example.examples(Tape(5), "third letter", 2, spelled=True)[0][0].count(" ") >= 2
    with pytest.raises(KeyError):
        by_example.examples(Tape(5), "fourth letter", 2)
    with pytest.raises(ValueError, match="cannot take"):
        by_example.examples(Tape(5), "opposite", 500)


def test_prior_is_the_answer_most_functions_give(monkeypatch):
    monkeypatch.setattr(by_example, "TRAIN_ITEMS", 100)
    assert by_example.prior_guess("egg") == "g"  # second and last letter
    scores = by_example.baselines(by_example.items(Tape("baselines"), 300))
    assert max(scores.values()) < 0.2


def test_bits():
    tape = Tape("bits")
    by_example.document(tape)
    assert 60 < tape.bits < 220
    outcomes = list(enumerate_outcomes(lambda t: by_example.examples(t, "spell", 1)))
    assert sum(2.0**-bits for _, bits in outcomes) == pytest.approx(1)


def test_unknown_split():
    with pytest.raises(ValueError, match="choose one of"):
        by_example.items(Tape(1), 1, "shuffled")
