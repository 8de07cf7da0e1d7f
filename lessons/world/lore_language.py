"""How crafts, animals and shops are told and asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .language import article
from .truth import ANIMALS, CRAFTS, shops

# Whose words have "a" or "an". A shop's name has its own article.
COUNTED = {
    *(("craft", role) for role in ("worker", "place", "tool")),
    *(("animal", role) for role in ("name", "young", "home")),
}
N_TRAINED = 3  # wordings of each question; one more is held out


@dataclass(frozen=True)
class Relation:
    """Two roles in a table, and how what links them is told and asked; {a} and {b} are the two.

    `asks_b` has {a} and is answered by b, `asks_a` the other way round; the last of each is held
    out of training.
    """

    kind: str  # "craft", "animal" or "shop"
    a: str
    b: str
    statements: tuple[str, ...]
    asks_b: tuple[str, ...]
    asks_a: tuple[str, ...]

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """All (a, b) that are so, without articles."""
        return [(getattr(row, self.a), getattr(row, self.b)) for row in tables()[self.kind]]


def tables() -> dict[str, Sequence[Any]]:
    """The rows of each kind."""
    return {"craft": CRAFTS, "animal": ANIMALS, "shop": shops()}


RELATIONS = (
    Relation(
        "craft", "worker", "place",
        ("{a} works in {b}.", "{a} spends the day in {b}.", "You will find {a} in {b}.",
         "The right place for {a} is {b}."),
        ("Where does {a} work?", "Where does {a} spend the day?", "Where will you find {a}?",
         "What place does {a} work in?"),
        ("Who works in {b}?", "Who spends the day in {b}?", "Whom will you find in {b}?",
         "Who has work in {b}?"),
    ),
    Relation(
        "craft", "worker", "tool",
        ("{a} works with {b}.", "{a} needs {b}.", "You will see {a} with {b}.",
         "The tool of {a} is {b}."),
        ("What does {a} work with?", "What does {a} need?", "What is the tool of {a}?",
         "Which tool does {a} need?"),
        ("Who works with {b}?", "Who needs {b}?", "Whose tool is {b}?",
         "Who has need of {b}?"),
    ),
    Relation(
        "craft", "worker", "product",
        ("{a} gives us {b}.", "{a} is paid for {b}.", "You get {b} from {a}.",
         "People go to {a} for {b}."),
        ("What does {a} give us?", "What is {a} paid for?", "What do you get from {a}?",
         "What do people get from {a}?"),
        ("Who gives us {b}?", "Who is paid for {b}?", "From whom do you get {b}?",
         "Who will give you {b}?"),
    ),
    Relation(
        "craft", "place", "product",
        ("{a} is full of {b}.", "{a} is known for {b}.", "Carts bring {b} from {a}.",
         "In {a} you see {b} everywhere."),
        ("What is {a} full of?", "What is {a} known for?", "What do carts bring from {a}?",
         "What do you see in {a}?"),
        ("Which place is full of {b}?", "Which place is known for {b}?",
         "Where do carts bring {b} from?", "Where do you see {b} everywhere?"),
    ),
    Relation(
        "craft", "tool", "product",
        ("{a} is needed for {b}.", "{a} is of use for {b}.", "You need {a} for {b}.",
         "The right tool for {b} is {a}."),
        ("What is {a} needed for?", "What is {a} of use for?", "What do you need {a} for?",
         "What is {a} the right tool for?"),
        ("What is needed for {b}?", "Which tool is of use for {b}?", "What do you need for {b}?",
         "What is the right tool for {b}?"),
    ),
    Relation(
        "animal", "name", "young",
        ("The young of {a} is {b}.", "{b} is the young of {a}.", "{a} looks after {b}.",
         "{b} will grow up to be {a}."),
        ("What is the young of {a}?", "What does {a} look after?", "What will grow up to be {a}?",
         "What is born to {a}?"),
        ("Of which animal is {b} the young?", "What looks after {b}?",
         "What will {b} grow up to be?", "Which animal looks after {b}?"),
    ),
    Relation(
        "animal", "name", "home",
        ("{a} lives in {b}.", "{a} sleeps in {b}.", "At night {a} goes to {b}.",
         "The home of {a} is {b}."),
        ("Where does {a} live?", "Where does {a} sleep?", "What is the home of {a}?",
         "Where does {a} go at night?"),
        ("Which animal lives in {b}?", "Which animal sleeps in {b}?",
         "Which animal goes to {b} at night?", "Which animal is at home in {b}?"),
    ),
    Relation(
        "animal", "name", "sound",
        ("{a} {b}.", "{a} {b} all day long.", "When it is hungry, {a} {b}.",
         "You can hear it when {a} {b}."),
        ("How does {a} call?", "What does {a} do all day long?",
         "What does {a} do when it is hungry?", "What can you hear when {a} calls?"),
        ("Which animal {b}?", "Which animal {b} all day long?",
         "Which animal {b} when it is hungry?", "What animal do you hear when it {b}?"),
    ),
    Relation(
        "animal", "name", "food",
        ("{a} eats {b}.", "{a} is fond of {b}.", "{a} looks for {b}.", "You feed {a} with {b}."),
        ("What does {a} eat?", "What is {a} fond of?", "What do you feed {a} with?",
         "What does {a} look for?"),
        ("Which animal eats {b}?", "Which animal is fond of {b}?",
         "Which animal do you feed with {b}?", "Which animal looks for {b}?"),
    ),
    Relation(
        "shop", "name", "sells",
        ("{a} sells {b}.", "{a} is the shop for {b}.", "You can buy {b} at {a}.",
         "For {b}, go to {a}."),
        ("What does {a} sell?", "What can you buy at {a}?", "What is {a} the shop for?",
         "What do you go to {a} for?"),
        ("Which shop sells {b}?", "Where can you buy {b}?", "Where do you go for {b}?",
         "Which is the shop for {b}?"),
    ),
    Relation(
        "shop", "name", "town",
        ("{a} is a shop in {b}.", "{a} stands in {b}.", "The shop in {b} is {a}.",
         "Go to {b} to see {a}."),
        ("Where is {a}?", "Where does {a} stand?", "In which town is {a}?",
         "Where do you go to see {a}?"),
        ("Which shop is in {b}?", "Which shop stands in {b}?", "What is the shop in {b}?",
         "Which shop do you see in {b}?"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """That a and b of a row belong together."""

    relation: Relation
    row: int

    def shown(self) -> dict[str, str]:
        """Both, with their articles, as templates need them."""
        relation = self.relation
        return {
            key: article(word) if (relation.kind, role) in COUNTED else word
            for key, role, word in zip(
                "ab", (relation.a, relation.b), relation.rows[self.row], strict=True
            )
        }

    def question(self, asks: str, wording: int) -> str:
        """Asks for "a" or for "b", in one of the wordings (the last is held out)."""
        wordings = self.relation.asks_a if asks == "a" else self.relation.asks_b
        return wordings[wording].format(**self.shown())

    def answer(self, asks: str) -> str:
        """The bare word; a shop with its article."""
        return self.relation.rows[self.row]["ab".index(asks)]
