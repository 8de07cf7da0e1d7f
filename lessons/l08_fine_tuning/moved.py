"""How far fine-tuning moved the weights: the size of the change, and how few directions hold it."""

from __future__ import annotations

from statistics import fmean

import torch

from lessons.l08_fine_tuning import tuning
from minigpt import GPT

DIRECTIONS = 16  # the highest rank of the lesson's adapters


def distance(before: GPT, after: GPT) -> dict[str, float]:
    """The change W' - W of the matrices of the blocks; means over all of them.

    "size": its Frobenius norm as a share of W's. "strongest": its largest singular value as a share
    of W's. "in_few": the part of its squared norm that its DIRECTIONS largest singular values hold
    (1 for a change of that rank). Raises ValueError if nothing moved.
    """
    old, new = dict(before.named_parameters()), dict(after.named_parameters())
    sizes, strongest, in_few = [], [], []
    for name, weight in old.items():
        if not name.endswith(tuple(f"{layer}.weight" for layer in tuning.LAYERS)):
            continue
        change = torch.linalg.svdvals((new[name] - weight).detach().double())
        whole = torch.linalg.svdvals(weight.detach().double())
        if not change[0]:
            continue
        sizes.append(float(change.norm() / whole.norm()))
        strongest.append(float(change[0] / whole[0]))
        in_few.append(float((change[:DIRECTIONS].norm() / change.norm()) ** 2))
    if not sizes:
        raise ValueError(f"no matrix of {', '.join(tuning.LAYERS)} differs: compare a tuned model")
    return {"size": fmean(sizes), "strongest": fmean(strongest), "in_few": fmean(in_few)}
