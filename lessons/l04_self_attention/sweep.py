"""The recorded runs of lesson 04: recall, which outputs move, and what "it" attends to.

`python -m lessons sweep 04 [PART …]` runs two processes of one thread each (all parts, if none is
named), keeps every finished run in results/parts/, so that an interrupted sweep goes on, and writes
a part's tables when all its runs are there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from lessons.l04_self_attention import bank, moved, recall
from lessons.l04_self_attention.recall import KINDS, Recipe, Task
from lessons.sweeps import (
    cpu_name,
    part_file,
    provenance,
    read_csv,
    read_json,
    write_csv,
    write_json,
)
from minigpt import BPETokenizer, load

RESULTS = Path(__file__).parent / "results"
PARTS = RESULTS / "parts"
MODEL = "fernhollow"  # asked in "moved" alone
SEEDS = range(10, 15)
TUNING_SEED = 5
CLAIMS = ("long-range", "sees-all", "bank-it")  # in the order of figures.csv
RECIPES = tuple(
    Recipe(*each) for each in (("AdamW", 3e-3), ("AdamW", 1e-2), ("Muon", 1e-2), ("Muon", 2e-2))
)
STEPS = 1_500
LONGER = 3  # times the steps, for the recurrent models: is it time that they lack?
FEWER = SEEDS[:3]  # seeds of what decides nothing
GAPS = (4, 16, 64, 128, 256)
PAIRS = (2, 4, 8, 16)
TASKS = {
    "gap": [Task(4, gap) for gap in GAPS],
    "pairs": [Task(n, 16) for n in PAIRS],
    "nothing": [recall.LIVE],
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing of the parts named, and write results/*.csv and provenance."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 04", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(WRITE)}; all if none is named")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    if unknown := sorted({*arguments.parts} - {*WRITE}):
        raise ValueError(f"no parts {unknown}; there are {', '.join(WRITE)}")
    PARTS.mkdir(parents=True, exist_ok=True)
    for part in arguments.parts or WRITE:
        WRITE[part](arguments.processes)


def _recall(processes: int) -> None:
    """Choose a recipe for each kind of model, then train all."""
    tuning = {
        f"tuning-{kind}-{recipe.optimizer}-{recipe.rate:g}": _job(kind, "gap", TUNING_SEED, recipe)
        for kind in KINDS
        for recipe in RECIPES
    }
    _run_missing(tuning, processes)
    best = {kind: max(RECIPES, key=lambda recipe: _tuned(kind, recipe)) for kind in KINDS}
    runs = {
        f"{vary}-{kind}-{seed}": _job(kind, vary, seed, best[kind])
        for vary, seeds in (("gap", SEEDS), ("pairs", FEWER))
        for kind in KINDS
        for seed in seeds
    }
    small = {
        f"live-{kind}-{seed}": _job(kind, "nothing", seed, best[kind], recall.LIVE_STEPS)
        for kind in KINDS
        for seed in (0, *SEEDS)  # the notebook repeats seed 0
    }
    longer = {
        f"longer-{kind}-{seed}": _job(kind, "gap", seed, best[kind], LONGER * STEPS)
        for kind in recall.HIDDEN
        for seed in FEWER
    }
    _run_missing(small | runs | longer, processes)
    _write_tables(
        {"tuning": [*tuning], "recall": [*runs], "live": [*small], "longer": [*longer]},
        {kind: str(recipe) for kind, recipe in best.items()},
    )


def _moved(processes: int) -> None:
    _one("moved", moved.record, "sees-all", "texts", processes, models=[MODEL])


def _bank(processes: int) -> None:
    _one("bank", bank_record, "bank-it", "templates", processes)


def _one(
    name: str,
    job: Callable[[], dict[str, Any]],
    claim: str,
    replicates: str,
    processes: int,
    models: Sequence[str] = (),
) -> None:
    """A part of a single run, which decides a claim."""
    _run_missing({name: job}, processes)
    said = _read(name)
    write_json(RESULTS / f"{name}.json", said)
    values = enumerate(said[replicates])
    _write_figures(claim, [row for seed, found in values for row in _rows(claim, found, seed)])
    origin = provenance(
        "04", f"python -m lessons sweep 04 {name}", said["seconds"], 1, models=models
    )
    write_json(RESULTS / f"provenance_{name}.json", origin)


WRITE: dict[str, Callable[[int], None]] = {"recall": _recall, "moved": _moved, "bank": _bank}


def _job(
    kind: str, vary: str, seed: int, recipe: Recipe, steps: int = STEPS
) -> Callable[[], dict[str, Any]]:
    return partial(recall.run, kind, vary, seed, recipe, steps, TASKS[vary])


def _tuned(kind: str, recipe: Recipe) -> tuple[float, float]:
    """How good a recipe is: the mean of right answers over the distances, then the loss."""
    part = _read(f"tuning-{kind}-{recipe.optimizer}-{recipe.rate:g}")
    return fmean(right for _, _, right in part["right"]), -part["loss"]


def _part(name: str) -> Path:
    return part_file(PARTS, "04", name, [MODEL] if name == "moved" else [])


def _run_missing(jobs: Mapping[str, Callable[[], dict[str, Any]]], processes: int) -> None:
    missing = {name: job for name, job in jobs.items() if not _part(name).is_file()}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_run, name, job) for name, job in missing.items()]
        for name, done in zip(missing, running, strict=True):
            print(f"{name}: {done.result():.0f} s", flush=True)


def _run(name: str, job: Callable[[], dict[str, Any]]) -> float:
    torch.set_num_threads(1)
    start = time.perf_counter()
    part = job()
    part["seconds"] = time.perf_counter() - start
    part["on"] = f"{cpu_name()}, PyTorch {torch.__version__}"
    write_json(_part(name), part)
    return float(part["seconds"])


def _read(name: str) -> dict[str, Any]:
    return read_json(_part(name))


def bank_record() -> dict[str, Any]:
    """What `bank.measure` finds on SmolLM2."""
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    return bank.measure(model, tokenizer)


def _write_tables(tables: Mapping[str, Sequence[str]], best: Mapping[str, str]) -> None:
    read = {table: [_read(name) for name in names] for table, names in tables.items()}
    columns = ("kind", "vary", "seed", "recipe", "steps", "loss")
    for table, parts in read.items():
        rows = [
            {name: part[name] for name in columns} | {"pairs": pairs, "gap": gap, "right": right}
            for part in parts
            for pairs, gap, right in part["right"]
        ]
        write_csv(RESULTS / f"{table}.csv", rows)
    found = {
        (part["kind"], gap, part["seed"]): right
        for part in read["recall"]
        if part["vary"] == "gap"
        for _, gap, right in part["right"]
    }

    def recurrent(gap: int) -> str:
        """LSTM or GRU, whichever is better on average at this gap."""
        means = {kind: fmean(found[kind, gap, seed] for seed in SEEDS) for kind in recall.HIDDEN}
        return max(means, key=lambda kind: means[kind])

    figures = []
    for seed in SEEDS:
        near, far = found[recurrent(GAPS[0]), GAPS[0], seed], found[recurrent(256), 256, seed]
        attention = found["attention", 256, seed]
        values = {
            "attention_256": attention,
            "recurrent_loss_4_to_256": near - far,
            "attention_minus_recurrent_256": attention - far,
        }
        figures += _rows("long-range", values, seed)
    _write_figures("long-range", figures)
    trained = [part for some in read.values() for part in some]
    seconds = sum(part["seconds"] for part in trained)
    origin = provenance("04", "python -m lessons sweep 04 recall", seconds, 1)
    origin["seconds_are"] = "training and measuring, summed over processes of one thread"
    origin["recipes"] = dict(best)
    origin["trained_on"] = sorted({part["on"] for part in trained})
    write_json(RESULTS / "provenance.json", origin)


def _write_figures(claim: str, figures: Sequence[dict[str, Any]]) -> None:
    """Put a claim's figures in the place of its old ones."""
    file = RESULTS / "figures.csv"
    others = [row for row in read_csv(file) if row["claim"] != claim] if file.is_file() else []
    write_csv(file, sorted([*others, *figures], key=lambda row: CLAIMS.index(row["claim"])))


def _rows(claim: str, values: dict[str, float], seed: int) -> list[dict[str, Any]]:
    return [{"claim": claim, "figure": f, "seed": seed, "value": v} for f, v in values.items()]
