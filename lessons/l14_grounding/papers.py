"""Fernhollow's papers: short texts on its people, that no model has read, and what to ask of them.

Each person has six facts: one that no paper states, and five that one paper each states. A paper is
about two people, as the passages of training are, but none of these people stood in a passage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property

from lessons.world.people_language import question
from lessons.world.plan import PLANS
from lessons.world.reading import ORDERS, SENTENCES, Fact, passage_text
from lessons.world.tape import Tape
from lessons.world.truth import ATTRIBUTES, Person, people

SEED = 14
UNREAD = "never written"  # people of whom no training document speaks
GROUPS = (UNREAD, "1", "8", "64")  # what is asked about, by the documents that tell the fact
KINDS = ("stated", "missing")


@dataclass(frozen=True)
class Paper:
    """A text, the facts that it states: (name, attribute, value), and the sentence of each."""

    number: int
    text: str
    facts: tuple[Fact, ...]
    stated_in: tuple[int, ...]  # the number of the sentence that states facts[i]

    def states(self, fact: Fact) -> int:
        """The number of the sentence that states a fact; -1 if the paper does not.

        By what the paper was written from, not by its words: see `support` for these.
        """
        return self.stated_in[self.facts.index(fact)] if fact in self.facts else -1


@dataclass(frozen=True)
class Asked:
    """A question of a person's attribute, its truth, and the number of the paper that states it."""

    group: str
    name: str
    attribute: str
    question: str
    truth: str
    paper: int | None  # None: no paper states it


@dataclass(frozen=True)
class Library:
    """All papers; `missing`: the attribute of each person that no paper states."""

    papers: tuple[Paper, ...]
    missing: dict[str, str]

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {(name, a): paper.number for paper in self.papers for name, a, _ in paper.facts}

    def paper_of(self, name: str, attribute: str) -> int | None:
        """The number of the paper that states it, or None."""
        return self._numbers.get((name, attribute))


def subjects() -> list[Person]:
    """Those whom the papers are about: of whom biographies tell 0 to 64 times, or nothing does."""
    return [person for person in people() if person.block in ("exposure", "unwritten")]


def _fit(three: Sequence[Fact], two: Sequence[Fact]) -> bool:
    """Whether a passage may be about both: no shared name, no shared value."""
    one, other = three[0][0], two[0][0]
    values = {(attribute, value) for _, attribute, value in three}
    return not set(one.split()) & set(other.split()) and not any(
        (attribute, value) in values for _, attribute, value in two
    )


@cache
def library(seed: int = SEED) -> Library:
    """The papers, in random order; equal seeds give equal papers."""
    tape = Tape("library", seed)
    threes: list[list[Fact]] = []
    twos: list[list[Fact]] = []
    missing = {}
    for person in tape.shuffled(subjects()):
        attributes = tape.shuffled([*ATTRIBUTES])
        facts = [(person.name, a, person.value(a)) for a in attributes]
        missing[person.name] = attributes[0]
        threes.append(facts[1:4])
        twos.append(facts[4:])
    twos = twos[1:] + twos[:1]  # a paper is about two different people
    for at, three in enumerate(threes):
        if not _fit(three, twos[at]):
            other = tape.until(
                lambda: tape.index(len(twos)),
                lambda i, at=at: _fit(threes[at], twos[i]) and _fit(threes[i], twos[at]),  # type: ignore[misc]
            )
            twos[at], twos[other] = twos[other], twos[at]
    papers = []
    for three, two in zip(threes, twos, strict=True):
        first, second = tape.shuffled([three, two])
        order = tape.choice([o for o in ORDERS[2] if o.count(0) == len(first) and len(o) == 5])
        left = [list(first), list(second)]
        stated = [left[who].pop(0) for who in order]
        sizes = deepcopy(tape).choice(SENTENCES[len(stated)])  # what passage_text will draw first
        places = tuple(number for number, size in enumerate(sizes) for _ in range(size))
        papers.append(Paper(0, passage_text(tape, stated), tuple(stated), places))
    return Library(
        tuple(replace(p, number=i) for i, p in enumerate(tape.shuffled(papers))), missing
    )


def questions(group: str, kind: str, n: int, draw: int, seed: int = SEED) -> list[Asked]:
    """n questions of a group, that a paper answers ("stated") or none does ("missing").

    `seed`: of the library (see there) and of the order. Draws of the same n share no question;
    draws of different n may. Raises ValueError for another group or kind, and where a draw would
    need more questions than there are.
    """
    if group not in GROUPS or kind not in KINDS:
        raise ValueError(f"group={group!r}, kind={kind!r}: choose of {GROUPS} and {KINDS}")
    held = library(seed)
    facts = [
        (person, attribute)
        for person in subjects()
        for attribute in ATTRIBUTES
        if _told(person, attribute) == group
        and (held.missing[person.name] == attribute) == (kind == "missing")
    ]
    order = Tape("papers asked", seed, group, kind).shuffled(facts)
    if len(some := order[draw * n : (draw + 1) * n]) < n:
        raise ValueError(
            f"draw {draw} of {n} {kind} questions: there are {len(facts)} of group {group!r}"
        )
    return [
        Asked(
            group,
            person.name,
            attribute,
            question(Tape("papers worded", person.name, attribute), attribute, person.name),
            person.value(attribute),
            held.paper_of(person.name, attribute),
        )
        for person, attribute in some
    ]


def _told(person: Person, attribute: str) -> str:
    """The group of a fact: by how many training documents tell it, or UNREAD."""
    if person.block == "unwritten":
        return UNREAD
    return str(PLANS["fernhollow"].level(person, attribute))


def sentences(text: str) -> list[str]:
    """The sentences of a passage."""
    return [sentence for sentence in re.split(r"(?<=\.)\s+", text.strip()) if sentence]


def stating_sentence(text: str, value: str) -> int:
    """The number of the first sentence that holds a value as a word of its own; -1 if none does.

    About whom it says so is another question: see `support`.
    """
    word = re.compile(rf"\b{re.escape(value)}\b")
    for number, sentence in enumerate(sentences(text) if value else []):
        if word.search(sentence):
            return number
    return -1


def support(text: str, name: str, value: str) -> int:
    """The number of the sentence that states a value of the person `name`; -1 if none does.

    "She" or "he" is whoever the sentence before was about at its end, as in all passages.
    """
    word, about = re.compile(rf"\b{re.escape(value)}\b"), ""
    for number, sentence in enumerate(sentences(text) if value else []):
        for clause in sentence.split(", while "):
            if named := re.search(r"\b[A-Z]\w+ [A-Z]\w+", clause):
                about = named[0]
            if about == name and word.search(clause):
                return number
    return -1


def with_other_value(paper: Paper, asked: Asked, seed: int) -> tuple[Paper, str]:
    """The paper with another value in place of the true one, and that value: a lie."""
    taken = {value for _, attribute, value in paper.facts if attribute == asked.attribute}
    tape = Tape("lie", seed, asked.name, asked.attribute)
    value = tape.choice([v for v in ATTRIBUTES[asked.attribute] if v not in taken])
    told = [
        (name, a, value if (name, a) == (asked.name, asked.attribute) else v)
        for name, a, v in paper.facts
    ]
    return replace(paper, text=swapped(paper.text, asked.truth, value), facts=tuple(told)), value


def swapped(text: str, truth: str, lie: str) -> str:
    """A text with a lie in place of a value, where that stands as a word of its own."""
    return re.sub(rf"\b{re.escape(truth)}\b", lie, text)
