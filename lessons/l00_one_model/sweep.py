"""The recorded run of lesson 00: every task of the shipped model, couplets both ways, SmolLM2.

`python -m lessons sweep 00` runs two processes of one thread each; provenance.json says what it
took. It needs the weights of SmolLM2.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from lessons import evaluate
from lessons.l00_one_model import real, simple, tasks, two_ways
from lessons.l00_one_model.recorded import RESULTS, tasks_done
from lessons.sweeps import open_model, provenance, write_csv, write_json
from lessons.world.families import FAMILIES
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer

NAME = "fernhollow"
SEEDS = range(40, 45)  # of the draws; trials before this run had other ones
N, N_CLAIMED = 100, 400  # items of a task and draw; of those that decide the claim
N_WAYS = 200  # couplets of a draw, written and classified
N_REAL = 100  # items of each kind before SmolLM2
REAL = ("real", real.NAME)
Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/scores.csv, two_ways.csv, real.csv, figures.csv and the JSON files."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 00", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    open_model(real.NAME)  # first, for it may not be there
    jobs = [
        REAL,
        *(("both ways", str(seed)) for seed in SEEDS),
        *(("task", name) for name in tasks.TASKS),
    ]
    found: dict[tuple[str, str], Any] = {}
    seconds = 0.0
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for job, (result, took) in zip(jobs, pool.map(_run, jobs), strict=True):
            print(f"{' '.join(job)}: {took:.0f} s", flush=True)
            found[job] = result
            seconds += took
    rows = [row for name in tasks.TASKS for row in found["task", name]]
    ways = [row for seed in SEEDS for row in found["both ways", str(seed)]]
    asked, said = found[REAL]
    write_csv(RESULTS / "scores.csv", rows)
    write_csv(RESULTS / "two_ways.csv", ways)
    write_csv(RESULTS / "figures.csv", [*one_model(rows), *generative(ways)])
    write_csv(RESULTS / "real.csv", asked)
    write_json(RESULTS / "said.json", said)
    origin = provenance("00", "python -m lessons sweep 00", seconds, 1, models=[NAME])
    origin["model"] = f"{NAME}; some tasks also by {real.ABOUT}"
    origin["seconds_are"] = "summed over processes of one thread"
    write_json(RESULTS / "provenance.json", origin)


def _run(job: tuple[str, str]) -> tuple[Any, float]:
    """What a job found, and its seconds."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    kind, what = job
    found: Any
    if kind == "task":
        found = score(*open_model(NAME), what)
    elif job == REAL:
        found = before_both({name: open_model(name) for name in (NAME, real.NAME)})
    else:
        found = both_ways(*open_model(NAME), int(what))
    return found, time.perf_counter() - start


def n_items(name: str) -> int:
    """How many items of a task a draw holds."""
    return N_CLAIMED if name in (*tasks.CLAIMED, "no bug") else N


def score(model: GPT, tokenizer: BPETokenizer, name: str) -> list[Row]:
    """A row for each draw of a task: how many are right, and of the best simple answer."""
    draws = [tasks.items(name, n_items(name), seed) for seed in SEEDS]
    way, best = best_simple(name, draws)
    rows = []
    for seed, some, simply in zip(SEEDS, draws, best, strict=True):
        found = tasks.attempt(model, tokenizer, name, some)
        marks = [tasks.mark(name, item, output, new=True) for item, output, _ in found]
        copied = sum(simple.copied(some)) if name == "verse" else 0
        rows.append(
            {"task": name, "seed": seed, "n": len(some), "right": marks.count("right"),
             "invented": marks.count("invented"), "best": simply, "best_is": way,
             "copied": copied, "minus_best": (marks.count("right") - simply) / len(some)}
        )  # fmt: skip
    return rows


def best_simple(name: str, draws: Sequence[list[Item]]) -> tuple[str, list[int]]:
    """The simple answer that is right most often over all draws, and how often in each of them."""
    every = [item for some in draws for item in some]
    found = simple.answers(name, every)
    way = max(found, key=lambda way: sum(found[way]))
    marks = iter(found[way])
    best = [sum(itertools.islice(marks, len(some))) for some in draws]
    # The family's own baselines learn from other items of training: here the better ones count.
    if name not in tasks.NOTHING:
        own, share = simple.family_share(name, every)
        if round(share * len(every)) > sum(best):
            shares = [FAMILIES[tasks.TASKS[name].family].baselines(some)[own] for some in draws]
            return own, [round(s * len(some)) for s, some in zip(shares, draws, strict=True)]
    return way, best


def both_ways(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[Row]:
    """Rows of a draw: couplets written by the GPT and a table, named by the GPT and counters."""
    read = evaluate.training_couplets()
    several = two_ways.verses(2 * N_WAYS, seed)
    test = [i for i in several if evaluate.verse_of(i.answer) not in read][:N_WAYS]
    subjects = [item.meta["subject"] for item in test]
    shares = {}
    for temperature in two_ways.TEMPERATURES:
        written = two_ways.sampled(model, tokenizer, subjects, seed, temperature)
        shares[f"samples {temperature:g}"] = two_ways.right_new_different(test, written)
        shares[f"one frame {temperature:g}"] = two_ways.commonest_frame(written)
    shares["one frame world"] = two_ways.commonest_frame([item.answer for item in test])
    shares["trigrams"] = simple.written_freely(test)
    shares["best possible"] = two_ways.best_possible(test)
    starts = [two_ways.first_words(item.answer) for item in test]
    named = [two_ways.named(two_ways.log_likelihoods(model, tokenizer, text)) for text in starts]
    shares["gpt"] = sum(n == s for n, s in zip(named, subjects, strict=True)) / len(test)
    pool = two_ways.verses(20_000, seed, "train")
    for kind, shots in itertools.product(two_ways.COUNTERS, two_ways.SHOTS):
        strength = two_ways.tuned(kind, shots, simple.TUNED_ON)
        some = two_ways.balanced(pool, shots)
        shares[f"{kind} {shots}"] = two_ways.counted(kind, some, test, strength)
    return [{"what": w, "seed": seed, "n": len(test), "share": s} for w, s in shares.items()]


def one_model(rows: Sequence[Row]) -> list[Row]:
    """The figures of the claim one-model, draw by draw; tasks_done is one number for all draws."""
    figures = []
    for row in rows:
        if row["task"] in (*tasks.CLAIMED, "no bug"):
            name = row["task"].replace(" ", "_")
            figures.append((name, row["seed"], row["right"] / row["n"]))
        if row["task"] in tasks.CLAIMED:
            figures.append((f"{row['task']}_minus_best", row["seed"], row["minus_best"]))
    figures.append(("tasks_done", SEEDS[0], tasks_done(rows)))
    return [_figure("one-model", *figure) for figure in figures]


def generative(ways: Sequence[Row]) -> list[Row]:
    """The figures of the claim generative, draw by draw."""
    figures = []
    for seed in SEEDS:
        share = {row["what"]: row["share"] for row in ways if row["seed"] == seed}
        samples = share[f"samples {two_ways.TEMPERATURE:g}"]
        trained = share[f"logistic regression {max(two_ways.SHOTS)}"]
        figures += [
            ("samples", seed, samples),
            ("samples_minus_trigrams", seed, samples - share["trigrams"]),
            ("classifier_minus_gpt", seed, trained - share["gpt"]),
        ]
    return [_figure("generative", *figure) for figure in figures]


def _figure(claim: str, figure: str, seed: int, value: float) -> Row:
    return {"claim": claim, "figure": figure, "seed": seed, "value": value}


def before_both(opened: dict[str, tuple[GPT, BPETokenizer]]) -> tuple[list[Row], Row]:
    """Rows (model, task, n, right, good) of the same items before both models; and what each said.

    good: how often it said that a review is good.
    """
    rows, said = [], {}
    for kind in real.KINDS:
        some = real.items(kind, N_REAL, real.SEED)
        for name, (model, tokenizer) in opened.items():
            words = real.answers(model, tokenizer, name, kind, some)
            marks = [real.is_right(kind, i, w) for i, w in zip(some, words, strict=True)]
            rows.append(
                {"model": name, "task": kind, "n": N_REAL, "right": sum(marks),
                 "good": words.count("good")}
            )  # fmt: skip
            said[f"{name}: {kind}"] = words[: real.SHOWN]
    return rows, said
