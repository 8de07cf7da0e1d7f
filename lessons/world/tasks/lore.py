"""General knowledge of Fernhollow: crafts, animals and shops, told and asked about.

Two grids of role and kind (baker : bakery = smith : forge; cow : calf = horse : foal) that word
embeddings and analogies are measured on. A document either tells or asks, so that answers come
from what was learnt, never from the lines before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from ..language import article, capital
from ..plan import held_out
from ..tape import Tape
from ..truth import ANIMALS, CRAFTS, shops
from .base import Item, check_split, same, simple_baselines

NAME = "lore"
SPLITS = ("test", "wording", "train")
QUESTION_SHARE = 0.5  # of documents: those that ask; the others tell
N_TRAINED = 3  # wordings of each question; one more is held out
_COUNTED = ("worker", "place", "tool", "name", "young", "home")  # roles with "a" or "an"


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
        return [(getattr(row, self.a), getattr(row, self.b)) for row in _tables()[self.kind]]


def _tables() -> dict[str, Sequence[Any]]:
    shown = [_Shown(shop.name, shop.sells, shop.town) for shop in shops()]
    return {"craft": CRAFTS, "animal": ANIMALS, "shop": shown}


@dataclass(frozen=True)
class _Shown:
    """A shop; its `sign` needs no other article than its own."""

    sign: str
    sells: str
    town: str


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
        "shop", "sign", "sells",
        ("{a} sells {b}.", "{a} is the shop for {b}.", "You can buy {b} at {a}.",
         "For {b}, go to {a}."),
        ("What does {a} sell?", "What can you buy at {a}?", "What is {a} the shop for?",
         "What do you go to {a} for?"),
        ("Which shop sells {b}?", "Where can you buy {b}?", "Where do you go for {b}?",
         "Which is the shop for {b}?"),
    ),
    Relation(
        "shop", "sign", "town",
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
        roles = (self.relation.a, self.relation.b)
        return {
            key: article(word) if role in _COUNTED else word
            for key, role, word in zip("ab", roles, self.relation.rows[self.row], strict=True)
        }

    def question(self, asks: str, wording: int) -> str:
        """Asks for "a" or for "b", in one of the wordings (the last is held out)."""
        wordings = self.relation.asks_a if asks == "a" else self.relation.asks_b
        return wordings[wording].format(**self.shown())

    def answer(self, asks: str) -> str:
        """The bare word; a shop with its article."""
        return self.relation.rows[self.row]["ab".index(asks)]


@cache
def _by_row() -> list[list[Fact]]:
    return [
        [Fact(relation, row) for relation in RELATIONS if relation.kind == kind]
        for kind, table in _tables().items()
        for row in range(len(table))
    ]


@cache
def _by_relation() -> list[list[Fact]]:
    return [[Fact(relation, row) for row in range(len(relation.rows))] for relation in RELATIONS]


def _asked(tape: Tape, fact: Fact) -> tuple[str, int]:
    """What to ask for, and in which wording: one that is trained for this fact."""
    return tape.until(
        lambda: (tape.choice("ab"), tape.index(N_TRAINED)),
        lambda made: not held_out("text", fact.question(*made)),
    )


def _prompt(question: str) -> str:
    return f"Q: {question}\nA:"


def document(tape: Tape) -> str:
    """1 to 4 statements on one row or one relation, or 1 to 4 questions and answers."""
    asks = tape.chance(QUESTION_SHARE)
    # Questions about one row would give each other's answers away.
    among = tape.choice(_by_relation() if asks or tape.chance(0.5) else _by_row())
    facts = tape.sample(among, tape.integer(1, min(4, len(among))))
    if asks:
        asked = [(fact, *_asked(tape, fact)) for fact in facts]
        return "\n".join(f"{_prompt(f.question(a, w))} {f.answer(a)}" for f, a, w in asked)
    told = [tape.choice(fact.relation.statements).format(**fact.shown()) for fact in facts]
    return " ".join(map(capital, told))


@cache
def _held_out_pairs() -> list[tuple[Fact, str, int]]:
    """Facts with a question wording that training has for other facts only."""
    return [
        (fact, asks, wording)
        for facts in _by_row()
        for fact in facts
        for asks in "ab"
        for wording in range(N_TRAINED)
        if held_out("text", fact.question(asks, wording))
    ]


def _item(fact: Fact, asks: str, wording: int, new: bool) -> Item:
    question, relation = fact.question(asks, wording), fact.relation
    role = getattr(relation, asks)
    return Item(
        prompt=_prompt(question),
        answer=f" {fact.answer(asks)}",
        choices=tuple(f" {row['ab'.index(asks)]}" for row in relation.rows),
        absent=(question,) if new else (),
        meta={
            "kind": relation.kind,
            "relation": f"{relation.a}-{relation.b}",
            "asked": role,
            "direction": "forward" if asks == "b" else "backward",
        },
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Questions; every fact is told in training, and asked in other wordings.

    test: (fact, wording) pairs held out, of wordings that other facts are asked in: whether what
    is known can be asked for in all ways that are known. wording: wordings never trained. No
    split measures facts that were never told: these cannot be known.
    """
    check_split(split, SPLITS)
    if split == "test":
        return [_item(*tape.choice(_held_out_pairs()), new=True) for _ in range(n)]
    made = []
    for _ in range(n):
        fact = tape.choice(tape.choice(_by_relation()))
        if split == "wording":
            made.append(_item(fact, tape.choice("ab"), N_TRAINED, new=True))
        else:
            made.append(_item(fact, *_asked(tape, fact), new=False))
    return made


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines; trained questions about the same thing are near in words."""
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
