"""When a fact is learnt: the same questions to a model at the checkpoints along its training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lessons.evaluate import answers
from lessons.world.plan import LEVELS
from lessons.world.tape import Tape
from lessons.world.tasks import biographies, questions
from lessons.world.tasks.base import Item, same
from minigpt import GPT, BPETokenizer

ASKED = "asked"  # people whom training asks about, with the answers
TOLD = "told"  # sentences of biographies, to finish
ITEMS = 100  # for each level of exposure; twice as many of the other groups
SEED = 11
KINDS = ("right", "wrong, of the right kind", "another form")


def kind(item: Item, output: str) -> str:
    """One of KINDS: the true value, a value that answers such a question, or neither."""
    if same(item, output):
        return KINDS[0]
    values = [choice.strip() for choice in item.choices]
    return KINDS[1] if output.strip() in values else KINDS[2]


def groups(n: int = ITEMS, seed: int = SEED) -> dict[str, list[Item]]:
    """Questions about people of whom training never asks, by exposures ("1" to "64"), and others.

    n for each level; 2 n for "asked" (questions that training asks) and for "told" (biographies'
    sentences).
    """
    levels = [str(level) for level in LEVELS if level]
    found: dict[str, list[Item]] = {level: [] for level in levels}
    for item in questions.items(Tape("facts", seed), n * len(levels), "never asked"):
        found[str(item.meta["exposures"])].append(item)
    found[ASKED] = questions.items(Tape("facts", seed, ASKED), 2 * n, "asked")
    found[TOLD] = biographies.items(Tape("facts", seed, TOLD), 2 * n, "told")
    return found


def count(model: GPT, tokenizer: BPETokenizer, items: Sequence[Item]) -> dict[str, int]:
    """How many of the model's greedy answers are of each of KINDS."""
    outputs = answers(model, tokenizer, items)
    counted = Counter(kind(item, output) for item, output in zip(items, outputs, strict=True))
    return {name: counted[name] for name in KINDS}


def look(model: GPT, tokenizer: BPETokenizer, found: dict[str, list[Item]]) -> list[dict[str, Any]]:
    """A row for each group: its name, n, and how many answers are of each of KINDS."""
    return [
        {"group": group, "n": len(items), **count(model, tokenizer, items)}
        for group, items in found.items()
    ]
