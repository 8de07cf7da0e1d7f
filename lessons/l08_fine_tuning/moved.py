"""How far fine-tuning moved the weights, and what models between the two of them can do.

After Wortsman et al. 2022, *Robust fine-tuning of zero-shot models*, arXiv 2109.01903: weights on
the line from a pre-trained model to a tuned one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from statistics import fmean
from typing import Any

import torch

from lessons.l08_fine_tuning import measures, methods, transfer, tuning
from minigpt import GPT, BPETokenizer

DIRECTIONS = 16  # the highest rank of the lesson's adapters
SHARES = (0.0, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the change that are left in the weights
ON_THE_LINE = ("full", "LoRA 4", "LoRA 16")  # methods of which these are measured
APART = "full"  # the method whose change is taken apart


def distance(before: GPT, after: GPT) -> dict[str, float]:
    """The change W' - W of the matrices of the blocks (means over those that moved), and the head.

    "size": its Frobenius norm as a share of W's. "strongest": its largest singular value as a share
    of W's. "in_few": the part of its squared norm that its DIRECTIONS largest singular values hold
    (1 for a change of that rank). "head": the size of the output layer's change, 0 if it stayed.
    Raises ValueError if no matrix of the blocks moved.
    """
    old, new = dict(before.named_parameters()), dict(after.named_parameters())
    sizes, strongest, in_few = [], [], []
    for name in old:
        if not in_blocks(name):
            continue
        change = torch.linalg.svdvals((new[name] - old[name]).detach().double())
        whole = torch.linalg.svdvals(old[name].detach().double())
        if not change[0]:
            continue
        sizes.append(float(change.norm() / whole.norm()))
        strongest.append(float(change[0] / whole[0]))
        in_few.append(float((change[:DIRECTIONS].norm() / change.norm()) ** 2))
    if not sizes:
        raise ValueError(f"no matrix of {', '.join(tuning.LAYERS)} differs: compare a tuned model")
    head = "lm_head.weight"
    return {
        "size": fmean(sizes), "strongest": fmean(strongest), "in_few": fmean(in_few),
        "head": float((new[head] - old[head]).detach().norm() / old[head].detach().norm()),
    }  # fmt: skip


def in_blocks(name: str) -> bool:
    """Whether a parameter's name is that of a matrix that LoRA changes."""
    return name.endswith(tuple(f"{layer}.weight" for layer in tuning.LAYERS))


def between(before: GPT, after: GPT, share: float) -> GPT:
    """A new model with a share of the change: W + share (W' - W), for all weights.

    For LoRA that is alpha times `share`. Both must have the same layers, so merge adapters first.
    """
    model = copy.deepcopy(before).eval()
    with torch.no_grad():
        for weight, tuned in zip(model.parameters(), after.parameters(), strict=True):
            weight.lerp_(tuned, share)
    return model


def on_the_line(
    before: GPT, after: GPT, tokenizer: BPETokenizer, seed: int
) -> list[dict[str, float]]:
    """Rows for SHARES: "fields" and "notes" right, "kept" of old tasks, "nats" on old documents."""
    return [
        {"share": share, **_measured(between(before, after, share), tokenizer, seed)}
        for share in SHARES
    ]


PARTS: dict[str, Callable[[str], bool]] = {
    "all of the change": lambda name: True,
    "the blocks' matrices": in_blocks,
    "all but the head": lambda name: name != "lm_head.weight",
    "all but the embedding": lambda name: name != "wte.weight",
}
"""What can be taken of a change: which parameters, by name."""


def taken_apart(
    before: GPT, after: GPT, tokenizer: BPETokenizer, seed: int
) -> list[dict[str, Any]]:
    """Rows for PARTS: what the old model does with the change of these weights alone."""
    rows, tuned = [], dict(after.named_parameters())
    for part, taken in PARTS.items():
        model = copy.deepcopy(before).eval()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if taken(name):
                    weight.copy_(tuned[name])
        rows.append({"part": part, **_measured(model, tokenizer, seed)})
    return rows


def _measured(model: GPT, tokenizer: BPETokenizer, seed: int) -> dict[str, float]:
    some = tuning.notes(transfer.TEST, seed, "test")
    fields, notes = measures.fields_right(model, tokenizer, some)
    old = methods.kept(model, tokenizer, transfer.GENERAL_N, seed)
    kept, nats = (fmean(old[what].values()) for what in ("kept", "losses"))
    return {"fields": fields, "notes": notes, "kept": kept, "nats": nats}
