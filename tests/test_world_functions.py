"""Word functions by instruction: answers recomputed from the prompt's text alone."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from word_solver import OPPOSITE, SOLVE, irregular

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import by_example, functions
from lessons.world.words import NOUNS, TEXTS

ORDERS = (
    (r"spell (.+)", "spelling"),
    (r"reverse (.+)", "reverse"),
    (r"give the (\D+?) of (.+)", None),
    (r"write (.+) without the first letter", "without the first letter"),
    (r"write (.+) in capitals", "capitals"),
    (r"double each letter of (.+)", "doubled"),
)
FORMS = (
    r"(?P<label>[a-z ,]+): (?P<word>[a-z ]+) = ?",
    r"For (?P<word>[a-z ]+), (?P<label>[a-z ]+(, then [a-z ]+)?): ?",
    r"Please (?P<order>.+)\. ?",
    r"How do you (?P<order>.+)\? ?",
    r"From (?P<word>[a-z ]+) \((?P<label>[a-z ,]+)\) = ?",
    r"Now (?P<order>.+): ?",
)


def steps(question: str) -> tuple[list[str], str]:
    """The labels of the functions asked for, and the word."""
    for form in FORMS:
        if found := re.fullmatch(form, question):
            parts = found.groupdict()
            if "label" in parts:
                return parts["label"].split(", then "), parts["word"].replace(" ", "")
            named = [step(order) for order in parts["order"].split(", then ")]
            return [label for label, _ in named], named[0][1].replace(" ", "")
    raise AssertionError(f"no form fits {question!r}")


def step(order: str) -> tuple[str, str]:
    for form, label in ORDERS:
        if found := re.fullmatch(form, order):
            return (label, found[1]) if label else (found[1], found[2])
    raise AssertionError(f"no order fits {order!r}")


def solve(question: str) -> str:
    labels, word = steps(question)
    for label in labels:
        letters = SOLVE[label](word)
        word = "".join(letters)
    return " ".join(letters)


def split_line(line: str) -> tuple[str, str]:
    question, answer = re.fullmatch(r"(.+?(?: =|:(?! [a-z ]+ =)|\.|\?)) (.+)", line).groups()
    return question, answer


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [functions.document(Tape("test", i)) for i in range(5000)]


def test_equal_tapes_give_equal_documents(documents):
    assert [functions.document(Tape("test", i)) for i in range(50)] == documents[:50]
    assert len(set(documents)) > 4990


def test_documents_are_right_and_hold_no_held_out_pair(documents):
    asked, spelled = Counter(), set()
    for text in documents:
        assert text.isascii()
        assert len(text) < 450
        assert text == text.strip()
        lines = text.split("\n")
        assert 4 <= len(lines) <= 6
        words = []
        for line in lines:
            question, answer = split_line(line)
            assert solve(question) == answer, line
            (label,), word = steps(question)
            words.append(word)
            asked[label] += 1
            if label == "spelling":
                spelled.add(word)
            elif label != "opposite" and not (label == "plural" and irregular(word)):
                assert not held_out("word", f"{word}|{answer}") or answer == " ".join(word), line
        assert len(set(words)) == len(words)
    assert len(spelled) > 0.95 * len(TEXTS)  # the rest by chance: some 2,000 were drawn
    assert functions.words_of("spell", False) == TEXTS
    assert set(asked) == set(SOLVE) - {"third letter"}
    assert min(asked.values()) > 0.8 * max(asked.values())


@pytest.mark.parametrize("split", functions.SPLITS)
def test_items_are_right_and_near_misses_are_refused(split, documents):
    made = functions.items(Tape("items", split), 500, split)
    assert len(made) == 500
    assert made == functions.items(Tape("items", split), 500, split)
    corpus = "\n".join(documents)
    for item in made:
        answer = solve(item.prompt)
        assert item.answer == " " + answer
        assert functions.is_correct(item, item.answer)
        assert functions.is_correct(item, answer + " ")
        for wrong in (answer + " s", answer[:-1], answer[::-1] + "x", answer.swapcase(), ""):
            assert not functions.is_correct(item, wrong)
        if len(answer) > 1 and " " in answer:
            assert not functions.is_correct(item, answer.replace(" ", ""))
        new = split != "train"
        assert bool(item.absent) == new
        assert not any(text in corpus for text in item.absent)
        if split in ("test", "wording"):
            assert held_out("word", f"{item.meta['word']}|{answer}")
        if split == "wording":
            assert re.match("From|Now", item.prompt)


def masked(question: str) -> str:
    """The question with its word left out."""
    word = steps(question)[1]
    return re.sub(rf" ({word}|{' '.join(word)})\b(?! (the|each|write))", " *", question)


def test_prompts_of_training_have_the_form_of_documents(documents):
    questions = [split_line(line)[0] for text in documents[:1000] for line in text.split("\n")]
    forms = {masked(q) for q in questions}
    assert len(forms) == 12 * 4
    for item in functions.items(Tape("form"), 200, "train"):
        assert masked(item.prompt) in forms
        assert split_line(item.prompt + item.answer) == (item.prompt, item.answer[1:])


def test_untrained_functions_cannot_be_right_by_a_trained_one():
    for name in ("third letter", *functions.COMPOSITIONS):
        queries = functions.words_of(name, True)
        assert len(queries) > 300
        for word in queries:
            answer = functions.FUNCTIONS[name].apply(word)
            for label, apply in SOLVE.items():
                if label == name or word not in (
                    NOUNS if label == "plural" else OPPOSITE if label == "opposite" else TEXTS
                ):
                    continue
                assert " ".join(apply(word)) != answer


def test_held_out_words_are_neither_none_nor_many():
    for name in functions.TESTED:
        new, told = functions.words_of(name, True), functions.words_of(name, False)
        assert not set(new) & set(told)
        assert 0.07 < len(new) / len(new + told) < 0.2
    assert not functions.words_of("spell", True)
    assert not functions.words_of("opposite", True)


def test_baselines_are_low(monkeypatch):
    monkeypatch.setattr(functions, "TRAIN_ITEMS", 200)
    scores = functions.baselines(functions.items(Tape("baselines"), 300))
    assert set(scores) == {"constant", "bag of words", "nearest document"}
    assert max(scores.values()) < 0.2


def test_bits():
    tape = Tape("bits")
    functions.document(tape)
    assert 30 < tape.bits < 120
    outcomes = list(enumerate_outcomes(lambda t: by_example.examples(t, "opposite", 2)))
    assert len(outcomes) == len(OPPOSITE) * (len(OPPOSITE) - 1)
    assert sum(2.0**-bits for _, bits in outcomes) == pytest.approx(1)


def test_unknown_split():
    with pytest.raises(ValueError, match="choose one of"):
        functions.items(Tape(1), 1, "valid")
