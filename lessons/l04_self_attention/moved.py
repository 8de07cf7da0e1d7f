"""Which outputs move when one token of a text is replaced by another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lessons.world.corpus import encode
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, load

FAMILIES_SHOWN = ("stories", "sentiment", "passages", "tavi", "sums")
SMALLEST = 1e-6  # of the largest output: less is rounding


@torch.no_grad()
def moved(model: GPT, ids: Tensor, at: int, other: int) -> Tensor:
    """For each of T tokens, whether its logits move when token `at` of ids (T,) becomes `other`."""
    changed = ids.clone()
    changed[at] = other
    before, after = model(torch.stack([ids, changed]))  # (T, V) each
    return (before - after).abs().amax(-1) > SMALLEST * before.abs().max()


def table(model: GPT, ids: Tensor, seed: int = 0) -> Tensor:
    """(T, T) of bools: row i says which outputs move when token i is replaced at random."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for at in range(len(ids)):
        shift = int(torch.randint(1, model.config.vocab_size, (), generator=generator))
        rows.append(moved(model, ids, at, (int(ids[at]) + shift) % model.config.vocab_size))
    return torch.stack(rows)


def shares(found: Tensor) -> dict[str, float]:
    """Of a table: the share of outputs that move at the token and after it, and before it."""
    later = torch.ones_like(found).triu()
    return {
        "later_moved": float(found[later].float().mean()),
        "earlier_moved": float(found[~later].float().mean()),
    }


def record() -> dict[str, Any]:
    """The shares for a text of each of five families, on the shipped model."""
    model, tokenizer = load("fernhollow")
    assert isinstance(tokenizer, BPETokenizer)
    texts = []
    for family in FAMILIES_SHOWN:
        text = FAMILIES[family].document(Tape("lesson 04", family))
        ids = torch.tensor(encode(tokenizer, text))[:48]
        texts.append(shares(table(model, ids)))
    return {"families": [*FAMILIES_SHOWN], "texts": texts}
