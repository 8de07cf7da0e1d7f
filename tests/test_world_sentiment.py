"""Review sentiment: verdicts recomputed from the text by rules of this file's own."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import sentiment as family

FORMS = (
    r"Review: (?P<text>.+)\nSentiment:",
    r"(?P<text>[^\n:]+)\nGood or bad\?",
    r"Read this review\. (?P<text>.+)\nVerdict:",
    r"Did the guest like it\? (?P<text>.+)\nOverall:",
)
NEW_FORMS = (r"A guest wrote: (?P<text>.+)\nSentiment:", r"(?P<text>[^\n:]+)\nIn short, it was")
BESIDE = r"(We came|This was our|We were|We stayed|Someone told|In the next|My brother|Last year)"
DENIALS = (" not ", " hardly ", " far from ", " anything but ", "cannot say", "obody agreed")


def text_of(prompt: str, forms: tuple[str, ...] = FORMS) -> str:
    found = [match["text"] for form in forms if (match := re.fullmatch(form, prompt))]
    assert len(found) == 1, prompt
    return found[0]


def core_of(text: str) -> str:
    """The sentences that count."""
    own = [part.strip() for part in re.findall(r"[^.]+\.", text)]
    return " ".join(part for part in own if not re.match(BESIDE, part))


def claims(text: str) -> tuple[str, str]:
    """The claim that decides, and the one that does not (or nothing)."""
    sentences = core_of(text).removesuffix(".").split(". ")
    if len(sentences) == 2:
        first, last = sorted(sentences, key=lambda s: not s.startswith("All in all"))
        return first, last
    (sentence,) = sentences
    for between in (" at first, but ", ", but in the end "):
        if between in sentence:
            no, yes = sentence.split(between)
            return yes, no
    if sentence.startswith("Although "):
        no, yes = sentence.split(", ")
        return yes, no
    yes, _, no = sentence.partition(", ")
    assert re.match(r"although |even if |$", no)
    return yes, no


def says_good(claim: str) -> bool:
    last = claim.split()[-1]
    assert (last in family.GOOD) != (last in family.BAD), claim
    return (last in family.GOOD) == (sum(claim.count(d) for d in DENIALS) % 2 == 0)


def solve(text: str) -> str:
    return " good" if says_good(claims(text)[0]) else " bad"


@pytest.mark.parametrize("split", family.SPLITS)
def test_answers_are_what_the_text_says(split):
    forms = NEW_FORMS if split == "wording" else FORMS
    for item in family.items(Tape("items", split), 500, split):
        text = text_of(item.prompt, forms)
        assert item.answer == solve(text)
        assert held_out("text", core_of(text)) == (split != "train")
        assert bool(item.absent) == (split != "train")


def test_documents_are_right_and_hold_nothing_held_out():
    documents = [family.document(Tape("documents", i)) for i in range(5000)]
    lines = 0
    for document in documents:
        reviews = document.split("\n\n")
        assert len(reviews) <= 4
        for review in reviews:
            found = re.fullmatch(
                r"([^\n]+\n(?:Good or bad\?|\w+:))( good| bad)((?:\n\w+: \w+)+)", review
            )
            text = text_of(found[1])
            assert found[2] == solve(text)
            assert not held_out("text", core_of(text))
            for line in found[3].split("\n")[1:]:
                subject, said = line.split(": ")
                (claim,) = (
                    c for c in claims(text) if re.search(rf"\b[Tt]he {subject} (was|seemed)", c)
                )
                assert said == ("good" if says_good(claim) else "bad")
                lines += 1
    assert lines > 8000
    together = "\n".join(documents)
    for split in ("test", "wording"):
        for item in family.items(Tape("items", split), 500, split):
            assert not [text for text in item.absent if text in together]


def test_training_has_plain_reviews_and_items_have_none():
    def denied(texts):
        found = [claim for text in texts for claim in claims(text_of(text))]
        return sum(
            bool(re.search(r"\b(not|hardly|far from|anything but)\b", c)) for c in found
        ) / len(found)

    items = [item.prompt for item in family.items(Tape("denied"), 500)]
    reviews = [family.document(Tape("denied", i)) for i in range(1000)]
    reviews = [
        re.match(r"[^\n]+\n(?:Good or bad\?|\w+:)", review)[0]
        for document in reviews
        for review in document.split("\n\n")
    ]
    assert denied(items) > 0.4
    assert denied(reviews) < denied(items) - 0.08


def test_wrong_outputs_are_refused():
    for item in family.items(Tape("wrong"), 50):
        wrong = " bad" if item.answer == " good" else " good"
        assert family.is_correct(item, item.answer)
        for output in (wrong, "", item.answer + wrong, " not" + item.answer, item.answer + "ly"):
            assert not family.is_correct(item, output)


def test_the_words_alone_do_not_tell():
    scores = family.baselines(family.items(Tape("baselines of the test"), 300))
    assert scores["bag of words"] < 0.75
    assert scores["nearest document"] < 0.85
    assert scores["constant"] < 0.6


def test_equal_tapes_equal_documents_and_finite_bits():
    one, two = Tape("a", 1), Tape("a", 1)
    assert family.document(one) == family.document(two)
    assert one.bits == two.bits
    assert 5 < one.bits < 100
    assert len({family.document(Tape("b", i)) for i in range(300)}) > 290


def test_the_bits_of_a_claim_are_its_probability():
    for plain in (False, True):
        made = list(
            enumerate_outcomes(lambda tape, plain=plain: family._claim(tape, "soup", True, plain))
        )
        assert math.isclose(sum(2**-bits for _, bits in made), 1)
    assert all(says_good(claim) for claim, _ in made)


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split='dev'"):
        family.items(Tape("x"), 1, "dev")


def test_the_solver_can_fail():
    item = family.items(Tape("x"), 1)[0]
    text = text_of(item.prompt)
    yes = claims(text)[0]
    denied = re.sub(r"\w+$", lambda w: "bad" if w[0] in family.GOOD else "good", yes)
    assert solve(text.replace(yes, denied)) != item.answer
