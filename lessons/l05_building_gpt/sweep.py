"""The recorded runs of lesson 05: deep stacks trained, and a text of SmolLM2.

`python -m lessons sweep 05` runs two processes of one thread each, then SmolLM2 in one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from lessons.l05_building_gpt import depth, same
from lessons.l05_building_gpt.recorded import RESULTS
from lessons.sweeps import provenance, write_csv, write_json
from minigpt import BPETokenizer, generate_text, load

SEEDS, STEPS = range(10, 13), 300
PROMPT = "The capital of France is"


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/depth.csv, smol.json, same.json and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 05", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    start = time.perf_counter()
    jobs = [(kind, seed, STEPS) for kind in depth.KINDS for seed in SEEDS]
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(_run, jobs))
    write_csv(RESULTS / "depth.csv", rows)
    write_json(RESULTS / "smol.json", smol())
    write_json(
        RESULTS / "same.json",
        {type(each).__name__: same.difference(each) for each in same.models()},
    )
    seconds = time.perf_counter() - start
    origin = provenance("05", "python -m lessons sweep 05", seconds, 1)
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)


def _run(job: tuple[depth.Kind, int, int]) -> dict[str, Any]:
    torch.set_num_threads(1)
    return depth.train(*job)


def smol() -> dict[str, Any]:
    """Greedy text of SmolLM2 through our class."""
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    text = generate_text(model, tokenizer, PROMPT, 24, temperature=0)
    return {"prompt": PROMPT, "text": text}
