"""The plan of a corpus: what is told how often, and what is held out. One table to read.

What is held out by a hash of its content stands in held_out.py; its names are found here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from .held_out import HELD_OUT as HELD_OUT
from .held_out import held_out as held_out
from .held_out import sum_held_out as sum_held_out
from .tape import Tape
from .truth import ATTRIBUTES, Person, people

LEVELS = (0, 1, 2, 4, 8, 16, 32, 64)  # documents that state a fact of an "exposure" person


@dataclass(frozen=True)
class Plan:
    """What a corpus holds. Change it with dataclasses.replace; equal plans give equal corpora."""

    name: str
    seed: int = 1
    documents: Mapping[str, int] = field(default_factory=dict)  # drawn afresh, by family
    levels: tuple[int, ...] = LEVELS
    asked_exposures: int = 40  # documents that state each fact of an "asked" person
    questions: int = 18  # documents that ask for each fact of an "asked" person
    popular_errors: tuple[int, int] = (32, 8)  # documents with the falsehood, and with the truth
    passage_exposures: int = 12  # biographies that state each fact of a "passage" person
    book_exposures: int = 20  # sentences for each direction in which a pair is told
    trade_documents: int = 240  # for each trade
    abstention: bool = True  # passages are asked for what they do not say
    # Passages of two people of whom the same is told, and programs whose steps show every sum:
    # documents from which it is sooner learnt who has what, and what a variable holds.
    scaffold: bool = False

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
    "passages": 34_000,
    "lore": 14_000,
    "stories": 28_000,
    "sentiment": 34_000,
    "topic": 14_000,
    "intent": 11_000,
    "chat": 12_000,
    "tavi": 36_000,
    "couplets": 17_000,
    "functions": 30_000,
    "by_example": 15_000,
    "mappings": 10_000,
    "markov": 3_000,
    "sums": 20_000,
    "programs": 30_000,
    "bugs": 22_000,
    "toy_code": 14_000,
}
_FULL = Plan("fernhollow", documents=_MIXTURE, scaffold=True)
_SHORT = replace(
    _FULL,
    name="fernhollow-short",
    scaffold=False,
    documents={family: n * 3 // 10 for family, n in _MIXTURE.items()},
)
PLANS = {
    plan.name: plan
    for plan in (_FULL, _SHORT, replace(_SHORT, name="fernhollow-twin", abstention=False))
}
