"""The text of lesson 01: short documents of Fernhollow, in characters."""

from __future__ import annotations

import torch
from torch import Tensor

from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import CharTokenizer

FAMILIES_READ = ("lore", "stories", "sentiment")
N_EACH = 60  # documents of each family to train on; half as many are held out


def documents(part: str, n: int = N_EACH) -> list[str]:
    """`n` documents of each family, those of "train" or of "held out"; plain sentences only."""
    found = []
    for number in range(n):
        for family in FAMILIES_READ:
            text = FAMILIES[family].document(Tape("lesson 01", part, family, number))
            found.append(text.split("\nQuestion:")[0].strip())
    return found


def prepare() -> tuple[CharTokenizer, Tensor, Tensor]:
    """The vocabulary, and the ids of both parts, (N,) each: documents end with a line's end."""
    train = "\n".join(documents("train")) + "\n"
    held_out = "\n".join(documents("held out", N_EACH // 2)) + "\n"
    tokenizer = CharTokenizer.train(train + held_out)
    return (
        tokenizer,
        torch.tensor(tokenizer.encode(train)),
        torch.tensor(tokenizer.encode(held_out)),
    )


def show(character: str) -> str:
    """A character as it is shown in tables: blanks and line ends get a sign."""
    return {" ": "␣", "\n": "⏎"}.get(character, character)
