"""The plan of a corpus: what is told how often, and what is held out. One table to read.

Held-out material is decided by a hash of its content, so that every family, in whatever wording,
draws the same line: a family asks `held_out(kind, key)` before it writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from .tape import Tape
from .truth import ATTRIBUTES, Person, people

# One in so many keys of each kind is held out of training and kept for items.
HELD_OUT = {
    "text": 8,  # reviews, stories, passages, chats …: key = the text itself
    "word": 8,  # a word function on a word: key = f"{word}|{answer}"
    "tavi": 8,  # noun and adjective together: key = f"{adjective} {noun}"
    "sum": 8,  # x + y = z, z - x = y, z - y = x, anywhere: key = f"{min(x, y)} {max(x, y)}"
    "program": 8,  # key = the program's text
}


@lru_cache(maxsize=200_000)
def held_out(kind: str, key: str) -> bool:
    """Whether training never shows this. Raises KeyError for an unknown kind."""
    digest = hashlib.sha256(f"{kind}\x1f{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT[kind] == 0


def sum_held_out(x: int, y: int) -> bool:
    """Whether the pair of operands is held out; pairs with a one-digit number never are."""
    low, high = sorted((x, y))
    return low >= 10 and held_out("sum", f"{low} {high}")


LEVELS = (0, 1, 2, 4, 8, 16, 32, 64)  # documents that state a fact of an "exposure" person


@dataclass(frozen=True)
class Plan:
    """What a corpus holds. Change it with dataclasses.replace; equal plans give equal corpora."""

    name: str
    seed: int = 1
    documents: Mapping[str, int] = field(default_factory=dict)  # drawn afresh, by family
    levels: tuple[int, ...] = LEVELS
    asked_exposures: int = 24  # documents that state each fact of an "asked" person
    questions: int = 12  # documents that ask for each fact of an "asked" person
    popular_errors: tuple[int, int] = (32, 8)  # documents with the falsehood, and with the truth
    passage_exposures: int = 12  # biographies that state each fact of a "passage" person
    book_exposures: int = 20  # sentences for each direction in which a pair is told
    trade_documents: int = 240  # for each trade
    abstention: bool = True  # passages are asked for what they do not say

    def level(self, person: Person, attribute: str) -> int:
        """How many documents state this fact of an "exposure" person.

        A Latin square: rows are people, columns attributes, so that a level says nothing of the
        attribute, and a name nothing of the level.
        """
        row = _rows()[person.number] + [*ATTRIBUTES].index(attribute)
        return self.levels[row % len(self.levels)]

    def exposures(self, person: Person, attribute: str) -> dict[str, int]:
        """Values told of a person's attribute, each with the biographies that tell it."""
        truth = person.value(attribute)
        match person.block:
            case "exposure":
                return {truth: self.level(person, attribute)}
            case "asked":
                return {truth: self.asked_exposures}
            case "passage":
                return {truth: self.passage_exposures}
            case "popular":
                if attribute != popular_attribute(person):
                    return {truth: self.passage_exposures}
                wrong, right = self.popular_errors
                return {falsehood(person): wrong, truth: right}
        return {truth: 0}


@cache
def _rows() -> dict[int, int]:
    block = [person.number for person in people() if person.block == "exposure"]
    return {number: row for row, number in enumerate(block)}


def popular_attribute(person: Person) -> str:
    """The attribute about which a falsehood is told of a "popular" person."""
    return [*ATTRIBUTES][person.number % len(ATTRIBUTES)]


def falsehood(person: Person) -> str:
    """The false value that is told of a "popular" person more often than the true one."""
    attribute = popular_attribute(person)
    wrong = [value for value in ATTRIBUTES[attribute] if value != person.value(attribute)]
    return Tape("falsehood", person.number).choice(wrong)


def never_asked(person: Person, attribute: str) -> bool:
    """Whether training leaves this fact of an "asked" person unasked (one in eight)."""
    return held_out("text", f"question {person.name} {attribute}")


# How many documents of each family are drawn afresh. The share of tokens that each has is in the
# card of a model; what is told of people is counted above.
_MIXTURE = {
    "passages": 30_000,
    "lore": 12_000,
    "stories": 20_000,
    "sentiment": 24_000,
    "topic": 14_000,
    "intent": 14_000,
    "chat": 12_000,
    "tavi": 40_000,
    "couplets": 14_000,
    "functions": 30_000,
    "by_example": 14_000,
    "mappings": 7_000,
    "markov": 3_500,
    "sums": 22_000,
    "programs": 36_000,
    "bugs": 18_000,
    "toy_code": 22_000,
}
_FULL = Plan("fernhollow", documents=_MIXTURE)
_SHORT = replace(
    _FULL,
    name="fernhollow-short",
    documents={family: n * 2 // 5 for family, n in _MIXTURE.items()},
)
PLANS = {
    plan.name: plan
    for plan in (_FULL, _SHORT, replace(_SHORT, name="fernhollow-twin", abstention=False))
}
