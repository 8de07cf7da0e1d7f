"""What the training text does not contain, asked for by name, without an example."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from lessons import evaluate
from lessons.l09_few_shot import shots
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from lessons.world.tasks import by_example, functions
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer

SPLITS = ("compositions", "third letter")
# Rows of the record:
NAMED, PARAPHRASED = "absent tasks", "absent tasks, paraphrased"
SHOWN = "third letter, 16 examples"
HALF = "compositions answered as one of the two"
REWORDED_SUFFIX = ", new wording"
REWORDED = tuple(name for name, family in FAMILIES.items() if "wording" in family.SPLITS)


def named(n: int, seed: int) -> list[Item]:
    """n compositions and n third letters, asked for in wordings of training.

    Of words whose answer no trained function gives: none is right by doing another task.
    """
    return [
        item
        for split in SPLITS
        for item in functions.items(Tape("lesson 09", "named", split, seed), n, split)
    ]


def paraphrased(some: Sequence[Item]) -> list[Item]:
    """The same functions of the same words, asked for in a wording held out of training."""
    tape, found = Tape("lesson 09", "paraphrased"), []
    for item in some:
        function = functions.FUNCTIONS[item.meta["function"]]
        word = functions.shown(item.meta["word"], item.meta["spelled"])
        order = function.order.format(word=word)
        asked = tape.choice(functions.ASKED_NEW)
        prompt = asked.format(label=function.label, word=word, order=order)
        found.append(Item(prompt, item.answer, meta=item.meta))
    return found


def third_letter_shown(n: int, seed: int, k: int = 16) -> list[Item]:
    """n words' third letters, after k examples of others."""
    name = functions.THIRD.name
    return [by_example.item(Tape("lesson 09", name, seed, at), name, k) for at in range(n)]


def prior(some: Sequence[Item], family: ModuleType = functions) -> float:
    """The share right of the best guess that needs no understanding of the question.

    The family's own baselines (commonest answer, bag of words, nearest training prompt), and a
    letter of the word drawn at random.
    """
    letters = [
        item.meta["word"].count(item.answer.strip()) / len(item.meta["word"])
        for item in some
        if len(item.answer.strip()) == 1
    ]
    return float(max(sum(letters) / len(some), *family.baselines(some).values()))


def half_done(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> float:
    """The share of compositions answered as one of their two functions alone would be."""
    mixed = [item for item in some if " + " in item.meta["function"]]
    outputs = evaluate.answers(model, tokenizer, mixed)
    count = 0
    for item, output in zip(mixed, outputs, strict=True):
        parts = item.meta["function"].split(" + ")
        alone = {functions.FUNCTIONS[part].apply(item.meta["word"]) for part in parts}
        count += shots.said(output) in alone
    return count / len(mixed)


def reworded(
    model: GPT, tokenizer: BPETokenizer, n: int, seed: int
) -> dict[str, tuple[float, float]]:
    """For each family with held-out wordings: the share right in them, and the best baseline's."""
    found = {}
    for name in REWORDED:
        family = FAMILIES[name]
        some = family.items(Tape("lesson 09", "reworded", name, seed), n, "wording")
        outputs = evaluate.answers(model, tokenizer, some)
        mine = sum(evaluate.is_right(name, i, o) for i, o in zip(some, outputs, strict=True)) / n
        found[name] = (mine, max(family.baselines(some).values()))
    return found
