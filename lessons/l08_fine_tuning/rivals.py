"""What pre-training is compared with, given more: a better recipe, and more notes.

In `transfer` random weights are trained as the pre-trained ones are. The course's own pre-training
gives embeddings a rate six times as high: that is tried here (`recipe`). And the notes for
validation, which a network needs to know when to stop, a bag of words can learn from (`words`).
"""

from __future__ import annotations

from typing import Any

import torch

from lessons.l08_fine_tuning import measures, transfer, tuning
from minigpt import GPT, BPETokenizer
from minigpt.optim import make_optimizers

RECIPE, WORDS = KINDS = ("recipe", "words")
SIZES = (64, 128, 256)  # notes, around the level at which numbers are compared


def recipe(
    model: GPT, tokenizer: BPETokenizer, n: int, seed: int, rate: float, **limits: int
) -> dict[str, Any]:
    """As `transfer.learn` from random weights, with rates and decay as in pre-training; a row."""
    torch.manual_seed(seed)
    model.load_state_dict(GPT(model.config).state_dict())
    run = tuning.Tuning(
        model, tokenizer, tuning.notes(n, seed), tuning.METHODS["full"], rate, seed=seed,
        size=transfer.SIZE, optimizer="muon",
    )  # fmt: skip
    run.optimizers = make_optimizers(
        model, optimizer="muon", learning_rate=0.35 * rate, embedding_learning_rate=2 * rate,
        muon_learning_rate=rate, muon_momentum=0.95, weight_decay=0.03,
    )  # fmt: skip
    some = transfer.validation(seed)
    found = tuning.tune_out(run, lambda: measures.fields_right(model, tokenizer, some)[0], **limits)
    test = tuning.notes(transfer.TEST, seed, "test")
    fields, whole = measures.fields_right(model.eval(), tokenizer, test)
    row = {"kind": RECIPE, "notes": n, "seed": seed, "steps": found.steps, "why": found.why}
    return row | {"fields": fields, "whole": whole}


def words(n: int, seed: int) -> dict[str, Any]:
    """A bag of words that learns from n notes and from those for validation; a row."""
    train = [*tuning.notes(n, seed), *transfer.validation(seed)]
    test = tuning.notes(transfer.TEST, seed, "test")
    fields, whole = measures.bag_of_words(train, test)
    row = {"kind": WORDS, "notes": n, "seed": seed, "steps": 0, "why": ""}
    return row | {"fields": fields, "whole": whole}
