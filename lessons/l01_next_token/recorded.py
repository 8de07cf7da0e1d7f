"""SmolLM2's loss with little context: measured, recorded, and read back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from lessons.l06_pretraining.corpus import articles
from lessons.sweeps import read_csv, read_json
from minigpt import GPT, BPETokenizer
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"
CONTEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@torch.no_grad()
def losses(
    model: GPT, tokenizer: BPETokenizer, contexts: Sequence[int], n: int, seed: int
) -> dict[int, list[float]]:
    """Bits of `n` tokens at random places of the Python reference, by tokens of context."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(contexts)
    texts = [ids for text in articles() if len(ids := tokenizer.encode(text)) > longest + 1]
    found: dict[int, list[float]] = {context: [] for context in contexts}
    for _ in range(n):
        ids = texts[int(torch.randint(len(texts), (), generator=generator))]
        at = int(torch.randint(longest, len(ids), (), generator=generator))
        for context in contexts:
            idx = torch.tensor([ids[at - context : at]])
            logits = model.head(model.features(idx)[:, -1])
            loss = F.cross_entropy(logits.float(), torch.tensor([ids[at]]))
            found[context].append(float(loss) / math.log(2))
    return found


def live(model: GPT, tokenizer: BPETokenizer, n: int) -> dict[int, float]:
    """Mean bits of `n` tokens with 1 and with 64 tokens of context."""
    found = losses(model, tokenizer, (1, 64), n, seed=1)
    return {context: sum(values) / n for context, values in found.items()}


def context() -> dict[int, Interval]:
    """Recorded bits per token by tokens of context: mean and interval over seeds."""
    values: dict[int, list[float]] = {}
    for row in read_csv(RESULTS / "context.csv"):
        values.setdefault(int(row["context"]), []).append(float(row["bits"]))
    return {n: mean_interval(found) for n, found in sorted(values.items())}


def provenance() -> dict[str, Any]:
    """Command, date and versions of the recorded run."""
    return read_json(RESULTS / "provenance.json")
