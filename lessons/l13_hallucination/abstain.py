"""Teaching a model to say that it does not know, and what that costs; and teaching it the unknown.

Arms of equal steps and equal batches, each from fernhollow, each with as many old documents as
new: "abstain" learns to answer "not stated" about people who do not exist and rightly about people
whom it knows; "known" only the latter; "unknown" learns true answers about people it never read of
(Gekhman et al. 2024, 2405.05904, found that this raises errors elsewhere).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from lessons.l08_fine_tuning import tuning
from lessons.l13_hallucination import records
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from minigpt import GPT, BPETokenizer

ARMS = ("known", "abstain", "unknown")
QUESTIONS, STEPS, RATE = 600, 150, 1e-3


def questions(arm: str, seed: int, n: int = QUESTIONS) -> list[Item]:
    """What an arm learns from: half (or all) known facts, half of what its name says."""
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {ARMS}")
    half = n if arm == "known" else n // 2
    some = records.items(records.ASKED, half, 900 + seed)
    if arm == "abstain":
        strangers = records.items(records.NOBODY, n - half, 900 + seed)
        some += [replace(item, answer=f" {NOT_STATED}") for item in strangers]
    elif arm == "unknown":
        some += records.items(records.UNWRITTEN, n - half, 900 + seed)
    return Tape("lesson 13", "arm", seed).shuffled(some)


def taught(model: GPT, tokenizer: BPETokenizer, arm: str, seed: int, steps: int = STEPS) -> GPT:
    """A copy of the model that has learnt an arm's questions."""
    tuned = copy.deepcopy(model)
    some = questions(arm, seed)
    replay = tuning.METHODS["replay"]
    tuning.tune(tuned, tokenizer, some, replay, RATE, seed=seed, steps=steps)
    return tuned.eval()


def shares(
    model: GPT, tokenizer: BPETokenizer, groups: Sequence[str], n: int, seed: int
) -> dict[str, dict[str, float]]:
    """For each group of questions: the shares right, stated, and declined with "not stated"."""
    found = {}
    for group in groups:
        rows = records.record(model, tokenizer, group, records.items(group, n, seed))
        found[group] = {
            "right": sum(row["right"] for row in rows) / n,
            "stated": sum(row["stated"] for row in rows) / n,
            "declined": sum(row["output"] == NOT_STATED for row in rows) / n,
        }
    return found
