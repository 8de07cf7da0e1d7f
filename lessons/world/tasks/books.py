"""Authors and books, told in one direction, in the other, or in both: for the reversal experiment.

After Berglund et al. 2023 (2309.12288). Pairs told both ways show that either direction can be
answered; what counts is the direction in which a pair was never told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..plan import Plan
from ..tape import Tape
from ..truth import Pair, pairs
from .base import Item, check_split, same, simple_baselines

NAME = "books"
SPLITS = ("as told", "reversed", "both", "train")
FORWARD = (
    "{author} wrote {title}",
    "{author} is the author of {title}",
    "{author} became famous for {title}",
    "{author} once wrote a book called {title}",
)
BACKWARD = (
    "{title} was written by {author}",
    "{title} is a book by {author}",
    "{title} is the work of {author}",
    "{title} was a great success for {author}",
)
_WAYS = {"forward": (FORWARD,), "backward": (BACKWARD,), "both": (FORWARD, BACKWARD)}


def _sentence(tape: Tape, pair: Pair, wordings: Sequence[str]) -> str:
    return tape.choice(wordings).format(author=pair.author, title=pair.title)


def documents(plan: Plan) -> Iterator[tuple[float, str, float]]:
    """Every sentence of a plan, in order of time: (time, text, bits of its wording)."""
    told = [(pair, wordings) for pair in pairs() for wordings in _WAYS[pair.told]]
    for turn in range(plan.book_exposures):
        order = Tape("order", plan.seed, NAME, turn)
        for number, (pair, wordings) in enumerate(order.shuffled(told)):
            tape = Tape(plan.seed, NAME, turn, number)
            time = (turn + number / len(told)) / plan.book_exposures
            yield time, _sentence(tape, pair, wordings) + ".", tape.bits


def document(tape: Tape) -> str:
    """A sentence about a book, in a direction in which training tells it."""
    pair = tape.choice(pairs())
    return _sentence(tape, pair, tape.choice(_WAYS[pair.told])) + "."


def items(tape: Tape, n: int, split: str = "as told") -> list[Item]:
    """Sentences to finish: in the told direction, in the other, or of pairs told both ways."""
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def _item(tape: Tape, split: str) -> Item:
    both = split == "both"
    pair = tape.choice([pair for pair in pairs() if (pair.told == "both") == both])
    forward = tape.chance(0.5) if both else (pair.told == "forward") != (split == "reversed")
    template = tape.choice(FORWARD if forward else BACKWARD)
    answer = pair.title if forward else pair.author
    sentence = template.format(author=pair.author, title=pair.title)
    return Item(
        prompt=sentence[: -len(answer) - 1],
        answer=f" {answer}",
        absent=() if split != "reversed" else _told_so(pair, forward),
        stop=".",
        meta={"told": pair.told, "direction": "forward" if forward else "backward"},
    )


def _told_so(pair: Pair, forward: bool) -> tuple[str, ...]:
    templates = FORWARD if forward else BACKWARD
    return tuple(t.format(author=pair.author, title=pair.title) for t in templates)


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 2000, "train")
    return simple_baselines(items_, train, is_correct)
