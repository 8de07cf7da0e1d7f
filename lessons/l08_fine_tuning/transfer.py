"""Notes to fields from fernhollow and from random weights of its shape: how many notes it takes."""

from __future__ import annotations

from typing import Any

import torch

from lessons.l08_fine_tuning import measures, tuning
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer

PRETRAINED, RANDOM = STARTS = ("pre-trained", "random weights")
SIZES = (8, 16, 32, 64, 128, 256, 512)
SPECIALIST = SIZES[-1]  # notes of the specialist, the last point of the curve
LEVEL = 0.8  # of fields, where numbers of notes are compared
SIZE = 8  # notes of a step
VALIDATION, TEST = 60, 100  # notes
GENERAL_N = 40  # items of each old family
# Optimizers that each start is offered, with the rates that are tried first.
OFFERED = {"adamw": tuning.FULL, "muon": (3e-3, 1e-2, 3e-2)}


def validation(seed: int, n: int = VALIDATION) -> list[Item]:
    """Notes that decide when training ends; none of them is learnt from."""
    return tuning.notes(n, 500 + seed)


def learn(
    model: GPT,
    tokenizer: BPETokenizer,
    start: str,
    n: int,
    seed: int,
    optimizer: str,
    rate: float,
    **limits: int,
) -> dict[str, Any]:
    """Train on n notes, from a start, until no more fields of validation notes come right.

    `model` is trained in place, after it got random weights if `start` says so; `limits` are those
    of `tuning.tune_out`. Returns the row of how it was trained, with "score" on validation notes.
    """
    if start not in STARTS:
        raise ValueError(f"start={start!r}: choose one of {STARTS}")
    if start == RANDOM:
        torch.manual_seed(seed)
        model.load_state_dict(GPT(model.config).state_dict())
    run = tuning.Tuning(
        model, tokenizer, tuning.notes(n, seed), tuning.METHODS["full"], rate, seed=seed,
        size=SIZE, optimizer=optimizer,
    )  # fmt: skip
    some = validation(seed)
    found = tuning.tune_out(run, lambda: measures.fields_right(model, tokenizer, some)[0], **limits)
    model.eval()
    row = {"start": start, "notes": n, "seed": seed, "optimizer": optimizer, "rate": rate}
    return row | {"steps": found.steps, "loss": found.loss, "why": found.why, "score": found.best}


def tested(model: GPT, tokenizer: BPETokenizer, n: int, seed: int) -> dict[str, Any]:
    """Fields and whole notes right on new notes, and what a bag of words makes of the same n."""
    test, train = tuning.notes(TEST, seed, "test"), tuning.notes(n, seed)
    fields, whole = measures.fields_right(model, tokenizer, test)
    words, words_whole = measures.bag_of_words(train, test)
    return {"fields": fields, "whole": whole, "words": words, "words_whole": words_whole}


def specialist(model: GPT, tokenizer: BPETokenizer, seed: int) -> dict[str, Any]:
    """What else is asked of the specialist: notes in new words, and its old tasks."""
    train = tuning.notes(SPECIALIST, seed)
    test, wording = (tuning.notes(TEST, seed, split) for split in ("test", "wording"))
    fields, whole = measures.fields_right(model, tokenizer, wording)
    ruled, ruled_whole = measures.bag_of_words(train, test, age_by_rule=True)
    words, words_whole = measures.bag_of_words(train, wording)
    return {
        "wording": {"fields": fields, "whole": whole, "words": words, "words_whole": words_whole},
        "age_by_rule": {"words": ruled, "words_whole": ruled_whole},
        "kept": measures.general(model, tokenizer, GENERAL_N, seed),
        "losses": measures.old_losses(model, tokenizer),
    }


def before(model: GPT, tokenizer: BPETokenizer, seed: int) -> dict[str, Any]:
    """What the model does with notes as it is, after 0 to 2 examples, and with its old tasks."""
    test = tuning.notes(TEST, seed, "test")
    shown = {}
    for k in (0, 1, 2):
        some = measures.with_examples(test, k, seed)
        shown[str(k)] = measures.fields_right(model, tokenizer, some)
    return {
        "seed": seed,
        "shown": shown,
        "constant": measures.constant(test),
        "kept": measures.general(model, tokenizer, GENERAL_N, seed),
        "losses": measures.old_losses(model, tokenizer),
    }
