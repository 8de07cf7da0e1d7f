"""The tasks of lesson 00: items of the world's families, what the model says, and its mark.

Every mark is computed from the world: programs run, rhymes looked up, facts read from the truth
table. "invented" is what is said where there is nothing to say: of somebody who does not exist, of
what a text does not tell, of a bug in a right program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lessons import evaluate
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from minigpt import GPT, BPETokenizer

Mark = Literal["right", "wrong", "invented"]
SIGNS: dict[Mark, str] = {"right": "✓", "wrong": "✗", "invented": "?"}


@dataclass(frozen=True)
class Task:
    """Items of one family and split, those whose meta `keep` accepts."""

    name: str
    family: str
    split: str = "test"
    keep: Callable[[dict[str, Any]], bool] = lambda meta: True


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("verse", "couplets"),
        Task("debugging", "bugs", keep=lambda meta: meta["kind"] != "none"),
        Task("summary", "stories", keep=lambda meta: meta["kind"] == "summary"),
        Task("conversation", "chat", keep=lambda meta: meta["needs"] > 0),
        Task("reading", "passages"),
        Task("sentiment", "sentiment"),
        Task("topic", "topic"),
        Task("intent", "intent"),
        Task("translation", "tavi"),
        Task("letters", "functions"),
        Task("by example", "by_example", keep=lambda meta: meta["k"] == 8),
        Task("arithmetic", "sums"),
        Task("running code", "programs"),
        Task("code to code", "toy_code"),
        Task("no bug", "bugs", keep=lambda meta: meta["kind"] == "none"),
        Task("not stated", "passages", "unanswerable"),
        Task("facts", "questions", "asked"),
        Task("strangers", "questions", "strangers"),
    )
}
CLAIMED = ("verse", "debugging", "summary", "conversation")  # what the claim names
NOTHING = {"no bug": "no bug", "not stated": NOT_STATED, "strangers": NOT_STATED}  # right there
ASIDE = (*NOTHING, "facts")  # rows that are read otherwise than the tasks: see the lesson
MARGIN = 0.1  # what a task must lie above the best simple answer to count as done


def items(name: str, n: int, seed: int) -> list[Item]:
    """n items of a task, the same for the same seed. Raises ValueError for an unknown task."""
    if name not in TASKS:
        raise ValueError(f"no task {name!r}; there are {', '.join(TASKS)}")
    task = TASKS[name]
    return kept(task, n, Tape("lesson 00", name, seed), task.split)


def kept(task: Task, n: int, tape: Tape, split: str) -> list[Item]:
    """n items of a split that the task keeps."""
    found: list[Item] = []
    for _ in range(200):
        # Some families deal out kinds in turn, so that a few items at a time show all of them.
        some = FAMILIES[task.family].items(tape, max(n, 24), split)
        found += [item for item in some if task.keep(item.meta)]
        if len(found) >= n:
            return found[:n]
    raise ValueError(f"{len(found)} items of {split!r} fit the task {task.name!r}, wanted are {n}")


def mark(name: str, item: Item, output: str, *, new: bool = False) -> Mark:
    """What an output is worth.

    Where there is nothing to say (see NOTHING), saying so is right and anything else invented.
    `new`: a verse that stands in the training text does not count (all of it is drawn again to see,
    which takes a while).
    """
    if name in NOTHING:
        return "right" if output.strip() == NOTHING[name] else "invented"
    family = TASKS[name].family
    right = evaluate.is_right(family, item, output) if new else is_correct(family, item, output)
    return "right" if right else "wrong"


def is_correct(family: str, item: Item, output: str) -> bool:
    """What the family's own scorer says of an output."""
    return bool(FAMILIES[family].is_correct(item, output))


def attempt(
    model: GPT, tokenizer: BPETokenizer, name: str, some: Sequence[Item]
) -> list[tuple[Item, str, Mark]]:
    """The model's greedy output for each item of a task, with its mark."""
    # As much is written as the answer is long, and a little more: "no bug" would leave no room.
    room = " x" * 16 if name in NOTHING else ""
    wide = [replace(item, answer=item.answer + room) for item in some]
    outputs = evaluate.answers(model, tokenizer, wide)
    return [
        (item, output, mark(name, item, output)) for item, output in zip(some, outputs, strict=True)
    ]


def shown(item: Item, output: str, given: Mark) -> str:
    """A prompt with the model's output after it (from » to the line's end), and the mark."""
    said = output.strip("\n").rstrip()
    return f"{item.prompt} »{said}\n{SIGNS[given]} {given}"


TO_TRANSLATE = "The small dog sees the fox."


def translated(model: GPT, tokenizer: BPETokenizer, prompt: str) -> str:
    """A reader's prompt, what the model adds, and whether that says TO_TRANSLATE in Tavi.

    ⏎ stands for a line break. What counts is the first line, behind a colon if one is there.
    """
    if not prompt.strip():
        return f"no prompt yet. Which text would go on with {TO_TRANSLATE!r} in Tavi?"
    meta = {"direction": "to tavi", "source": TO_TRANSLATE}
    item = Item(prompt.rstrip(), " x" * 20, stop="\n\n", meta=meta)
    output = evaluate.answers(model, tokenizer, [item])[0]
    lines = output.strip().splitlines()
    said = lines[0].rpartition(": ")[2] if lines else ""  # it may write the form as well
    text = " ⏎ ".join(output.rstrip().split("\n")).strip() or "(nothing)"
    return shown(item, text, "right" if is_correct("tavi", item, said) else "wrong")
