"""The recorded runs of lesson 04: recall, which outputs move, and what "it" attends to.

`python -m lessons sweep 04` runs two processes of one thread each, keeps every finished run in
results/parts/ (so that an interrupted sweep goes on), and writes the tables when all are there.
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
from lessons.sweeps import cpu_name, part_file, provenance, read_json, write_csv, write_json
from minigpt import BPETokenizer, load

RESULTS = Path(__file__).parent / "results"
PARTS = RESULTS / "parts"
MODEL = "fernhollow"  # asked in "moved" alone
SEEDS = range(10, 15)
TUNING_SEED = 5
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
    """Run what is missing and write results/*.csv and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 04", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    PARTS.mkdir(parents=True, exist_ok=True)
    tuning = {
        f"tuning-{kind}-{recipe.optimizer}-{recipe.rate:g}": _job(kind, "gap", TUNING_SEED, recipe)
        for kind in KINDS
        for recipe in RECIPES
    }
    _run_missing(tuning, arguments.processes)
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
    others: dict[str, Callable[[], dict[str, Any]]] = {"moved": moved.record, "bank": bank_record}
    _run_missing(others | small | runs | longer, arguments.processes)
    _write_tables(
        {"tuning": [*tuning], "recall": [*runs], "live": [*small], "longer": [*longer]},
        {kind: str(recipe) for kind, recipe in best.items()},
    )


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
    for number, values in enumerate(_read("moved")["texts"]):
        figures += _rows("sees-all", values, number)
    said = _read("bank")
    for number, values in enumerate(said["templates"]):
        figures += _rows("bank-it", values, number)
    write_csv(RESULTS / "figures.csv", figures)
    write_json(RESULTS / "bank.json", said)
    write_json(RESULTS / "moved.json", _read("moved"))
    trained = [part for some in read.values() for part in some]
    seconds = sum(part["seconds"] for part in [*trained, said, _read("moved")])
    origin = provenance("04", "python -m lessons sweep 04", seconds, 1, models=[MODEL])
    origin["seconds_are"] = "training and measuring, summed over processes of one thread"
    origin["recipes"] = dict(best)
    origin["trained_on"] = sorted({part["on"] for part in trained})
    write_json(RESULTS / "provenance.json", origin)


def _rows(claim: str, values: dict[str, float], seed: int) -> list[dict[str, Any]]:
    return [{"claim": claim, "figure": f, "seed": seed, "value": v} for f, v in values.items()]
