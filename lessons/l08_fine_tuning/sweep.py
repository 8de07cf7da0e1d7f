"""The recorded runs of lesson 08, in parts that can be run one by one, in this order.

`python -m lessons sweep 08 PART …` (all in order, with none named) runs two processes of one thread
each and keeps every finished run in results/parts/, so that an interrupted sweep goes on. Learning
rates are chosen on a seed of their own, in the parts whose names say so; a part that needs them
says which part comes first. `assistant` makes lessons/models/fernhollow-chat.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from lessons.l08_fine_tuning import jobs, real, tables
from lessons.l08_fine_tuning.recorded import PARTS, RESULTS
from lessons.sweeps import open_model, provenance, read_json, write_json


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing of the parts named, and write results/*.csv and provenance."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 08", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(jobs.JOBS)}; all if none is named")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    parts = arguments.parts or [*jobs.JOBS]
    if unknown := sorted({*parts} - {*jobs.JOBS}):
        raise ValueError(f"no parts {unknown}; there are {', '.join(jobs.JOBS)}")
    if any(part.startswith("real") for part in parts):
        open_model(real.NAME)  # first, for it may not be there
    PARTS.mkdir(parents=True, exist_ok=True)
    for part in parts:
        while todo := [(part, job) for job in jobs.missing(part)]:
            with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
                for job, seconds in zip(todo, pool.map(_run, todo), strict=True):
                    print(f"{' '.join(job)}: {seconds:.0f} s", flush=True)
        found = jobs.results(part)
        tables.WRITE[part](found)
        _provenance(part, sum(one["seconds"] for one in found))
    tables.write_figures()
    if (RESULTS / "figures.csv").is_file():
        parts_seconds = [read_json(f)["seconds"] for f in RESULTS.glob("provenance_*.json")]
        _provenance("", sum(parts_seconds))


def _run(job: tuple[str, str]) -> float:
    torch.set_num_threads(1)
    start = time.process_time()  # a sweep may be held while something else is measured
    found = jobs.RUNS[job[0]](*job[1].split("|"))
    found["seconds"] = time.process_time() - start
    write_json(jobs.file_of(*job), found)
    return float(found["seconds"])


def _provenance(part: str, seconds: float) -> None:
    """Write results/provenance_PART.json, or, for no part, that of all."""
    models = jobs.models_of(part) if part else [jobs.MAIN]
    command = f"python -m lessons sweep 08 {part}".rstrip()
    origin = provenance("08", command, seconds, 1, models=models)
    origin["seconds_are"] = (
        "of the processor, summed over processes of one thread; of the first runs by the clock, "
        "in which some were held"
    )
    name = f"provenance_{part}.json" if part else "provenance.json"
    write_json(RESULTS / name, origin)
