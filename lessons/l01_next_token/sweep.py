"""The recorded run of lesson 01: SmolLM2's loss on the Python reference with little context.

`python -m lessons sweep 01` takes about 25 minutes with one thread. Contexts begin as documents do
in SmolLM2's training; the shortest ones are measured as they are, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import torch

from lessons.l01_next_token.recorded import (
    CONTEXTS,
    RESULTS,
    STARTS,
    first_of,
    frequency_bits,
    live,
    losses,
    text_sha256,
)
from lessons.sweeps import provenance, write_csv, write_json
from minigpt import BPETokenizer, load

SEEDS = range(10, 15)
N = 80  # places in the text, for each seed
CUT_OUT = CONTEXTS[:3]  # measured without a beginning, too


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/context.csv, live.json and provenance.json."""
    argparse.ArgumentParser(prog="python -m lessons sweep 01", description=__doc__).parse_args(argv)
    torch.set_num_threads(1)
    start = time.perf_counter()
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    rows = []
    for seed in SEEDS:
        for begun, contexts in zip(STARTS, (CONTEXTS, CUT_OUT), strict=True):
            first = first_of(tokenizer, begun)
            rows += [
                {"start": begun, "context": n, "seed": seed, "n": N, "bits": sum(bits) / N}
                for n, bits in losses(model, tokenizer, contexts, N, seed, first).items()
            ]
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    write_csv(RESULTS / "context.csv", rows)
    write_json(RESULTS / "live.json", {
        "text_sha256": text_sha256(),
        "bits": live(model, tokenizer),
        "frequency_bits": frequency_bits(tokenizer),
    })  # fmt: skip
    seconds = time.perf_counter() - start
    origin = provenance("01", "python -m lessons sweep 01", seconds, 1)
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)
