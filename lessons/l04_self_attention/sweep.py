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
from lessons.l04_self_attention.recall import KINDS, Task
from lessons.sweeps import provenance, read_json, write_csv, write_json
from minigpt import BPETokenizer, load

RESULTS = Path(__file__).parent / "results"
PARTS = RESULTS / "parts"
SEEDS = range(10, 15)
TUNING_SEED, TUNED_AT = 5, (Task(4, 16), Task(4, 256))
RATES = (1e-3, 3e-3, 1e-2)
STEPS = 1_500
LONGER = 3  # times the steps, for the recurrent models at the largest distance: is it time?
FEWER = SEEDS[:3]  # seeds of what decides nothing
GAPS = (4, 16, 64, 128, 256)
PAIRS = (2, 8, 16, 32)  # 4 pairs at a gap of 16 are among GAPS
PAIRS_AT = 16
DECIDING = (Task(4, GAPS[0]), Task(4, GAPS[-1]))


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing and write results/*.csv and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 04", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    PARTS.mkdir(parents=True, exist_ok=True)
    tuning = {
        f"rate-{kind}-{rate:g}-{task.gap}": partial(
            recall.run, kind, task, TUNING_SEED, rate, STEPS
        )
        for kind in KINDS
        for rate in RATES
        for task in TUNED_AT
    }
    _run_missing(tuning, arguments.processes)
    rates = {}
    for kind in KINDS:
        rates[kind] = max(RATES, key=lambda rate: _tuned(kind, rate))
    tasks = [*(Task(4, gap) for gap in GAPS), *(Task(n, PAIRS_AT) for n in PAIRS)]
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        f"{kind}-{task.n_pairs}-{task.gap}-{seed}": partial(
            recall.run, kind, task, seed, rates[kind], STEPS
        )
        for task in tasks
        for kind in KINDS
        for seed in (SEEDS if task in DECIDING else FEWER)
    }
    small = {
        f"live-{kind}-{seed}": partial(
            recall.run, kind, recall.LIVE, seed, rates[kind], recall.LIVE_STEPS
        )
        for kind in KINDS
        for seed in SEEDS
    }
    longer = {
        f"longer-{kind}-{seed}": partial(
            recall.run, kind, Task(4, GAPS[-1]), seed, rates[kind], LONGER * STEPS
        )
        for kind in ("LSTM", "GRU")
        for seed in FEWER
    }
    others: dict[str, Callable[[], dict[str, Any]]] = {"moved": moved.record, "bank": bank_record}
    _run_missing(others | small | runs | longer, arguments.processes)
    _write_tables([*tuning], [*runs], {"live": [*small], "longer": [*longer]})


def _tuned(kind: str, rate: float) -> tuple[float, float]:
    """How good a rate is at the two distances: the mean of right answers, then of losses."""
    found = [_read(f"rate-{kind}-{rate:g}-{task.gap}") for task in TUNED_AT]
    return fmean(p["accuracy"] for p in found), -fmean(p["loss"] for p in found)


def _run_missing(jobs: Mapping[str, Callable[[], dict[str, Any]]], processes: int) -> None:
    missing = {name: job for name, job in jobs.items() if not (PARTS / f"{name}.json").is_file()}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_run, name, job) for name, job in missing.items()]
        for name, done in zip(missing, running, strict=True):
            print(f"{name}: {done.result():.0f} s", flush=True)


def _run(name: str, job: Callable[[], dict[str, Any]]) -> float:
    torch.set_num_threads(1)
    start = time.perf_counter()
    part = job()
    part["seconds"] = time.perf_counter() - start
    write_json(PARTS / f"{name}.json", part)
    return float(part["seconds"])


def _read(name: str) -> dict[str, Any]:
    return read_json(PARTS / f"{name}.json")


def bank_record() -> dict[str, Any]:
    """What `bank.measure` finds on SmolLM2."""
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    return bank.measure(model, tokenizer)


def _write_tables(
    tuning: Sequence[str], runs: Sequence[str], others: Mapping[str, Sequence[str]]
) -> None:
    columns = ("kind", "pairs", "gap", "seed", "rate", "steps", "accuracy", "loss")
    tables = {"recall": runs, "rates": tuning, **others}
    read = {table: [_read(name) for name in names] for table, names in tables.items()}
    for table, some in read.items():
        write_csv(
            RESULTS / f"{table}.csv", [{name: part[name] for name in columns} for part in some]
        )
    parts = read["recall"]
    found = {(p["kind"], p["pairs"], p["gap"], p["seed"]): p["accuracy"] for p in parts}

    def recurrent(gap: int) -> str:
        """LSTM or GRU, whichever is better on average at this gap."""
        means = {k: fmean(found[k, 4, gap, seed] for seed in SEEDS) for k in ("LSTM", "GRU")}
        return max(means, key=lambda kind: means[kind])

    figures = []
    for seed in SEEDS:
        near, far = found[recurrent(4), 4, 4, seed], found[recurrent(256), 4, 256, seed]
        attention = found["attention", 4, 256, seed]
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
    origin = provenance("04", "python -m lessons sweep 04", seconds, 1, models=["fernhollow"])
    origin["seconds_are"] = "training and measuring, summed over processes of one thread"
    origin["rates"] = {kind: next(p["rate"] for p in parts if p["kind"] == kind) for kind in KINDS}
    write_json(RESULTS / "provenance.json", origin)


def _rows(claim: str, values: dict[str, float], seed: int) -> list[dict[str, Any]]:
    return [{"claim": claim, "figure": f, "seed": seed, "value": v} for f, v in values.items()]
