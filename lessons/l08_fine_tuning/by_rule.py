"""A bag of words that is handed the age by a rule, at wordings that no training note has."""

from __future__ import annotations

from typing import Any

from lessons.l08_fine_tuning import measures, tuning
from lessons.l08_fine_tuning.transfer import SPECIALIST, TEST


def wording(seed: int) -> dict[str, Any]:
    """Fields and whole notes right, of the same notes in new wordings that the specialist gets."""
    train, some = tuning.notes(SPECIALIST, seed), tuning.notes(TEST, seed, "wording")
    fields, notes = measures.bag_of_words(train, some, age_by_rule=True)
    return {"seed": seed, "fields": fields, "notes": notes}
