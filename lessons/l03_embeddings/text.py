"""The text that lesson 03 counts in: documents of Fernhollow, as windows of tokens."""

from __future__ import annotations

import numpy as np

from lessons.l03_embeddings.space import near_pairs
from lessons.world.corpus import PAD, encode
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import BPETokenizer
from minigpt.tokenizer import END

READ = {"passages": 1_500, "lore": 3_000, "stories": 300}  # documents of each family
WIDTH = 257


def documents() -> list[str]:
    """Documents of the families READ, always the same ones."""
    return [
        FAMILIES[family].document(Tape("lesson 03", family, number))
        for family, n in READ.items()
        for number in range(n)
    ]


def rows(tokenizer: BPETokenizer) -> np.ndarray:
    """The documents, each after <|end|>, one after the other in rows of WIDTH tokens: (B, T)."""
    ids: list[int] = []
    for text in documents():
        ids += [tokenizer.special_tokens[END], *encode(tokenizer, text)]
    ids += [tokenizer.special_tokens[PAD]] * (-len(ids) % WIDTH)
    return np.array(ids).reshape(-1, WIDTH)


def pairs(tokenizer: BPETokenizer, window: int) -> np.ndarray:
    """All pairs of tokens of one document that stand at most `window` apart: (N, 2)."""
    special = tokenizer.special_tokens
    return near_pairs(rows(tokenizer), special[END], special[PAD], window)
