"""General knowledge of Fernhollow: crafts, animals and shops, told and asked about.

Two grids of role and kind (baker : bakery = smith : forge; cow : calf = horse : foal) that word
embeddings and analogies are measured on. A document either tells or asks, so that answers come
from what was learnt, never from the lines before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..language import capital
from ..lore_language import N_TRAINED, RELATIONS, Fact, tables
from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, same, simple_baselines

NAME = "lore"
SPLITS = ("test", "wording", "train")
QUESTION_SHARE = 0.5  # of documents: those that ask; the others tell


@cache
def _by_row() -> list[list[Fact]]:
    return [
        [Fact(relation, row) for relation in RELATIONS if relation.kind == kind]
        for kind, table in tables().items()
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
