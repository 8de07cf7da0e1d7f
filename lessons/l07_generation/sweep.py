"""The recorded runs of lesson 07: couplets by temperature, and SmolLM2's repetitions.

`python -m lessons sweep 07` runs two processes of one thread each; provenance.json says what
it took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from lessons.l07_generation import experiment
from lessons.l07_generation.recorded import RESULTS
from lessons.sweeps import open_model, provenance, write_csv, write_json
from minigpt import generate_text, load

SEEDS, N = range(10, 15), 100
N_TOKENS = 100
PROMPTS = (
    "The best way to learn a language is",
    "Once upon a time, in a village by the sea,",
    "The three most important inventions are",
    "My favourite season is",
    "In the year 2050, people will",
    "The history of bread begins",
    "Dear neighbour, I am writing to you because",
    "A good teacher is someone who",
    "When the train stopped,",
    "The recipe is simple. First,",
    "Scientists have found that",
    "There are many reasons why",
    "The old man opened the door and",
    "To build a small boat, you need",
    "Music is important because",
    "The city council decided to",
    "I woke up early and",
    "Computers are",
    "The main difference between cats and dogs is",
    "On the first day of school,",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/*.csv, sample.json and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 07", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    load("smollm2-135m")  # first, for it may not be there
    settings: list[tuple[float, str]] = [(t, "") for t in experiment.TEMPERATURES]
    settings += [(t, cut) for cut in experiment.CUTS for t in experiment.CUT_TEMPERATURES]
    jobs = [(temperature, cut, seed) for temperature, cut in settings for seed in SEEDS]
    rows, seconds = [], 0.0
    with ProcessPoolExecutor(
        arguments.processes, get_context("spawn"), torch.set_num_threads, (1,)
    ) as pool:
        real = pool.submit(_repetition)
        for (temperature, cut, seed), (found, took) in zip(
            jobs, pool.map(_couplets, jobs), strict=True
        ):
            rows.append({"temperature": temperature, "cut": cut, "seed": seed, "n": N, **found})
            seconds += took
            print(f"{temperature} {cut} {seed}: {took:.0f} s", flush=True)
        repeated, text, took = real.result()
    write_csv(RESULTS / "couplets.csv", rows)
    write_csv(RESULTS / "repetition.csv", repeated)
    write_json(RESULTS / "sample.json", {"prompt": PROMPTS[0], "text": text})
    command = "python -m lessons sweep 07"
    origin = provenance("07", command, seconds + took, 1, models=["fernhollow"])
    origin["seconds_are"] = "summed over processes of one thread"
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)


def _couplets(job: tuple[float, str, int]) -> tuple[dict[str, Any], float]:
    """What one hundred couplets are like, and the seconds they took."""
    temperature, cut, seed = job
    model, tokenizer = open_model("fernhollow")
    start = time.perf_counter()
    found = experiment.couplets(
        model, tokenizer, temperature, N, seed, **experiment.CUTS.get(cut, {})
    )
    return found, time.perf_counter() - start


def _repetition() -> tuple[list[dict[str, Any]], str, float]:
    """How SmolLM2 repeats itself, one of its greedy texts, and the seconds they took."""
    model, tokenizer = open_model("smollm2-135m")
    start = time.perf_counter()
    rows = experiment.repetition(model, tokenizer, PROMPTS, N_TOKENS, seed=7)
    text = generate_text(model, tokenizer, PROMPTS[0], N_TOKENS, temperature=0)
    return rows, text, time.perf_counter() - start
