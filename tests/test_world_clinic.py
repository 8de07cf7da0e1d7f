"""Clinic notes: every field is recomputed from the note's own words, and nothing is shipped."""

from __future__ import annotations

import re

import pytest

from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks import clinic
from lessons.world.tasks.base import Item


def own(note: str) -> list[str]:
    """The note's sentences about the patient, this year."""
    sentences = re.findall(r"[^.]+\.", note)
    others = ("relative", *clinic.RELATIVES)
    return [s for s in sentences if "Last year" not in s and not any(o in s for o in others)]


def read(note: str) -> dict[str, str]:
    """The fields, by searching for values, as a person would with a pencil."""
    text = " ".join(own(note))
    found = dict.fromkeys(clinic.FIELDS, clinic.MISSING)
    found["age"] = re.search(r"\d+", text)[0]
    denied = re.search(r"not an? (.+?) that troubles", text)
    complaints = [c for c in clinic.COMPLAINTS if c in text and not (denied and c == denied[1])]
    (found["complaint"],) = complaints
    (found["since"],) = [s for s in clinic.SINCE if f"{s} ago" in text or f"for {s}" in text]
    if re.search("no fever|temperature is normal|denies having", text):
        found["fever"] = "no"
    elif re.search("fever|Fever|temperature is high", text):
        found["fever"] = "yes"
    for medicine in clinic.MEDICINES:
        if medicine in text.lower():
            found["medicine"] = medicine
            (found["dose"],) = [dose for dose in clinic.DOSES if dose in text]
    if re.search("no medicine|Nothing was prescribed", text):
        found["medicine"] = "none"
    for allergy in clinic.ALLERGIES:
        if re.search(rf"(stand|to|from) {allergy}\.", text):
            found["allergy"] = allergy
    if re.search("No allergies|allergic to nothing", text):
        found["allergy"] = "none"
    for advice in clinic.ADVICE:
        if re.search(rf"(Advised|try|Plan:) {advice}\.|{advice} was recommended", text, re.I):
            found["advice"] = advice
    return found


@pytest.mark.parametrize("split", clinic.SPLITS)
def test_the_fields_are_what_the_note_says(split: str) -> None:
    for item in clinic.items(Tape("clinic test", split), 300, split):
        assert read(item.meta["note"]) == item.meta["fields"], item.meta["note"]
        assert clinic.is_correct(item, item.answer)
        assert clinic.fields(item.answer) == item.meta["fields"]


def test_cases_of_test_are_not_among_those_of_training() -> None:
    train = {i.answer for i in clinic.items(Tape("clinic test", 1), 2000, "train")}
    assert train.isdisjoint(i.answer for i in clinic.items(Tape("clinic test", 2), 300, "test"))


def test_new_wordings_are_in_no_training_note() -> None:
    texts = " ".join(i.prompt for i in clinic.items(Tape("clinic test", 3), 500, "train"))
    for mark in (
        "turned",
        "reports",
        "brings",
        "Onset",
        "feverish",
        "Treated",
        "kept away",
        "Plan:",
    ):
        assert mark not in texts
        assert mark in " ".join(
            i.prompt for i in clinic.items(Tape("clinic test", 3), 200, "wording")
        )


def test_the_shipped_plans_know_nothing_of_it() -> None:
    assert clinic.NAME not in FAMILIES
    assert all(clinic.NAME not in plan.documents for plan in PLANS.values())


@pytest.fixture
def item() -> Item:
    return clinic.items(Tape("clinic test", 4), 1, "test")[0]


def test_order_is_free_and_everything_else_is_not(item: Item) -> None:
    parts = item.answer.strip().split(" ; ")
    assert clinic.is_correct(item, " " + " ; ".join(reversed(parts)))
    assert not clinic.is_correct(item, " " + " ; ".join(parts[:-1]))
    assert not clinic.is_correct(item, "")
    assert not clinic.is_correct(item, item.answer.replace(item.meta["fields"]["age"], "17"))


def test_counts_of_right_said_true_and_unsupported(item: Item) -> None:
    truth = item.meta["fields"]
    known = sum(value != clinic.MISSING for value in truth.values())
    assert clinic.counts(item, item.answer) == {
        "right": known, "said": known, "true": known, "unsupported": 0,
    }  # fmt: skip
    found = clinic.counts(item, f" age {truth['age']} ; complaint broken heart ; nonsense")
    assert found == {"right": 1, "said": 2, "true": known, "unsupported": 1}
    assert clinic.counts(item, "")["said"] == 0


def test_the_constant_answer_is_right_now_and_then() -> None:
    some = clinic.items(Tape("clinic test", 5), 200, "test")
    assert 0.2 < clinic.baselines(some)["constant, by field"] < 0.6
