"""What a model answers to questions closed book: one record for each, with truth and confidence."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from lessons import evaluate
from lessons.l08_fine_tuning import tuning
from lessons.world.corpus import PAD, documents
from lessons.world.language import FIRST_NAMES
from lessons.world.people_language import question
from lessons.world.plan import LEVELS, PLANS, Plan, held_out, never_asked, popular_attribute
from lessons.world.tape import Tape
from lessons.world.tasks import biographies, questions
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import ATTRIBUTES, Person, people, strangers
from minigpt import GPT, BPETokenizer
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating

NOBODY = "nobody"
UNWRITTEN = "never written"
OTHER = "told 40, not asked"
ASKED = "told 40, asked"
POPULAR = "popular error"
GROUPS = (NOBODY, UNWRITTEN, *map(str, LEVELS), OTHER, ASKED, POPULAR)
SEEN = {  # what training shows of the people of a group
    NOBODY: "full names of no document; the surnames stand in some, with ever new values",
    UNWRITTEN: "people of the truth table; name and surname stand in no document",
    "0": "other facts of the person are told, this one never",
    **{str(n): f"told in {n} document{'s' * (n > 1)}, asked for in none" for n in LEVELS if n},
    OTHER: "told in 40, asked for in none (other facts of the person are)",
    ASKED: "told in 40, and asked for and answered in 18 more",
    POPULAR: "the truth told in 8, a falsehood in 32",
}
PARTS, N = 5, 150  # disjoint parts of a group's questions, and how many are asked of each at most
SPLITS = {NOBODY: "strangers", UNWRITTEN: "never written", ASKED: "asked", "0": "never told"}
_PLAN = PLANS["fernhollow"]
Fact = tuple[str, str]  # name and attribute


# Questions.


def items(group: str, n: int, seed: int) -> list[Item]:
    """n questions of a group drawn with replacement; the recorded runs use `part`.

    Raises ValueError for a group that has no split in the family of questions.
    """
    if group not in SPLITS and not group.isdecimal():
        raise ValueError(f"group={group!r}: choose a number of documents or one of {[*SPLITS]}")
    tape = Tape("lesson 13", group, seed)
    if group in SPLITS:
        return questions.items(tape, n, SPLITS[group])
    return [questions._told_times(tape, int(group)) for _ in range(n)]


@cache
def _by_name() -> dict[str, Person]:
    return {person.name: person for person in people()}


def _belongs(group: str, person: Person, attribute: str) -> bool:
    match person.block:
        case "exposure":
            return group == str(_PLAN.level(person, attribute))
        case "asked":
            return group == (OTHER if never_asked(person, attribute) else ASKED)
        case "popular":
            return group == POPULAR and attribute == popular_attribute(person)
    return group == UNWRITTEN and person.block == "unwritten"


@cache
def owners(group: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Everybody of whom a group asks, in random order, each with the attributes to ask for."""
    tape = Tape("lesson 13", "order", group)
    if group == NOBODY:
        named = []
        for at, surname in enumerate(tape.shuffled(strangers())):
            names = [f"{first} {surname}" for first in FIRST_NAMES]
            if new := [name for name in names if held_out("text", name)]:
                named.append((tape.choice(new), ([*ATTRIBUTES][at % len(ATTRIBUTES)],)))
        return tuple(named)
    found = [
        (person.name, tuple(a for a in ATTRIBUTES if _belongs(group, person, a)))
        for person in people()
    ]
    return tuple(tape.shuffled([owner for owner in found if owner[1]]))


def ask(name: str, attribute: str) -> Item:
    """The question for one attribute of anybody, always in the same one of its wordings."""
    person = _by_name().get(name)
    return Item(
        prompt=questions.prompt(question(Tape("lesson 13", name, attribute), attribute, name)),
        answer=f" {person.value(attribute)}" if person else "",
        choices=tuple(f" {value}" for value in ATTRIBUTES[attribute]),
        meta={"name": name, "attribute": attribute},
    )


def part(group: str, number: int, n: int | None = N) -> list[Item]:
    """One of PARTS disjoint parts of a group's questions: up to n of them, or all.

    No fact comes twice, and nobody stands in two parts; of NOBODY, not even a surname. Raises
    ValueError for an unknown group or part.
    """
    if group not in GROUPS:
        raise ValueError(f"group={group!r}: choose one of {GROUPS}")
    if number not in range(PARTS):
        raise ValueError(f"number={number}: there are {PARTS} parts")
    facts = [(name, a) for name, attributes in owners(group)[number::PARTS] for a in attributes]
    return [ask(*fact) for fact in Tape("lesson 13", group, number).shuffled(facts)[:n]]


# Answers.


def logprobs(
    model: GPT,
    tokenizer: BPETokenizer,
    pairs: Sequence[tuple[str, str]],
    batch_size: int = 64,
    *,
    end: bool = True,
) -> list[float]:
    """For each (prompt, output): log p of the output and the document's end after it, in nats.

    `end=False`: of the output alone, whatever comes after it.
    """
    pad, found = tokenizer.special_tokens[PAD], []
    with evaluating(model):
        for at in range(0, len(pairs), batch_size):
            rows = [tuning.row(tokenizer, *pair) for pair in pairs[at : at + batch_size]]
            if not end:
                rows = [(ids[:-1], goal[:-1]) for ids, goal in rows]
            ids, goal = (each.to(model.device) for each in tuning.batch_of(rows, pad))  # (B, T)
            nats = next_token_loss(model(ids), goal, "none").view(goal.shape).sum(1)  # (B,)
            found += (-nats).tolist()
    return found


def record(
    model: GPT, tokenizer: BPETokenizer, group: str, some: Sequence[Item]
) -> list[dict[str, Any]]:
    """A row for each question: prompt, truth ("" if there is none), output, confidence, and marks.

    `confidence`: the probability of the whole output and of the document's end after it. `stated`:
    a value such as answers the question (not "not stated", nor anything else). `right`: the truth.
    `log10_not_stated`: of the probability of declining by "not stated", whatever follows (after a
    passage, more questions may).
    """
    outputs = evaluate.answers(model, tokenizer, some)
    said = logprobs(model, tokenizer, [(i.prompt, o) for i, o in zip(some, outputs, strict=True)])
    silent = [(item.prompt, f" {NOT_STATED}") for item in some]
    declined = logprobs(model, tokenizer, silent, end=False)
    return [
        {
            "group": group,
            "name": item.meta["name"],
            "attribute": item.meta["attribute"],
            "prompt": item.prompt,
            "truth": item.answer.strip(),
            "output": output.strip(),
            "confidence": math.exp(nats),
            "stated": int(output.strip() in [choice.strip() for choice in item.choices]),
            "right": int(questions.is_correct(item, output)),
            "log10_not_stated": no / math.log(10),
        }
        for item, output, nats, no in zip(some, outputs, said, declined, strict=True)
    ]


def exposures(name: str, attribute: str, value: str, plan: Plan = _PLAN) -> int:
    """How many documents say this value of somebody, by the plan; 0 of people it does not name."""
    person = _by_name().get(name)
    if person is None:
        return 0
    told = plan.exposures(person, attribute).get(value, 0)
    asked = person.block == "asked" and not never_asked(person, attribute)
    return told + plan.questions * (asked and value == person.value(attribute))


# The text that was read.


@cache
def _schedule(plan_name: str) -> list[tuple[float, Person, tuple[tuple[str, str], ...]]]:
    return biographies.schedule(PLANS[plan_name])


@cache
def _questions(plan_name: str) -> list[str]:
    return [text for _, text, _ in questions.documents(PLANS[plan_name])]


def documents_about(name: str, plan: str = "fernhollow") -> list[str]:
    """Every biography and every question of the training text that names somebody.

    No other family names the people of GROUPS (`read_text` goes through them all). They are written
    again from the plan, byte for byte, which takes some seconds the first time.
    """
    seed = PLANS[plan].seed
    found = []
    for number, (_, person, facts) in enumerate(_schedule(plan)):
        if person.name == name:
            found.append(biographies.biography(Tape(seed, biographies.NAME, number), person, facts))
    person_ = _by_name().get(name)
    if person_ is not None and person_.block == "asked":
        found += [text for text in _questions(plan) if name in text]
    return found


def saying(texts: Iterable[str], value: str) -> list[str]:
    """Those of the texts that hold a value as a word of its own."""
    word = re.compile(rf"\b{re.escape(value)}\b")
    return [text for text in texts if word.search(text)]


_CAPITAL = re.compile(r"\b[A-Z][a-z]+\b")


def read_text(
    names: Iterable[str], plan: str = "fernhollow"
) -> tuple[dict[str, list[str]], dict[str, Counter[str]]]:
    """Read the whole training text, all families, for full names. Minutes.

    Returns for each name the documents that hold it, and for each how many documents of each family
    hold its surname (nobody shares one with somebody else of the truth table).
    """
    by_surname = {name.split()[1]: name for name in names}
    texts: dict[str, list[str]] = {name: [] for name in by_surname.values()}
    surnames: dict[str, Counter[str]] = {name: Counter() for name in by_surname.values()}
    for document in documents(PLANS[plan]):
        for surname in {*_CAPITAL.findall(document.text)} & by_surname.keys():
            name = by_surname[surname]
            surnames[name][document.family] += 1
            if re.search(rf"\b{name}\b", document.text):
                texts[name].append(document.text)
    return texts, surnames


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


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Total variation: half the sum of all differences between two distributions, 0 to 1.

    It is the largest difference in the probability of any set of values.
    """
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def guesses(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> list[list[float]]:
    """For each question the probability of every value that could answer it, in ATTRIBUTES' order.

    They sum to less than 1: the rest is on what would be no answer of this kind.
    """
    pairs = [(item.prompt, choice) for item in some for choice in item.choices]
    found = iter(logprobs(model, tokenizer, pairs))
    return [[math.exp(next(found)) for _ in item.choices] for item in some]
