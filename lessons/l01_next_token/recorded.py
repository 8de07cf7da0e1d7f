"""SmolLM2's loss with little context: measured, recorded, and read back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
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
LIVE_CONTEXTS, LIVE_N, LIVE_SEED = (1, 64), 10, 1
START = "<|endoftext|>"  # stands between the documents of SmolLM2's training
STARTS = ("as a document", "cut out")  # with START before the context, and without


@torch.no_grad()
def losses(
    model: GPT,
    tokenizer: BPETokenizer,
    contexts: Sequence[int],
    n: int,
    seed: int,
    first: Sequence[int] = (),
) -> dict[int, list[float]]:
    """Bits of `n` tokens at random places of the Python reference, by tokens of context.

    `first`: ids that stand before every context, and are not counted.
    """
    generator = torch.Generator().manual_seed(seed)
    longest = max(contexts)
    texts = [ids for text in articles() if len(ids := tokenizer.encode(text)) > longest + 1]
    found: dict[int, list[float]] = {context: [] for context in contexts}
    for _ in range(n):
        ids = texts[int(torch.randint(len(texts), (), generator=generator))]
        at = int(torch.randint(longest, len(ids), (), generator=generator))
        for context in contexts:
            idx = torch.tensor([[*first, *ids[at - context : at]]])
            logits = model.head(model.features(idx)[:, -1])
            loss = F.cross_entropy(logits.float(), torch.tensor([ids[at]]))
            found[context].append(float(loss) / math.log(2))
    return found


def first_of(tokenizer: BPETokenizer, start: str) -> list[int]:
    """The ids before every context, by one of STARTS."""
    return [tokenizer.special_tokens[START]] if start == STARTS[0] else []


def frequency_bits(tokenizer: BPETokenizer, smoothing: float = 0.1) -> float:
    """Bits a token of every second article by the tokens' frequencies in the others."""
    texts = [tokenizer.encode(text) for text in articles()]
    counts = torch.full((tokenizer.vocab_size,), smoothing, dtype=torch.float64)
    known, asked = (torch.tensor([i for ids in texts[part::2] for i in ids]) for part in (0, 1))
    counts += torch.bincount(known, minlength=len(counts))
    return float(-(counts / counts.sum()).log2()[asked].mean())


def live(model: GPT, tokenizer: BPETokenizer) -> dict[int, float]:
    """Mean bits of 10 tokens with 1 and with 64 tokens of context, as a document."""
    first = first_of(tokenizer, STARTS[0])
    found = losses(model, tokenizer, LIVE_CONTEXTS, LIVE_N, LIVE_SEED, first)
    return {context: sum(values) / LIVE_N for context, values in found.items()}


def text_sha256() -> str:
    """Of the articles: the Python reference differs a little between Python versions."""
    return hashlib.sha256("\n".join(articles()).encode("utf-8")).hexdigest()


def stored_live() -> dict[int, float]:
    """What the sweep measured on the ten tokens of `live`."""
    found = read_json(RESULTS / "live.json")["bits"]
    return {int(context): round(bits, 2) for context, bits in found.items()}


def agree(found: Mapping[int, float]) -> bool:
    """Whether a live measurement fits the record: equal on the same articles, else in order."""
    if read_json(RESULTS / "live.json")["text_sha256"] != text_sha256():
        return found[max(found)] < found[min(found)]
    return all(abs(found[n] - bits) < 0.06 for n, bits in stored_live().items())


def by_frequency() -> float:
    """Recorded bits per token by the tokens' frequencies alone."""
    return float(read_json(RESULTS / "live.json")["frequency_bits"])


def context(start: str = STARTS[0]) -> dict[int, Interval]:
    """Recorded bits per token by tokens of context: mean and interval over seeds."""
    values: dict[int, list[float]] = {}
    for row in read_csv(RESULTS / "context.csv"):
        if row["start"] == start:
            values.setdefault(int(row["context"]), []).append(float(row["bits"]))
    return {n: mean_interval(found) for n, found in sorted(values.items())}


def provenance() -> dict[str, Any]:
    """Command, date and versions of the recorded run."""
    return read_json(RESULTS / "provenance.json")
