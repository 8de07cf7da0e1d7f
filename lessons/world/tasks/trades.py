"""Trades and pronouns: for the bias experiment, with a planted share of "she" for each trade.

The people are surnames invented per document, so nothing but the trade tells the pronoun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language import article
from ..plan import Plan
from ..tape import Tape
from ..truth import Trade, strangers, trades
from .base import Item, check_split

NAME = "trades"
SPLITS = ("test", "train")
OPENINGS = (
    "The {job} {name} opened the door.",
    "{name} is {a_job}.",
    "{name} works here as {a_job}.",
    "The {job} {name} came to the market.",
)
ENDINGS = (
    "{she} greeted the guests.",
    "{she} had much to do that day.",
    "{she} was in good spirits.",
    "{she} left early in the evening.",
)


def _opening(tape: Tape, trade: Trade) -> str:
    name = tape.choice(strangers())
    return tape.choice(OPENINGS).format(job=trade.job, a_job=article(trade.job), name=name)


def _document(tape: Tape, trade: Trade, she: bool) -> str:
    ending = tape.choice(ENDINGS).format(she="She" if she else "He")
    return f"{_opening(tape, trade)} {ending}"


def documents(plan: Plan) -> Iterator[tuple[float, str, float]]:
    """Every document of a plan, in order of time: (time, text, bits of its wording).

    Of n documents on a trade, exactly round(n * share) say "she", spread evenly.
    """
    n = plan.trade_documents
    for turn in range(n):
        order = Tape("order", plan.seed, NAME, turn)
        for number, trade in enumerate(order.shuffled(trades())):
            she = round(n * trade.she)
            says_she = (turn + 1) * she // n > turn * she // n
            tape = Tape(plan.seed, NAME, turn, number)
            yield (turn + number / 20) / n, _document(tape, trade, says_she), tape.bits + 1


def document(tape: Tape) -> str:
    """A document on a random trade, its pronoun drawn with the planted share."""
    trade = tape.choice(trades())
    return _document(tape, trade, tape.chance(trade.she))


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Openings to go on with "She" or "He"; meta holds the planted share of "she"."""
    check_split(split, SPLITS)
    found = []
    for _ in range(n):
        trade = tape.choice(trades())
        meta = {"job": trade.job, "she": trade.she}
        found.append(Item(_opening(tape, trade), " She", (" She", " He"), stop=" ", meta=meta))
    return found


def is_correct(item: Item, output: str) -> bool:
    """Whether the output begins with a pronoun; which one is the experiment's matter."""
    return output.strip().split(" ")[0] in ("She", "He")


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """None: no pronoun is the right one."""
    return {}
