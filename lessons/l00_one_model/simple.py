"""The simple answers to each task: what one gets without a model, item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from lessons import evaluate
from lessons.l00_one_model import tasks, two_ways
from lessons.world.chat_bot import bot_with_memory, if_then_bot
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from lessons.world.tasks import by_example, chat, couplets, passages, sums
from lessons.world.tasks.base import Item, simple_baselines

N_TRAIN = 4000  # items that the baselines learn from
N_TRAIN_CLAIMED = 8000  # of the tasks that the claim names
TUNED_ON = 10  # the draw that chooses the settings, and decides nothing else
Marks = dict[str, list[bool]]

# Families whose baselines read a prompt in a form that helps them: as in their own modules.
PREPARED: dict[str, Callable[[Sequence[Item]], Sequence[Item]]] = {
    "passages": lambda some: [passages._plain(item) for item in some],
    "sums": sums._spaced,
}


def answers(name: str, some: Sequence[Item], n_train: int = 0) -> Marks:
    """Simple way → for each item whether its answer is right; learnt from training items."""
    if name == "verse":
        return verse(some)
    task = tasks.TASKS[name]
    n_train = n_train or (N_TRAIN_CLAIMED if name in tasks.CLAIMED else N_TRAIN)
    train = tasks.kept(task, n_train, Tape("lesson 00", "baselines", name), "train")
    prepared = PREPARED.get(task.family, lambda items: items)
    marks: list[bool] = []

    def right(item: Item, output: str) -> bool:
        marks.append(tasks.mark(name, item, output) == "right")
        return marks[-1]

    # They come one way after the other, each with all items in order.
    ways = simple_baselines(prepared(some), prepared(train), right)
    found = {way: marks[at * len(some) :][: len(some)] for at, way in enumerate(ways)}
    for way, answer in BY_HAND.get(task.family, {}).items():
        found[way] = [tasks.mark(name, item, answer(item)) == "right" for item in some]
    return found


BY_HAND: dict[str, dict[str, Callable[[Item], str]]] = {
    "chat": {
        "if-then bot": lambda item: if_then_bot(chat.last_message(item)),
        "bot with a memory": lambda item: bot_with_memory(item.prompt),
    },
    "by_example": {"best guess without examples": lambda i: by_example.prior_guess(i.meta["word"])},
}


def verse(some: Sequence[Item]) -> Marks:
    """The table of trigrams: right and new couplets that rhyme on the word asked for."""
    written = _written(some, sharpest(asked=True))
    right = [evaluate.is_right(couplets.NAME, i, w) for i, w in zip(some, written, strict=True)]
    return {"trigrams": right}


def written_freely(some: Sequence[Item]) -> float:
    """The share of couplets of the table, on subjects alone, that are right, new and different."""
    return two_ways.right_new_different(some, _written(some, sharpest(asked=False)))


def _written(some: Sequence[Item], temperature: float) -> list[str]:
    """What the table writes for items; the draws for each are its own."""
    table = two_ways.Trigrams(read_couplets(), temperature)
    return [
        table.write(i.meta["subject"], Tape("trigrams", i.prompt, i.answer, n), i.meta["word"])
        for n, i in enumerate(some)
    ]


def copied(some: Sequence[Item]) -> list[bool]:
    """Whether a training couplet on the subject ends in the word asked for: right, but not new."""
    ends = {
        (item.meta["subject"], line[-1])
        for item in read_couplets()
        for line in couplets.lines(item.answer)
    }
    return [(item.meta["subject"], item.meta["word"]) in ends for item in some]


@cache
def sharpest(asked: bool) -> float:
    """The temperature at which the table writes most that is right and new, on another draw."""
    draw = tasks.items("verse", 300, TUNED_ON) if asked else two_ways.verses(300, TUNED_ON)
    return max(
        two_ways.SHARPER, key=lambda t: two_ways.right_new_different(draw, _written(draw, t))
    )


@cache
def read_couplets() -> list[Item]:
    """As many couplets as the model read, drawn as in training, on subjects alone."""
    return two_ways.verses(two_ways.READ, 0, "train")


def family_share(name: str, some: Sequence[Item]) -> tuple[str, float]:
    """The family's own best baseline and its share, to see that none here is weaker."""
    found = FAMILIES[tasks.TASKS[name].family].baselines(some)
    best = max(found, key=lambda way: found[way])
    return best, found[best]
