"""Biographies: who does what, lives where, and so on. Here facts are learnt, or not.

A person's facts are told in many short documents, in varied order and wording (2309.14316: one
wording for each fact leaves it unusable for questions). How often each is told stands in the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..people_language import STATEMENTS, statement
from ..plan import Plan
from ..tape import Tape
from ..truth import ATTRIBUTES, Person, people
from .base import Item, check_split, same, simple_baselines

NAME = "biographies"
SPLITS = ("told", "train")
SLOTS = 64  # how many documents on one person there may be at most, spread over training
FACTS = 3  # facts a document at most

Fact = tuple[str, str]  # attribute, value


def biography(tape: Tape, person: Person, facts: Sequence[Fact]) -> str:
    """Sentences that state these facts in random order; the first one has the full name."""
    subject = person.name
    sentences = []
    for attribute, value in tape.shuffled(facts):
        sentences.append(statement(tape, attribute, subject, value))
        subject = person.pronoun
    return " ".join(sentences)


def schedule(plan: Plan) -> list[tuple[float, Person, tuple[Fact, ...]]]:
    """All biographies of a plan: (time from 0 to 1, person, facts), in order of time.

    The n documents that tell a fact are spread evenly, so "often" does not mean "late".
    """
    documents = []
    for person in people():
        tape = Tape("schedule", plan.seed, person.number)
        slots: dict[int, list[Fact]] = {}
        for attribute in ATTRIBUTES:
            for value, times in plan.exposures(person, attribute).items():
                start = tape.index(SLOTS)
                for i in range(times):
                    slots.setdefault((start + i * SLOTS // times) % SLOTS, []).append(
                        (attribute, value)
                    )
        for slot, facts in slots.items():
            facts = tape.shuffled(facts)
            parts = [facts[at : at + FACTS] for at in range(0, len(facts), FACTS)]
            for number, part in enumerate(parts):
                time = (slot + (number + tape.index(1024) / 1024) / len(parts)) / SLOTS
                documents.append((time, person, tuple(part)))
    return sorted(documents, key=lambda entry: (entry[0], entry[1].number))


def documents(plan: Plan) -> Iterator[tuple[float, str, float]]:
    """Every biography of a plan, in order of time: (time, text, bits of its wording)."""
    for number, (time, person, facts) in enumerate(schedule(plan)):
        tape = Tape(plan.seed, NAME, number)
        text = biography(tape, person, facts)
        yield time, text, tape.bits


def _told(tape: Tape) -> Person:
    told = [person for person in people() if person.block in ("asked", "passage")]
    return tape.choice(told)


def document(tape: Tape) -> str:
    """A biography of one of those people whose facts are all told."""
    person = _told(tape)
    facts = [(attribute, person.value(attribute)) for attribute in tape.sample([*ATTRIBUTES], 3)]
    return biography(tape, person, facts)


def items(tape: Tape, n: int, split: str = "told") -> list[Item]:
    """Sentences to finish about people whose facts are told: recall in the words of training."""
    check_split(split, SPLITS)
    found = []
    for _ in range(n):
        person, attribute = _told(tape), tape.choice([*ATTRIBUTES])
        beginnings = [s for s in STATEMENTS[attribute] if s.endswith(" {value}.")]
        prompt = tape.choice(beginnings).format(name=person.name, value="")[: -len(" .")]
        answer = " " + person.value(attribute)
        choices = tuple(" " + value for value in ATTRIBUTES[attribute])
        meta = {"name": person.name, "attribute": attribute, "block": person.block}
        found.append(Item(prompt, answer, choices, stop=".", meta=meta))
    return found


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 3000, "train")
    return simple_baselines(items_, train, is_correct)
