"""What a model answers to questions closed book: one record for each, with truth and confidence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import torch

from lessons import evaluate
from lessons.world.corpus import encode
from lessons.world.plan import LEVELS, PLANS, Plan, never_asked
from lessons.world.tape import Tape
from lessons.world.tasks import biographies, questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, Person, people
from minigpt import GPT, BPETokenizer
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating
from minigpt.tokenizer import END

NOBODY = "nobody"  # people who do not exist
UNWRITTEN = "never written"  # people of the truth table of whom no document speaks
ASKED = "asked"  # people of whom training asks these questions
GROUPS = (NOBODY, UNWRITTEN, *map(str, LEVELS), ASKED)
SPLITS = {NOBODY: "strangers", UNWRITTEN: "never written", ASKED: "asked", "0": "never told"}


def items(group: str, n: int, seed: int) -> list[Item]:
    """n questions of a group: one of NOBODY, UNWRITTEN, ASKED, or a number of exposures as text.

    Raises ValueError for another group.
    """
    if group not in GROUPS:
        raise ValueError(f"group={group!r}: choose one of {GROUPS}")
    tape = Tape("lesson 13", group, seed)
    if group in SPLITS:
        return questions.items(tape, n, SPLITS[group])
    return [questions._told_times(tape, int(group)) for _ in range(n)]


def confidence(model: GPT, tokenizer: BPETokenizer, prompt: str, output: str) -> float:
    """The probability of a whole output and of the end of the document after it."""
    end = tokenizer.special_tokens[END]
    said = [*encode(tokenizer, output), end]
    ids = torch.tensor([[end, *encode(tokenizer, prompt), *said]], device=model.device)
    with evaluating(model):
        logits = model(ids[:, :-1])[:, -len(said) :]
        return math.exp(-float(next_token_loss(logits, ids[:, -len(said) :], "sum")))


def record(
    model: GPT, tokenizer: BPETokenizer, group: str, some: Sequence[Item]
) -> list[dict[str, Any]]:
    """A row for each question: prompt, truth ("" if there is none), output, confidence, and marks.

    `confidence`: see there. `stated`: a value such as answers the question (not "not stated", nor
    anything else). `right`: the truth.
    """
    rows = []
    for item, output in zip(some, evaluate.answers(model, tokenizer, some), strict=True):
        said = output.strip()
        rows.append(
            {
                "group": group,
                "attribute": item.meta["attribute"],
                "prompt": item.prompt,
                "truth": item.answer.strip(),
                "output": said,
                "confidence": confidence(model, tokenizer, item.prompt, output),
                "stated": int(said in [choice.strip() for choice in item.choices]),
                "right": int(questions.is_correct(item, output)),
            }
        )
    return rows


# The text that was read.


@cache
def _person(name: str) -> Person:
    found = [person for person in people() if person.name == name]
    if not found:
        raise ValueError(f"nobody in Fernhollow is called {name!r}")
    return found[0]


@cache
def _schedule(plan_name: str) -> list[tuple[float, Person, tuple[tuple[str, str], ...]]]:
    return biographies.schedule(PLANS[plan_name])


def documents_about(name: str, plan: str = "fernhollow") -> list[str]:
    """Every biography of the training text that names somebody; none for people it does not name.

    They are written again from the plan, byte for byte, which takes some seconds the first time.
    """
    seed = PLANS[plan].seed
    found = []
    for number, (_, person, facts) in enumerate(_schedule(plan)):
        if person.name == name:
            found.append(biographies.biography(Tape(seed, biographies.NAME, number), person, facts))
    return found


def says_so(name: str, value: str, plan: str = "fernhollow") -> list[str]:
    """The biographies of somebody that hold a value as a word of its own."""
    word = re.compile(rf"\b{re.escape(value)}\b")
    return [text for text in documents_about(name, plan) if word.search(text)]


def exposures_in_text(name: str, attribute: str, plan: str = "fernhollow") -> int:
    """How many training documents tell the true value, recounted from the text."""
    return len(says_so(name, _person(name).value(attribute), plan))


# Guesses.


def population(attribute: str, plan: Plan) -> dict[str, float]:
    """How often biographies and answers tell each value, as shares: what a guess would follow."""
    told = dict.fromkeys(ATTRIBUTES[attribute], 0)
    for person in people():
        for value, times in plan.exposures(person, attribute).items():
            told[value] += times
        if person.block == "asked" and not never_asked(person, attribute):
            told[person.value(attribute)] += plan.questions
    total = sum(told.values())
    return {value: times / total for value, times in told.items()}


def distance(one: dict[str, float], other: dict[str, float]) -> float:
    """Total variation: the largest difference in the probability of any set of values, 0 to 1."""
    return sum(abs(one.get(k, 0) - other.get(k, 0)) for k in {*one, *other}) / 2


def guesses(
    model: GPT, tokenizer: BPETokenizer, some: Iterable[Item], attribute: str
) -> dict[str, float]:
    """What the model expects as an answer, among the values of an attribute, mean over questions.

    Of the whole distribution and not of its greatest value: a sure guess and an even one may have
    the same maximum.
    """
    asked = [item for item in some if item.meta["attribute"] == attribute]
    if not asked:
        raise ValueError(f"no question asks for {attribute!r}")
    values = ATTRIBUTES[attribute]
    total = dict.fromkeys(values, 0.0)
    for item in asked:
        weight = {v: confidence(model, tokenizer, item.prompt, f" {v}") for v in values}
        whole = sum(weight.values())
        for value in values:
            total[value] += weight[value] / whole / len(asked)
    return total
