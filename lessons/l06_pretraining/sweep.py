"""The recorded runs of lesson 06: 5 seeds, each live-sized, long, and long on shuffled tokens.

`python -m lessons sweep 06` runs two processes of one thread each, keeps every finished seed in
results/parts/ (so that an interrupted sweep goes on), and writes the tables when all are there.
`python -m lessons sweep 06 deeper` records what the second notebook shows.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from lessons.l06_pretraining import facts, published, real
from lessons.l06_pretraining.baselines import KneserNey
from lessons.l06_pretraining.experiment import (
    LIVE,
    LONG,
    Material,
    baselines,
    measure,
    prepare,
    pretrain,
    write,
)
from lessons.l06_pretraining.pairs import STRUCTURES, share_right_by_counting
from lessons.models import along, fernhollow_small
from lessons.sweeps import part_file, provenance, write_csv, write_json
from minigpt import GPT, BPETokenizer, load

RESULTS = Path(__file__).parent / "results"
PARTS = RESULTS / "parts"
FIRST_SEED = 10  # 0 to 4 were used under the first rule (results/first_rule/), 7 to choose LONG
SAMPLES_AT = (0, 50, 200, LONG.training["steps"])


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing and write results/*.csv, samples.json and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 06", description=__doc__)
    parser.add_argument(
        "part", nargs="?", choices=("runs", "deeper"), default="runs", help="the second notebook's"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    if arguments.part == "deeper":
        record_deeper()
    else:
        record_runs(arguments.seeds, arguments.processes)


def record_runs(n_seeds: int, processes: int) -> None:
    """The trainings of all seeds that are not in results/parts/ yet, then the tables."""
    PARTS.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED, FIRST_SEED + n_seeds)
    jobs = [(kind, seed) for seed in seeds for kind in RUNS]
    missing = [job for job in jobs if not _part(*job).is_file()]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for job, seconds in zip(missing, pool.map(_run, missing), strict=True):
            print(f"{job[0]} seed {job[1]}: {seconds:.0f} s", flush=True)
    parts = {job: json.loads(_part(*job).read_text(encoding="utf-8")) for job in jobs}
    _write_tables(parts, seeds)


def record_deeper() -> None:
    """Questions to the checkpoints of fernhollow-small, and the lesson's measures on SmolLM2."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    smol, smol_tokenizer = load(real.NAME)  # first, for it may not be there
    assert isinstance(smol_tokenizer, BPETokenizer)
    items = facts.groups()
    rows = []
    for step, folder in along(fernhollow_small()).items():
        model, tokenizer = load(folder)
        assert isinstance(tokenizer, BPETokenizer)
        rows += [{"step": step, **row} for row in facts.look(model, tokenizer, items)]
        print(f"step {step}: {time.perf_counter() - started:.0f} s", flush=True)
    write_csv(RESULTS / "facts.csv", rows)
    write_json(RESULTS / "real.json", real.measure(smol, smol_tokenizer, FIRST_SEED))
    seconds = time.perf_counter() - started
    origin = provenance(
        "06", "python -m lessons sweep 06 deeper", seconds, 1, models=["fernhollow-small"]
    )
    origin["model"] = real.ABOUT
    write_json(RESULTS / "provenance_deeper.json", origin)


def _part(kind: str, seed: int) -> Path:
    return part_file(PARTS, "06", f"{kind}-{seed}")


def _run(job: tuple[str, int]) -> float:
    kind, seed = job
    torch.set_num_threads(1)
    started = time.perf_counter()
    part = RUNS[kind](prepare(seed), seed)
    part["seconds"] = time.perf_counter() - started
    write_json(_part(kind, seed), part)
    return part["seconds"]


def _baselines(material: Material, seed: int) -> dict[str, Any]:
    size, train = material.tokenizer.vocab_size, material.train.tolist()
    fivegram = KneserNey(train, 5, size)

    def nats(context: Sequence[int], token: int) -> float:
        return -math.log(fivegram.probability(context, token))

    shares = {
        structure: share_right_by_counting(nats, material.tokenizer, material.pairs[structure])
        for structure in STRUCTURES
    }
    counts = {structure: len(material.pairs[structure]) for structure in STRUCTURES}
    return {"bits": baselines(material), "fivegram_shares": shares, "pairs": counts}


def _live(material: Material, seed: int) -> dict[str, Any]:
    return _trained(material, seed, LIVE)


def _long(material: Material, seed: int) -> dict[str, Any]:
    return _trained(material, seed, LONG)


def _trained(material: Material, seed: int, recipe: Any) -> dict[str, Any]:
    rows: list[dict[str, float]] = []
    samples: dict[str, str] = {}

    def note(step: int, model: GPT) -> None:
        rows.append({"step": step, **measure(model, material)})
        if step in SAMPLES_AT:
            samples[str(step)] = write(model, material)

    model = pretrain(material, recipe, seed, on_checkpoint=note)
    return {"rows": rows, "samples": samples, "parameters": model.num_parameters()}


def _shuffled(material: Material, seed: int) -> dict[str, Any]:
    model = pretrain(material, LONG, seed, shuffled=True)
    return {"bits_per_byte": measure(model, material)["bits_per_byte"]}


RUNS = {"baselines": _baselines, "live": _live, "long": _long, "shuffled": _shuffled}


def _write_tables(parts: dict[tuple[str, int], dict[str, Any]], seeds: Sequence[int]) -> None:
    curves, figures, levels = [], [], []
    for seed in seeds:
        base, long = parts["baselines", seed], parts["long", seed]
        for name, bits in base["bits"].items():
            levels.append({"baseline": name, "seed": seed, "bits_per_byte": bits})
        shuffled = parts["shuffled", seed]["bits_per_byte"]
        levels.append({"baseline": "shuffled", "seed": seed, "bits_per_byte": shuffled})
        for run in ("live", "long"):
            curves += [{"run": run, "seed": seed, **row} for row in parts[run, seed]["rows"]]
        first, last = long["rows"][0], long["rows"][-1]
        against = {**base["bits"], "shuffled": shuffled}
        values = {
            f"gpt_minus_{name}": last["bits_per_byte"] - against[baseline]
            for name, baseline in (
                ("unigram", "unigram"),
                ("bigram", "bigram"),
                ("fivegram", "5-gram"),
                ("gzip", "gzip"),
                ("xz", "xz"),
                ("shuffled", "shuffled"),
            )
        }
        figures += _rows("self-supervised", values, seed)
        values = {structure: last[structure] for structure in STRUCTURES}
        values["untrained_mean"] = fmean(first[structure] for structure in STRUCTURES)
        figures += _rows("next-token", values, seed)
    sizes = {
        "largest_published_petabytes": published.largest(),
        "median_published_petabytes": published.median(),
    }
    figures += _rows("petabytes", sizes, 0)
    write_csv(RESULTS / "curves.csv", curves)
    write_csv(RESULTS / "baselines.csv", levels)
    write_csv(
        RESULTS / "pairs.csv",
        [
            {
                "structure": structure,
                "seed": seed,
                "pairs": parts["baselines", seed]["pairs"][structure],
                "fivegram": parts["baselines", seed]["fivegram_shares"][structure],
            }
            for seed in seeds
            for structure in STRUCTURES
        ],
    )
    write_json(RESULTS / "samples.json", parts["long", seeds[0]]["samples"])
    write_csv(RESULTS / "figures.csv", figures)
    seconds = sum(part["seconds"] for part in parts.values())
    origin = provenance("06", "python -m lessons sweep 06", seconds, 1)
    origin["seconds_are"] = "training and measuring, summed over processes of one thread"
    origin["parameters"] = {run: parts[run, seeds[0]]["parameters"] for run in ("live", "long")}
    origin["seconds_per_run"] = {
        kind: round(sum(parts[kind, s]["seconds"] for s in seeds) / len(seeds), 1) for kind in RUNS
    }
    origin["cores"] = os.cpu_count()
    write_json(RESULTS / "provenance.json", origin)


def _rows(claim: str, values: dict[str, float], seed: int) -> list[dict[str, Any]]:
    return [{"claim": claim, "figure": f, "seed": seed, "value": v} for f, v in values.items()]
