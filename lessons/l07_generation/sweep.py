"""The recorded runs of lesson 07: couplets by temperature, and SmolLM2's repetitions.

`python -m lessons sweep 07` takes some minutes with one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import torch

from lessons.l07_generation import experiment
from lessons.l07_generation.recorded import RESULTS
from lessons.sweeps import provenance, write_csv, write_json
from minigpt import BPETokenizer, generate_text, load

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
    argparse.ArgumentParser(prog="python -m lessons sweep 07", description=__doc__).parse_args(argv)
    torch.set_num_threads(1)
    start = time.perf_counter()
    model, tokenizer = load("fernhollow")
    assert isinstance(tokenizer, BPETokenizer)
    rows = []
    settings: list[tuple[float, str]] = [(t, "") for t in experiment.TEMPERATURES]
    settings += [(t, cut) for cut in experiment.CUTS for t in experiment.CUT_TEMPERATURES]
    for temperature, cut in settings:
        for seed in SEEDS:
            found = experiment.couplets(
                model, tokenizer, temperature, N, seed, **experiment.CUTS.get(cut, {})
            )
            rows.append({"temperature": temperature, "cut": cut, "seed": seed, "n": N, **found})
        print(f"{temperature} {cut}: {time.perf_counter() - start:.0f} s", flush=True)
    write_csv(RESULTS / "couplets.csv", rows)
    smol, smol_tokenizer = load("smollm2-135m")
    assert isinstance(smol_tokenizer, BPETokenizer)
    write_csv(
        RESULTS / "repetition.csv",
        experiment.repetition(smol, smol_tokenizer, PROMPTS, N_TOKENS, seed=7),
    )
    text = generate_text(smol, smol_tokenizer, PROMPTS[0], N_TOKENS, temperature=0)
    write_json(RESULTS / "sample.json", {"prompt": PROMPTS[0], "text": text})
    seconds = time.perf_counter() - start
    origin = provenance("07", "python -m lessons sweep 07", seconds, 1, models=["fernhollow"])
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)
