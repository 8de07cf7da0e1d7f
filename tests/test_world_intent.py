"""What a customer wants: recomputed from the message by patterns of this file's own."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import intent as family

FORMS = (
    r"Customer: (?P<text>.+)\nIntent:",
    r"(?P<text>.+)\nWhat does the customer want\?",
    r"Sort this message\. (?P<text>.+)\nIntent:",
    r"Message: (?P<text>.+)\nThe wish:",
)
NEW_FORMS = (r"To the shop: (?P<text>.+)\nIntent:", r"(?P<text>.+)\nSo the customer asks for")
WANTED = (  # what stands around the wish that counts; the first that fits
    r"I only want to (.+?)(?:,|\.)",
    r"(?:would rather|Now I would rather) (.+?)(?:, though|\.)",
    r"wants to .+\. I want to (.+?)\.",
    r"I would like to (.+?)\.",
    r"You ask if I wish to .+\. No, I wish to (.+?)\.",
    r"I wish to (.+?)\. You ask",
    r"Today I write to (.+?)\.",
    r"I have no wish to .+, I wish to (.+?)\.",
    r"I wish to (.+?), and I have no wish",
    r"I called to (.+?), not to",
    r"I did not call to .+ but to (.+?)\.",
    r"I want to (.+?)\.",
)
KEYS = {
    "status": r"know where|will come|was sent|parcel is late",
    "refund": r"money back|refund|paid back",
    "exchange": r"swap|for a new one|in place of",
    "cancel": r"call off|cancel|stop the order",
    "address": r"sent to [A-Z]|new address|that I live",
    "hours": r"you open|are open|closes",
    "price": r"costs|price|how much",
    "repair": r"mended|repaired|made whole",
}


def text_of(prompt: str, forms: tuple[str, ...] = FORMS) -> str:
    found = [match["text"] for form in forms if (match := re.fullmatch(form, prompt))]
    assert len(found) == 1, prompt
    return found[0]


def core_of(text: str) -> str:
    """The message without greeting and name."""
    return re.sub(r"^(Hello|Good morning|Dear shop|Excuse me)\. | Yours, \w+\.$", "", text)


def solve(text: str) -> str:
    wish = next(found[1] for form in WANTED if (found := re.search(form, text)))
    (intent,) = (intent for intent, key in KEYS.items() if re.search(key, wish))
    return f" {intent}"


@pytest.mark.parametrize("split", family.SPLITS)
def test_answers_are_what_the_message_says(split):
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
        assert f" {answer}" == solve(text), document
        assert not held_out("text", core_of(text))
        assert "{" not in document
    together = "\n".join(documents)
    for split in ("test", "wording"):
        for item in family.items(Tape("items", split), 500, split):
            assert not [text for text in item.absent if text in together]


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
    assert len({family.document(Tape("b", i)) for i in range(300)}) > 285


@pytest.mark.parametrize("intent", ["status", "hours"])
def test_the_bits_of_a_wish_are_its_probability(intent):
    made = list(enumerate_outcomes(lambda tape: family._wish(tape, intent)))
    assert math.isclose(sum(2**-bits for _, bits in made), 1)
    assert all(re.search(KEYS[intent], wish) for wish, _ in made)


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split='dev'"):
        family.items(Tape("x"), 1, "dev")
