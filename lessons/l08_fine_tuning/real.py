"""LoRA on SmolLM2: is a speaker pleased or cross, and what happens to text that is about neither.

The remarks are lesson 09's; sentences of training and test differ, not only what they speak of.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lessons.l06_pretraining.corpus import articles
from lessons.l09_few_shot import smol
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, apply_lora, score_choices
from minigpt.data import IGNORE
from minigpt.evaluate import bits_per_byte, next_token_loss, token_losses

NAME, ABOUT = smol.NAME, smol.ABOUT
ADAPTER = Path(__file__).parent / "results" / "adapters" / "SmolLM2.safetensors"
RANK, TARGETS = 2, ("attn.c_attn",)
STEPS, BATCH = 40, 8
RATES = {"LoRA": (3e-3, 1e-2, 3e-2), "full": (1e-5, 3e-5, 1e-4)}  # to choose from
N_TRAIN, N_TEST = 64, 80  # all that there are of the test's sentences
TEXT = 6_000  # characters of the Python reference
Example = tuple[str, str]


def remarks(part: str, n: int, seed: int) -> list[Example]:
    """n remarks with labels; "train", "validation" and "test" have other sentences."""
    cut = {"train": slice(0, 4), "validation": slice(4, 6), "test": slice(6, None)}[part]
    every = [
        (sentence.format(thing), label)
        for label, sentences in zip(smol.LABELS, (smol.PLEASED, smol.CROSS), strict=True)
        for sentence in sentences[cut]
        for thing in smol.THINGS
    ]
    return Tape("lesson 08", "remarks", part, seed).sample(every, n)


def prompt(remark: str) -> str:
    """A remark as it is put to the model, before and after."""
    return f"Remark: {remark}.\nThe speaker is"


def right(model: GPT, tokenizer: BPETokenizer, some: Sequence[Example]) -> float:
    """The share of remarks whose label the model finds likelier."""
    choices = [f" {label}" for label in smol.LABELS]
    count = 0
    for remark, label in some:
        scores = score_choices(model, tokenizer, prompt(remark), choices)
        count += choices[scores.index(max(scores))] == f" {label}"
    return count / len(some)


def text_bits(model: GPT, tokenizer: BPETokenizer) -> float:
    """Bits per byte on a piece of the Python reference."""
    text = "\n".join(articles())[:TEXT]
    ids = torch.tensor(tokenizer.encode(text))
    losses = token_losses(model, ids, window=512, stride=256, batch_size=1)
    return bits_per_byte(float(losses.double().sum()), len(text.encode()))


def tune(
    model: GPT, tokenizer: BPETokenizer, how: str, seed: int, rate: float, steps: int = STEPS
) -> None:
    """Train on remarks, by "LoRA" (rank 2 of queries, keys and values) or all weights ("full")."""
    torch.manual_seed(seed)
    if how == "LoRA":
        apply_lora(model, rank=RANK, alpha=2 * RANK, targets=TARGETS)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    some = remarks("train", N_TRAIN, seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        chosen = [some[at % len(some)] for at in range(step * BATCH, (step + 1) * BATCH)]
        loss = _loss(model, tokenizer, chosen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _loss(model: GPT, tokenizer: BPETokenizer, some: Sequence[Example]) -> torch.Tensor:
    rows = [
        (tokenizer.encode(prompt(remark)), tokenizer.encode(f" {label}")) for remark, label in some
    ]
    width = max(len(asked) + len(said) for asked, said in rows) - 1
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    goal = torch.full((len(rows), width), IGNORE)
    for at, (asked, said) in enumerate(rows):
        whole = torch.tensor(asked + said)
        ids[at, : len(whole) - 1] = whole[:-1]
        goal[at, len(asked) - 1 : len(whole) - 1] = whole[len(asked) :]
    return next_token_loss(model(ids), goal)


def measure(model: GPT, tokenizer: BPETokenizer) -> dict[str, Any]:
    """Remarks right and bits per byte."""
    return {
        "right": right(model, tokenizer, remarks("test", N_TEST, 0)),
        "bits": text_bits(model, tokenizer),
    }
