"""Topic: recomputed from the text by patterns of this file's own."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import topic as family

FORMS = (
    r"Text: (?P<text>.+)\nTopic:",
    r"(?P<text>.+)\nWhat is this about\?",
    r"Which topic is this\? (?P<text>.+)\nTopic:",
    r"Note: (?P<text>.+)\nFile it under:",
)
NEW_FORMS = (r"Paragraph: (?P<text>.+)\nTopic:", r"(?P<text>.+)\nIts subject is")
NOUN = r"(?:the|this|that|these|those) (\w+)"
DECIDES = (  # what stands before or after the noun that the text is about
    rf"came for but {NOUN}",
    rf"It was {NOUN} \w+ came for, not",
    rf"a page on {NOUN}",
    rf"this note concerns {NOUN}",
    rf"spoke only of {NOUN}",
    rf"had {NOUN} in mind",
    rf"the letter dealt with {NOUN}",
    rf"of {NOUN} (?:we heard )?everything",
    rf"let us talk about {NOUN}",
    rf"\w+ described {NOUN}",
    rf"told us all about {NOUN}",
    rf"The whole talk was about {NOUN}",
)


def text_of(prompt: str, forms: tuple[str, ...] = FORMS) -> str:
    found = [match["text"] for form in forms if (match := re.fullmatch(form, prompt))]
    assert found, prompt
    return min(found, key=len)


def core_of(text: str) -> str:
    """The sentence that counts."""
    side = r"Nobody asked|We did not get|Only once did|\w+ \w+ had to wait"
    (core,) = (part for part in re.findall(r"[^.]+\.", text) if not re.match(side, part.strip()))
    return core.strip()


def solve(text: str) -> str:
    found = [m[1] for p in DECIDES for m in re.finditer(p, text, re.IGNORECASE)]
    assert len(found) == 1, text
    (topic,) = (topic for topic, nouns in family.TOPICS.items() if found[0] in nouns)
    return f" {topic}"


@pytest.mark.parametrize("split", family.SPLITS)
def test_answers_are_what_the_text_says(split):
    forms = NEW_FORMS if split == "wording" else FORMS
    for item in family.items(Tape("items", split), 500, split):
        text = text_of(item.prompt, forms)
        assert item.answer == solve(text)
        assert item.answer in item.choices
        assert held_out("text", core_of(text)) == (split != "train")
        assert bool(item.absent) == (split != "train")


def test_documents_are_right_and_hold_nothing_held_out():
    documents = [family.document(Tape("documents", i)) for i in range(5000)]
    for document in documents:
        prompt, answer = document.rsplit(" ", 1)
        text = text_of(prompt)
        assert f" {answer}" == solve(text)
        assert not held_out("text", core_of(text))
    together = "\n".join(documents)
    for split in ("test", "wording"):
        for item in family.items(Tape("items", split), 500, split):
            assert not [text for text in item.absent if text in together]


def test_no_noun_belongs_to_two_topics():
    nouns = [noun for nouns in family.TOPICS.values() for noun in nouns]
    assert len(nouns) == len(set(nouns)) == 8 * 12


def test_wrong_outputs_are_refused():
    for item in family.items(Tape("wrong"), 50):
        assert family.is_correct(item, item.answer)
        others = [choice for choice in item.choices if choice != item.answer]
        assert len(others) == 7
        for output in (*others, "", item.answer + others[0], item.answer[:-1]):
            assert not family.is_correct(item, output)


def test_the_words_alone_do_not_tell():
    scores = family.baselines(family.items(Tape("baselines of the test"), 300))
    assert scores["bag of words"] < 0.75
    assert scores["nearest document"] < 0.75
    assert scores["constant"] < 0.25


def test_equal_tapes_equal_documents_and_finite_bits():
    one, two = Tape("a", 1), Tape("a", 1)
    assert family.document(one) == family.document(two)
    assert one.bits == two.bits
    assert 5 < one.bits < 100
    assert len({family.document(Tape("b", i)) for i in range(300)}) > 290


def test_the_bits_of_a_phrase_are_its_probability():
    made = list(enumerate_outcomes(lambda tape: family._phrase(tape, "garden")))
    assert math.isclose(sum(2**-bits for _, bits in made), 1)
    assert {phrase.split()[1] for phrase, _ in made} == set(family.TOPICS["garden"])
    assert not {"this roses", "these lawn"} & {phrase for phrase, _ in made}


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split='dev'"):
        family.items(Tape("x"), 1, "dev")
