"""The recorded runs of lesson 09, each part one to two hours with one thread.

`python -m lessons sweep 09` records what decides the claims and the births of looking up,
`python -m lessons sweep 09 smol` SmolLM2's rows, `python -m lessons sweep 09 deeper` what the
second notebook shows. Every draw, training or set of prompts is kept in results/parts/ as soon as
it is finished, so that an interrupted sweep goes on; the tables are written when all are there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from lessons.l09_few_shot import absent, deeper, diversity, induction, shots, smol
from lessons.l09_few_shot.recorded import RESULTS
from lessons.models import along, fernhollow_small
from lessons.sweeps import open_model, part_file, provenance, read_json, write_csv, write_json
from lessons.world.tasks import by_example
from minigpt import GPT, BPETokenizer

PARTS = RESULTS / "parts"
NAME = "fernhollow"
SEEDS = range(30, 35)  # the first is SMOL_SEED
N = 100  # prompts of each kind, k and draw
CONTROL_SETS = 5  # random sets of heads, on tasks where nothing is told twice
SMOL_N = 200
Job = Callable[[], dict[str, Any]]


def main(argv: list[str] | None = None) -> None:
    """Run what is missing of a part, and write its results/*.csv and provenance."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 09", description=__doc__)
    parser.add_argument("part", nargs="?", choices=(*JOBS,), default="core")
    parser.add_argument("--processes", type=int, default=1, help="of one thread each")
    arguments = parser.parse_args(argv)
    part = arguments.part
    PARTS.mkdir(parents=True, exist_ok=True)
    jobs = JOBS[part]()
    files = {name: part_file(PARTS, "09", name, MODELS[part]) for name in jobs}
    _run_missing({files[name]: job for name, job in jobs.items()}, arguments.processes)
    found = {name: read_json(file) for name, file in files.items()}
    TABLES[part](found)
    command = "python -m lessons sweep 09" + ("" if part == "core" else f" {part}")
    seconds = sum(one["seconds"] for one in found.values())
    origin = provenance("09", command, seconds, 1, models=MODELS[part])
    origin["seconds_are"] = "summed over processes of one thread"
    origin["model"] = smol.ABOUT if part == "smol" else NAME
    suffix = "" if part == "core" else f"_{part}"
    write_json(RESULTS / f"provenance{suffix}.json", origin)


def _run_missing(jobs: Mapping[Path, Job], processes: int) -> None:
    missing = {file: job for file, job in jobs.items() if not file.is_file()}
    if not missing:
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_run, file, job) for file, job in missing.items()]
        for file, done in zip(missing, running, strict=True):
            print(f"{file.stem}: {done.result():.0f} s", flush=True)


def _run(file: Path, job: Job) -> float:
    torch.set_num_threads(1)
    start = time.perf_counter()
    part = job()
    part["seconds"] = time.perf_counter() - start
    write_json(file, part)
    return float(part["seconds"])


def _rows(found: Mapping[str, dict[str, Any]], start: str) -> list[dict[str, Any]]:
    """All rows of the parts whose name begins so."""
    return [row for name, part in found.items() if name.startswith(start) for row in part["rows"]]


@cache
def _opened(name: str = NAME) -> tuple[GPT, BPETokenizer]:
    return open_model(name)


# What decides the claims.


def core_jobs() -> dict[str, Job]:
    """A job for each draw of each table, and for each training of the live recipe."""
    jobs: dict[str, Job] = {}
    for seed in SEEDS:
        jobs[f"heads-{seed}"] = partial(ablation, seed)
        jobs[f"zero-{seed}"] = partial(zero_shot, seed)
        for kind in shots.KINDS:
            jobs[f"curve-{_file(kind)}-{seed}"] = partial(curve, kind, seed)
    for seed in induction.LIVE_SEEDS:
        for n_layer in (1, 2):
            jobs[f"birth-{n_layer}-{seed}"] = partial(birth, n_layer, seed)
    jobs["untrained"] = partial(untrained, SEEDS[0])
    return jobs


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def curve(kind: str, seed: int, n: int = N) -> dict[str, Any]:
    """Rows of shares right, of those that follow the shown rule, and of labels kept, by k, mode."""
    rows = []
    for k in shots.SHOTS:
        for mode in shots.MODES if k > 1 else ("gold",):
            share = shots.score(*_opened(), shots.items(kind, k, mode, n, seed))
            rows.append({"kind": kind, "k": k, "mode": mode, "seed": seed, **share})
    return {"rows": rows}


def untrained(seed: int, n: int = N) -> dict[str, Any]:
    """Rows of shares right of the same network with random weights, after sixteen examples."""
    torch.manual_seed(seed)
    (model, tokenizer), rows = _opened(), []
    blank = GPT(model.config)
    for kind in shots.KINDS:
        share = shots.score(blank, tokenizer, shots.items(kind, shots.MOST, "gold", n, seed))
        rows.append({"kind": kind, "k": shots.MOST, "seed": seed, "right": share["right"]})
    return {"rows": rows}


def zero_shot(seed: int, n: int = N) -> dict[str, Any]:
    """Rows of shares right, of the model and of the best guess without it ("": none is known)."""
    model, tokenizer = _opened()
    some = absent.named(n, seed)
    asked = {absent.NAMED: some, absent.PARAPHRASED: absent.paraphrased(some)}
    for split in absent.SPLITS:
        third = split == "third letter"
        asked[split] = [item for item in some if (item.meta["function"] == split) == third]
    rows: list[dict[str, Any]] = [
        {"task": task, "right": shots.score(model, tokenizer, items)["right"],
         "best": absent.prior(items)}
        for task, items in asked.items()
    ]  # fmt: skip
    third_shown = absent.third_letter_shown(n, seed)
    share = shots.score(model, tokenizer, third_shown)["right"]
    rows.append(
        {"task": absent.SHOWN, "right": share, "best": absent.prior(third_shown, by_example)}
    )
    half = absent.half_done(model, tokenizer, asked["compositions"])
    rows.append({"task": absent.HALF, "right": half, "best": ""})
    for name, (mine, best) in absent.reworded(model, tokenizer, n, seed).items():
        rows.append({"task": f"{name}{absent.REWORDED_SUFFIX}", "right": mine, "best": best})
    return {"rows": [{"seed": seed, **row} for row in rows]}


def ablation(seed: int, n: int = N) -> dict[str, Any]:
    """Rows: share right with all heads and with some silenced, on what has to be looked up in the
    prompt, and on trained tasks by name, where nothing is told twice."""
    model, tokenizer = _opened()
    top = induction.lookup_heads(model, tokenizer)
    tasks = {"invented values": shots.items("invented values", shots.MOST, "gold", n, seed)}
    tasks |= {f"{family} by name": shots.by_name(family, n, seed) for family in shots.BY_NAME}
    rows = []
    for task, some in tasks.items():

        def right(some: list[Any] = some) -> float:
            return shots.score(model, tokenizer, some)["right"]

        n_sets = induction.SETS if task == "invented values" else CONTROL_SETS
        for silenced, share in induction.silence(model, right, top, seed, n_sets).items():
            rows.append({"seed": seed, "task": task, "silenced": silenced, "right": share})
    return {"rows": rows, "heads": top}


def birth(n_layer: int, seed: int) -> dict[str, Any]:
    """Rows along a training of the live recipe."""
    return {"rows": induction.birth(n_layer, seed)}


def core_tables(found: Mapping[str, dict[str, Any]]) -> None:
    """Write curves, untrained, zero_shot, heads, births and figures."""
    chosen = [part["heads"] for name, part in found.items() if name.startswith("heads-")]
    if any(one != chosen[0] for one in chosen):
        raise ValueError(f"the draws silenced different heads: {chosen}; remove the old parts")
    tables = {"curves": "curve-", "untrained": "untrained", "zero_shot": "zero-",
              "heads": "heads-", "births": "birth-"}  # fmt: skip
    rows = {table: _rows(found, start) for table, start in tables.items()}
    for table, some in rows.items():
        write_csv(RESULTS / f"{table}.csv", some)
    write_json(RESULTS / "silenced.json", {"heads": chosen[0]})
    figures = [row for seed in SEEDS for row in _figures(rows, seed)]
    write_csv(RESULTS / "figures.csv", sorted(figures, key=lambda row: row["claim"]))


def _figures(rows: Mapping[str, list[dict[str, Any]]], seed: int) -> list[dict[str, Any]]:
    """What the rules need of one draw."""

    def mine(table: str) -> list[dict[str, Any]]:
        return [row for row in rows[table] if row["seed"] == seed]

    shares = {(r["kind"], r["k"], r["mode"]): r["right"] for r in mine("curves")}

    def gained(kind: str) -> float:
        return float(shares[kind, shots.MOST, "gold"] - shares[kind, 0, "gold"])

    def minus_dealt(kind: str) -> float:
        return float(shares[kind, shots.MOST, "gold"] - shares[kind, shots.MOST, "shuffled"])

    task = {row["task"]: row for row in mine("zero_shot")}
    reworded = [
        row["right"] - row["best"]
        for name, row in task.items()
        if name.endswith(absent.REWORDED_SUFFIX)
    ]
    left = {r["silenced"]: r["right"] for r in mine("heads") if r["task"] == "invented values"}
    values = {
        "unprogrammed": {
            "new_wordings_minus_best": fmean(reworded),
            "families_above_best": fmean(gain > 0 for gain in reworded),
            "compositions": task["compositions"]["right"],
            "third_letter": task[absent.SHOWN]["right"],
        },
        "zero-shot": {
            "absent_minus_prior": task[absent.NAMED]["right"] - task[absent.NAMED]["best"],
            "absent": task[absent.NAMED]["right"],
            "absent_paraphrased": task[absent.PARAPHRASED]["right"],
        },
        "few-shot": {
            "trained_16_minus_0": gained("trained function"),
            "invented_minus_dealt": minus_dealt("invented values"),
            "untrained_16_minus_0": gained("untrained function"),
            "untrained_minus_dealt": minus_dealt("untrained function"),
            "lookup_minus_random": left["others"] - left["top"],
        },
    }
    return [
        {"claim": claim, "figure": figure, "seed": seed, "value": value}
        for claim, some in values.items()
        for figure, value in some.items()
    ]


# SmolLM2.


def smol_jobs() -> dict[str, Job]:
    """A job for each task, k and mode, and one for the heads."""
    jobs: dict[str, Job] = {}
    for task in smol.TASKS:
        for k in smol.SHOTS:
            for mode in ("gold", "shuffled") if k > 1 else ("gold",):
                jobs[f"smol-{_file(task)}-{k}-{mode}"] = partial(smol_rows, task, k, mode)
    jobs["smol-heads"] = smol_heads
    return jobs


def smol_rows(task: str, k: int, mode: str, n: int = SMOL_N) -> dict[str, Any]:
    """A row for each prompt."""
    return {"rows": smol.rows(*_opened(smol.NAME), task, k, mode, n, SEEDS[0])}


def smol_heads() -> dict[str, Any]:
    """Its induction scores, and what silencing the highest costs."""
    return {"rows": [], "heads": smol.heads(*_opened(smol.NAME), N, SEEDS[0])}


def smol_tables(found: Mapping[str, dict[str, Any]]) -> None:
    """Write smol.csv and smol_heads.json."""
    write_csv(RESULTS / "smol.csv", _rows(found, "smol-"))
    write_json(RESULTS / "smol_heads.json", found["smol-heads"]["heads"])


# The second notebook.


def deeper_jobs() -> dict[str, Job]:
    """A job for each table, checkpoint, and training."""
    jobs: dict[str, Job] = {"markov": markov, "calibrated": calibrated}
    for kind in deeper.ORDER_KINDS:
        jobs[f"orders-{_file(kind)}"] = partial(orders, kind)
    for kind in deeper.WORDINGS:
        jobs[f"wordings-{_file(kind)}"] = partial(wordings, kind)
    for step in along(fernhollow_small()):
        jobs[f"along-{step}"] = partial(checkpoint, step)
    for seed in deeper.DIVERSITY_SEEDS:
        for number in diversity.NUMBERS:
            jobs[f"diversity-{number}-{seed}"] = partial(diversity_rows, number, seed)
    return jobs


def markov() -> dict[str, Any]:
    """Distances from the best prediction."""
    return {"rows": deeper.markov_rows(*_opened())}


def calibrated() -> dict[str, Any]:
    """Reviews with and without the correction."""
    return {"rows": deeper.calibrated(*_opened())}


def orders(kind: str) -> dict[str, Any]:
    """The same examples in ten orders."""
    return {"rows": deeper.orders(*_opened(), kind)}


def wordings(kind: str) -> dict[str, Any]:
    """The same examples in three forms."""
    return {"rows": deeper.wordings(*_opened(), kind)}


def checkpoint(step: int) -> dict[str, Any]:
    """Distances from the three predictors, and the lookup, of one checkpoint."""
    found = deeper.checkpoint(along(fernhollow_small())[step])
    rows = [{"step": step, **row} for row in found["chains"]]
    return {"rows": rows, "lookup": {"step": step, **found["lookup"]}}


def diversity_rows(number: int, seed: int) -> dict[str, Any]:
    """One training on documents of so many chains."""
    return {"rows": deeper.diversity_rows(number, seed)}


def deeper_tables(found: Mapping[str, dict[str, Any]]) -> None:
    """Write markov, calibrated, orders, wordings, along, lookup and diversity."""
    for table in ("markov", "calibrated", "orders", "wordings", "along", "diversity"):
        write_csv(RESULTS / f"{table}.csv", _rows(found, table))
    lookups = [part["lookup"] for name, part in found.items() if name.startswith("along-")]
    write_csv(RESULTS / "lookup.csv", lookups)


JOBS: dict[str, Callable[[], dict[str, Job]]] = {
    "core": core_jobs, "smol": smol_jobs, "deeper": deeper_jobs,
}  # fmt: skip
TABLES: dict[str, Callable[[Mapping[str, dict[str, Any]]], None]] = {
    "core": core_tables, "smol": smol_tables, "deeper": deeper_tables,
}  # fmt: skip
MODELS = {"core": [NAME], "smol": [], "deeper": [NAME, "fernhollow-small"]}
