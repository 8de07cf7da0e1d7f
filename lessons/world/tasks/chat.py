"""A support chat of several turns, in which late answers need what an earlier turn said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..chat_bot import if_then_bot
from ..chat_language import Turn, chat
from ..chat_wordings import WORDINGS
from ..language import FIRST_NAMES
from ..tape import Tape
from .base import Item, check_split
from .intent import COLOURS, GOODS, TOWNS
from .topic import TOPICS

NAME = "chat"
SPLITS = ("test", "wording", "train")
USER, BOT = "<|user|>", "<|bot|>"
# The words of an answer that carry what it says; numbers do, too.
TELLING = {*FIRST_NAMES, *COLOURS, *GOODS, *TOWNS, *TOPICS, "Hello", "Goodbye", "Yes", "No", "not"}


def _lines(turns: Sequence[Turn]) -> list[str]:
    return [line for turn in turns for line in (f"{USER} {turn.user}", f"{BOT} {turn.bot}")]


def document(tape: Tape) -> str:
    """A chat."""
    return "\n".join(_lines(chat(tape, new=False)))


def _item(tape: Tape, split: str) -> Item:
    turns = chat(tape, new=split != "train")
    ordered = [turn.act for turn in turns].index("order")
    later = range(ordered + 1, len(turns))
    early = tape.chance(0.75)  # most items are about an answer that needs an earlier turn
    at = tape.choice([i for i in later if (turns[i].needs > 0) == early] or later)
    turn, user = turns[at], turns[at].user
    absent = [t.user for t in turns[: at + 1] if t.act == "order"]
    if split == "wording":
        user = WORDINGS[turn.act][1].format(**turn.slots)
        absent = [*[t.user for t in turns[:at] if t.act == "order"], f"{USER} {user}"]
    return Item(
        prompt="\n".join([*_lines(turns[:at]), f"{USER} {user}", BOT]),
        answer=f" {turn.bot}",
        absent=() if split == "train" else tuple(absent),
        meta={"needs": turn.needs, "act": turn.act, "turn": at},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Chats about orders held out of training; `wording`: the last message in words held out.

    `meta["needs"]`: how many turns back the oldest thing stands that the answer needs; 0: all
    stands in the last message.
    """
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def telling(text: str) -> list[str]:
    """The numbers, names, towns, colours, goods … of an answer, in order."""
    return [w for w in re.findall(r"\w+", text) if w in TELLING or w.isdigit()]


def is_correct(item: Item, output: str) -> bool:
    """Whether the output's first line tells what the answer tells, in whatever other words."""
    lines = output.strip().splitlines()
    return bool(lines) and telling(lines[0]) == telling(item.answer)


def last_message(item: Item) -> str:
    """What the customer said last."""
    return item.prompt.rsplit(f"{USER} ", 1)[1].removesuffix(f"\n{BOT}")


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """As base.simple_baselines, but no bag of words: nearly every answer is a class of its own.

    if-then bot: rules that see the last message only; look at items by `needs` to judge it.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    train = items(Tape(NAME, "baselines"), 2000, "train")
    weigh = TfidfVectorizer(token_pattern=r"(?u)\S+", ngram_range=(1, 2), sublinear_tf=True)
    table = weigh.fit_transform([item.prompt for item in train])
    nearest = (weigh.transform([item.prompt for item in items_]) @ table.T).argmax(axis=1).A1
    outputs = {
        "constant": [Counter(item.answer for item in train).most_common(1)[0][0]] * len(items_),
        "nearest document": [train[int(at)].answer for at in nearest],
        "if-then bot": [if_then_bot(last_message(item)) for item in items_],
    }
    return {
        name: sum(map(is_correct, items_, answers)) / len(items_)
        for name, answers in outputs.items()
    }
