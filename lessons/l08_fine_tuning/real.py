"""LoRA on SmolLM2: is a speaker pleased or cross, and what happens to text that is about neither.

Lesson 09's sentences are learnt from; those that decide when to stop and those of the test are
others, written for this lesson.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from lessons.l06_pretraining.corpus import articles
from lessons.l08_fine_tuning.tuning import Row, batch_of
from lessons.l09_few_shot import smol
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, apply_lora
from minigpt.data import IGNORE
from minigpt.evaluate import bits_per_byte, next_token_loss, token_losses
from minigpt.modes import evaluating

NAME, ABOUT = smol.NAME, smol.ABOUT
ADAPTER = Path(__file__).parent / "results" / "adapters" / "SmolLM2.safetensors"
RANK, TARGETS = 2, ("attn.c_attn",)
TARGET = 0.9  # of remarks right for validation, where both ways are compared
STEPS, EVERY, BATCH = 150, 10, 8
RATES = {"LoRA": (1e-3, 3e-3, 1e-2), "full": (1e-5, 3e-5, 1e-4)}  # tried first
N_TRAIN = 64
TEXT, PIECES = 1_500, 6  # characters of a piece of the Python reference, and pieces
LIVE_N = 10  # remarks that the notebook asks again
Example = tuple[str, str]
Sentences = dict[str, tuple[str, ...]]  # by label

# Sentences for validation, then those of the test; {} stands for one of THINGS.
VALIDATION: Sentences = {
    "pleased": (
        "of everything on my list the {} was the best idea",
        "you could not pay me to part with the {}",
        "the {} is the reason I slept well again",
        "my sister now wants a {} just like it",
        "I caught myself humming because of the {}",
    ),
    "cross": (
        "of everything on my list the {} was the worst idea",
        "you could not pay me to keep the {}",
        "the {} is the reason I did not sleep",
        "my sister warned me about the {}, and she was right",
        "I caught myself shouting because of the {}",
    ),
}
TEST: Sentences = {
    "pleased": (
        "the {} was even better than last time",
        "I am so glad that we chose the {}",
        "thank you for the {}, it saved the day",
        "the {} is a joy from morning till night",
        "I have never had a better {}",
        "the {} deserves every star it can get",
        "what a lovely surprise the {} turned out to be",
        "our guests asked where we had found such a fine {}",
        "the {} is worth twice what I paid",
        "I would recommend the {} to anybody",
        "everything about the {} was just right",
        "the {} has not let me down once",
        "my mother cried with happiness over the {}",
        "we are still talking about how good the {} was",
        "finally a {} that works as it should",
        "the {} came early and in perfect order",
        "I did not expect much, but the {} won me over",
        "the children cheered when they saw the {}",
        "with the {} every chore is half as long",
        "if only all things were made like this {}",
    ),
    "cross": (
        "the {} was even worse than last time",
        "I am sorry that we chose the {}",
        "no thanks for the {}, it spoiled the day",
        "the {} is a nuisance from morning till night",
        "I have never had a poorer {}",
        "the {} does not deserve a single star",
        "what an unpleasant surprise the {} turned out to be",
        "our guests asked why we put up with such a {}",
        "the {} is not worth half of what I paid",
        "I would warn anybody against the {}",
        "nothing about the {} was right",
        "the {} has let me down again and again",
        "my mother cried with anger over the {}",
        "we are still complaining about how bad the {} was",
        "yet another {} that does not work as it should",
        "the {} came late and in pieces",
        "I expected much, but the {} was a letdown",
        "the children groaned when they saw the {}",
        "with the {} every chore is twice as long",
        "who on earth allowed this {} to be made",
    ),
}


def sentences(part: str) -> Sentences:
    """Label → sentences of "train", "validation" or "test": others in each."""
    train: Sentences = dict(zip(smol.LABELS, (smol.PLEASED, smol.CROSS), strict=True))
    parts: dict[str, Sentences] = {"train": train, "validation": VALIDATION, "test": TEST}
    return parts[part]


def remarks(part: str, n: int, seed: int) -> list[Example]:
    """n remarks with labels, drawn by seed, each sentence about as often as the others."""
    tape = Tape("lesson 08", "remarks", part, seed)
    frames = [(s, label) for label, some in sentences(part).items() for s in some]
    things = {frame: tape.sample(smol.THINGS, len(smol.THINGS)) for frame in frames}
    found = []
    for number in range(-(-n // len(frames))):
        found += [(s.format(things[s, label][number]), label) for s, label in frames]
    return tape.shuffled(found)[:n]


def asked_remarks() -> list[tuple[int, Example]]:
    """The 200 remarks of the test, five of each sentence, with the sentence's number."""
    frames = [(s, label) for label, some in TEST.items() for s in some]
    found = []
    for number, (sentence, label) in enumerate(frames):
        things = Tape("lesson 08", "test remarks", number).sample(smol.THINGS, 5)
        found += [(number, (sentence.format(thing), label)) for thing in things]
    return found


def live_remarks() -> list[Example]:
    """The remarks that the notebook asks again: ten sentences of the test, five of each label."""
    every = asked_remarks()
    return [every[at][1] for at in range(0, len(every), len(every) // LIVE_N)]


def prompt(remark: str, shown: Sequence[Example] = ()) -> str:
    """A remark as it is put to the model, behind others with their labels."""
    asked = "Remark: {}.\nThe speaker is"
    return "".join(f"{asked.format(r)} {label}\n\n" for r, label in shown) + asked.format(remark)


def preferences(model: GPT, tokenizer: BPETokenizer, prompts: Sequence[str]) -> Tensor:
    """log p("pleased") - log p("cross") after each prompt: (n,); each label is a token or more."""
    rows, lengths = [], []
    for text in prompts:
        for label in smol.LABELS:
            asked, said = tokenizer.encode(text), tokenizer.encode(f" {label}")
            rows.append(_row(asked, said))
            lengths.append(len(said))
    nats = torch.empty(len(rows))
    with evaluating(model):
        for at in range(0, len(rows), 20):
            ids, goal = batch_of(rows[at : at + 20], 0)
            counted = goal != IGNORE
            logits = model.head(model.features(ids)[counted])[None]  # (1, n, V)
            losses = next_token_loss(logits, goal[counted][None], "none")  # (n,)
            some = lengths[at : at + 20]
            nats[at : at + len(some)] = torch.stack([part.sum() for part in losses.split(some)])
    return nats[1::2] - nats[::2]


def _row(asked: list[int], said: list[int]) -> Row:
    return (asked + said)[:-1], [IGNORE] * (len(asked) - 1) + said


def right(
    model: GPT,
    tokenizer: BPETokenizer,
    some: Sequence[Example],
    *,
    k: int = 0,
    calibrated: bool = False,
) -> list[bool]:
    """Which remarks get their label, after k others with theirs, drawn for each remark alone.

    `calibrated`: the same preference for a remark without content ("N/A") is taken away first
    (Zhao et al. 2021, 2102.09690).
    """
    prompts, empty = [], []
    for number, (remark, _) in enumerate(some):
        shown = Tape("lesson 08", "shown remarks", number).sample(remarks("train", 40, 0), k)
        prompts.append(prompt(remark, shown))
        empty.append(prompt("N/A", shown))
    found = preferences(model, tokenizer, prompts)
    if calibrated:
        found = found - preferences(model, tokenizer, empty if k else empty[:1])
    said = [smol.LABELS[0] if one > 0 else smol.LABELS[1] for one in found.tolist()]
    return [label == one for (_, label), one in zip(some, said, strict=True)]


def pieces() -> list[str]:
    """Pieces of the Python reference, from places drawn in the whole of it."""
    text = "\n".join(articles())
    tape = Tape("lesson 08", "reference")
    starts = [tape.index(len(text) - TEXT) for _ in range(PIECES)]
    return [text[at : at + TEXT] for at in starts]


def pieces_hash() -> str:
    """SHA-256 of these pieces: Python's reference changes with its version."""
    return hashlib.sha256("\n".join(pieces()).encode()).hexdigest()


def text_bits(model: GPT, tokenizer: BPETokenizer) -> float:
    """Bits per byte on pieces of the Python reference."""
    nats, size = 0.0, 0
    for text in pieces():
        ids = torch.tensor(tokenizer.encode(text))
        losses = token_losses(model, ids, window=512, stride=256, batch_size=1)
        nats, size = nats + float(losses.double().sum()), size + len(text.encode())
    return bits_per_byte(nats, size)


def tune(
    model: GPT,
    tokenizer: BPETokenizer,
    how: str,
    seed: int,
    rate: float,
    steps: int = STEPS,
    target: float = TARGET,
) -> dict[str, Any]:
    """Train on remarks, in place, until the target; a row.

    By "LoRA" (rank 2 of queries, keys and values) or all weights ("full").
    """
    torch.manual_seed(seed)
    if how == "LoRA":
        apply_lora(model, rank=RANK, alpha=2 * RANK, targets=TARGETS)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    some, check = remarks("train", N_TRAIN, seed), remarks("validation", 50, seed)
    share, step = 0.0, 0
    while step < steps and share < target:
        for _ in range(EVERY):
            chosen = [some[at % len(some)] for at in range(step * BATCH, (step + 1) * BATCH)]
            loss = loss_on(model, tokenizer, chosen)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            step += 1
        if not bool(torch.isfinite(loss)):
            share = 0.0
            break
        share = fmean(right(model.eval(), tokenizer, check))
    trained = sum(weight.numel() for weight in weights)
    row = {"how": how, "seed": seed, "rate": rate, "steps": step, "trained": trained}
    return row | {"validation": share, "reached": int(share >= target)}


def loss_on(model: GPT, tokenizer: BPETokenizer, some: Sequence[Example]) -> Tensor:
    """Loss in nats a token on the labels of remarks."""
    rows = [
        _row(tokenizer.encode(prompt(remark)), tokenizer.encode(f" {label}"))
        for remark, label in some
    ]
    ids, goal = batch_of(rows, 0)
    counted = goal != IGNORE
    logits = model.head(model.features(ids)[counted])[None]  # (1, n, V)
    return next_token_loss(logits, goal[counted][None])


BEFORE = {  # of the model as it is: examples in the prompt, calibrated
    "before": (0, False),
    "before, calibrated": (0, True),
    "before, 4 examples": (4, False),
    "before, 4 examples, calibrated": (4, True),
}


def measure(
    model: GPT, tokenizer: BPETokenizer, *, k: int = 0, calibrated: bool = False
) -> list[float]:
    """The share right of each sentence's remarks."""
    numbers, some = zip(*asked_remarks(), strict=True)
    found = right(model, tokenizer, some, k=k, calibrated=calibrated)
    return [
        fmean(ok for ok, one in zip(found, numbers, strict=True) if one == number)
        for number in sorted({*numbers})
    ]
