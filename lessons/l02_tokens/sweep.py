"""The recorded runs of lesson 02: vocabulary sizes, scripts, letters.

`python -m lessons sweep 02` runs two processes of one thread each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from lessons.l02_tokens import experiment, letters, scripts
from lessons.l02_tokens.recorded import RESULTS
from lessons.sweeps import provenance, write_csv, write_json
from minigpt import BPETokenizer, load

SEEDS = range(10, 13)


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/*.csv and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 02", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    start = time.perf_counter()
    jobs = [(size, seed, experiment.STEPS) for size in experiment.SIZES for seed in SEEDS]
    jobs += [(experiment.LIVE_SIZE, seed, experiment.LIVE_STEPS) for seed in SEEDS]
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for row in pool.map(_run, jobs):
            print(row, flush=True)
            rows.append(row)
    write_csv(RESULTS / "vocabulary.csv", rows)
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    write_csv(
        RESULTS / "scripts.csv",
        [
            {"language": name, "tokens": len(tokenizer.encode(text)), "characters": len(text)}
            for name, text in scripts.SENTENCES.items()
        ],
    )
    asked = letters.questions(letters.N, letters.SEED)
    write_csv(
        RESULTS / "letters.csv",
        [
            {
                "form": form,
                "word": question.word,
                "letter": question.letter,
                "count": question.count,
                "right": int(letters.is_right(model, tokenizer, question, form)),
            }
            for form in letters.FORMS
            for question in asked
        ],
    )
    seconds = sum(row["seconds"] for row in rows)
    origin = provenance("02", "python -m lessons sweep 02", seconds, 1)
    origin["seconds_are"] = "training, summed over processes of one thread"
    origin["wall_seconds"] = round(time.perf_counter() - start)
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)


def _run(job: tuple[int, int, int]) -> dict[str, Any]:
    torch.set_num_threads(1)
    return experiment.run(*job)
