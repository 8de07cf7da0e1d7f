"""Teaching a model to say that it does not know, and what that costs; and teaching it the unknown.

Arms of equal steps and equal batches, each from fernhollow, each with as many old documents as
new: "abstain" learns to answer "not stated" about people who do not exist and rightly about people
whom it knows; "known" only the latter; "unknown" learns true answers about people it never read of
(Gekhman et al. 2024, 2405.05904, found that this raises errors elsewhere, most once such facts are
fitted). So each arm is measured early and at its end, and on its own questions: were they learnt?

No fact, person or surname that an arm learns is asked of it afterwards: it learns from the parts
TEACH of each group's questions, and seed s is asked those of part s.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lessons.l08_fine_tuning import tuning
from lessons.l13_hallucination import records
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from minigpt import GPT, BPETokenizer

ARMS = ("known", "abstain", "unknown")
TAUGHT = "its own questions"
GROUPS = (records.ASKED, "64", "8", "1", records.UNWRITTEN, records.NOBODY)
TEACH = (3, 4)  # parts to learn from
QUESTIONS, EARLY, STEPS, RATE = 400, 100, 400, 1e-3  # 16 questions a step: 4 and 16 passes
TEST = 100  # questions of a group
PENALTIES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.9)  # t of the score below


def _pool(group: str, seed: int, n: int) -> list[Item]:
    every = [item for number in TEACH for item in records.part(group, number, None)]
    return Tape("lesson 13", "taught", group, seed).sample(every, n)


def questions(arm: str, seed: int, n: int = QUESTIONS) -> list[Item]:
    """What an arm learns from: first the half that all arms share, then what its name says."""
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {ARMS}")
    known = _pool(records.ASKED, seed, n)
    if arm == "known":
        return known
    if arm == "unknown":
        return known[: n // 2] + _pool(records.UNWRITTEN, seed, n - n // 2)
    strangers = _pool(records.NOBODY, seed, n - n // 2)
    return known[: n // 2] + [replace(item, answer=f" {NOT_STATED}") for item in strangers]


def rows(
    model: GPT, tokenizer: BPETokenizer, arm: str, steps: int, seed: int, n: int = TEST
) -> Iterator[dict[str, Any]]:
    """What a model says to n questions of each group, and of its own: a row for each."""
    tests: dict[str, Sequence[Item]] = {group: records.part(group, seed, n) for group in GROUPS}
    if arm in ARMS:
        tests[TAUGHT] = questions(arm, seed)[-n:]
    for group, some in tests.items():
        for row in records.record(model, tokenizer, group, some):
            declined = int(row["output"] == NOT_STATED)
            marks = {"right": row["right"], "stated": row["stated"], "declined": declined}
            kept = {name: row[name] for name in ("prompt", "truth", "output", "confidence")}
            yield {"arm": arm, "steps": steps, "seed": seed, "group": group, **kept, **marks}


def learn(
    model: GPT,
    tokenizer: BPETokenizer,
    arm: str,
    seed: int,
    *,
    steps: int = STEPS,
    early: int = EARLY,
    n: int = TEST,
) -> list[dict[str, Any]]:
    """The rows of a copy of the model that learns an arm's questions: early, and at the end."""
    tuned = copy.deepcopy(model)
    found: list[dict[str, Any]] = []

    def stop(step: int) -> bool:
        if step in (early, steps):
            found.extend(rows(tuned, tokenizer, arm, step, seed, n))
        return False

    some = Tape("lesson 13", "arm", seed).shuffled(questions(arm, seed))
    replay = tuning.METHODS["replay"]
    tuning.tune(
        tuned, tokenizer, some, replay, RATE, seed=seed, steps=steps, every=early, stop=stop
    )
    return found


def score(right: float, false: float, t: float) -> float:
    """What an answer earns where a wrong one costs t / (1 - t): whoever is surer than t answers.

    Shares right and false; declining earns 0. t = 0 is the usual grading, which never charges for a
    guess (Kalai et al. 2025, 2509.04664).
    """
    if not 0 <= t < 1:
        raise ValueError(f"t={t}: choose 0 <= t < 1")
    return right - false * t / (1 - t)
