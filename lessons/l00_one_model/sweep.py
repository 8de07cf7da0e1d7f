"""The recorded run of lesson 00: every task of the shipped model, and couplets both ways.

`python -m lessons sweep 00` takes some minutes with one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from lessons import evaluate
from lessons.l00_one_model import real, tasks, two_ways
from lessons.l00_one_model.recorded import RESULTS
from lessons.sweeps import provenance, write_csv, write_json
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item, simple_baselines
from minigpt import GPT, BPETokenizer, load

NAME = "fernhollow"
SEEDS = range(20, 25)
N = 100  # items of each task and draw
REVIEWS = 200  # of each kind


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/scores.csv, two_ways.csv, reviews.csv, figures.csv and provenance.json."""
    argparse.ArgumentParser(prog="python -m lessons sweep 00", description=__doc__).parse_args(argv)
    torch.set_num_threads(1)
    start = time.perf_counter()
    model, tokenizer = load(NAME)
    assert isinstance(tokenizer, BPETokenizer)
    scores, ways, figures = [], [], []
    for seed in SEEDS:
        scores += score(model, tokenizer, seed)
        ways += both_ways(model, tokenizer, seed)
        print(f"draw {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    for row in scores:
        if row["task"] in tasks.CLAIMED:
            figures += _figures("one-model", row["seed"], {
                row["task"]: row["right"], f"{row['task']}_minus_best": row["minus_best"],
            })  # fmt: skip
    for seed in SEEDS:
        share = {row["what"]: row["right"] for row in ways if row["seed"] == seed}
        figures += _figures("generative", seed, {
            "samples": share["samples"],
            "samples_minus_trigrams": share["samples"] - share["trigrams"],
            "classifier_minus_gpt": share[f"classifier {max(two_ways.SIZES)}"] - share["gpt"],
        })  # fmt: skip
    write_csv(RESULTS / "scores.csv", scores)
    write_csv(RESULTS / "two_ways.csv", ways)
    write_csv(RESULTS / "reviews.csv", reviews(model, tokenizer))
    write_csv(RESULTS / "figures.csv", sorted(figures, key=lambda row: row["claim"]))
    seconds = time.perf_counter() - start
    origin = provenance("00", "python -m lessons sweep 00", seconds, 1, models=[NAME])
    origin["model"] = f"{NAME}; reviews also by {real.ABOUT}"
    write_json(RESULTS / "provenance.json", origin)


def _figures(claim: str, seed: int, values: dict[str, float]) -> list[dict[str, Any]]:
    return [{"claim": claim, "figure": f, "seed": seed, "value": v} for f, v in values.items()]


def score(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[dict[str, Any]]:
    """A row for each task: the share done right, and that of the best simple answer."""
    rows = []
    for name in tasks.TASKS:
        some = tasks.items(name, N, seed)
        found = tasks.attempt(model, tokenizer, name, some)
        marks = [tasks.mark(name, item, output, new=True) for item, output, _ in found]
        simple = baselines(name, some)
        best = max(simple, key=lambda way: simple[way])
        rows.append(
            {"task": name, "seed": seed, "n": N, "right": marks.count("right") / N,
             "invented": marks.count("invented") / N, "best": simple[best], "best_is": best,
             "minus_best": marks.count("right") / N - simple[best]}
        )  # fmt: skip
    return rows


def baselines(name: str, some: list[Item]) -> dict[str, float]:
    """The share right of each simple answer, learnt from training items of the task's own kind."""
    task = tasks.TASKS[name]
    if name == "verse":
        table = two_ways.Trigrams(_couplets())
        written = [
            table.write(item.meta["subject"], Tape("verse", number))
            for number, item in enumerate(some)
        ]
        marks = [tasks.mark(name, i, w, new=True) for i, w in zip(some, written, strict=True)]
        return {"trigrams of the subject": marks.count("right") / len(some)}
    train = tasks.kept(task, 1500, Tape("lesson 00", "baselines", name), "train")

    def right(item: Item, output: str) -> bool:
        return tasks.mark(name, item, output) == "right"

    found = simple_baselines(some, train, right)
    for way, share in FAMILIES[task.family].baselines(some).items():
        found.setdefault(way, share)  # an if-then bot, the best guess without examples, and so on
    return found


@cache
def _couplets() -> list[Item]:
    """As many couplets as the model read, on subjects alone."""
    return two_ways.verses(PLANS[NAME].documents["couplets"], 0, "train")


def both_ways(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[dict[str, Any]]:
    """Shares right: couplets sampled, and couplets classified."""
    read = evaluate.training_couplets()
    several = two_ways.verses(2 * N, seed)
    test = [i for i in several if evaluate.verse_of(i.answer) not in read][:N]
    written = two_ways.sampled(model, tokenizer, test, seed)
    shares = {
        "samples": sum(
            tasks.mark("verse", item, output, new=True) == "right"
            for item, output in zip(test, written, strict=True)
        )
        / N,
        "trigrams": baselines("verse", test)["trigrams of the subject"],
        "gpt": sum(
            two_ways.named(two_ways.log_likelihoods(model, tokenizer, item.answer))
            == item.meta["subject"]
            for item in test
        )
        / N,
    }
    train = two_ways.verses(max(two_ways.SIZES), seed, "train")
    for size in two_ways.SIZES:
        shares[f"classifier {size}"] = two_ways.classifier(train[:size], test)
    return [{"what": what, "seed": seed, "right": share} for what, share in shares.items()]


def reviews(model: GPT, tokenizer: BPETokenizer) -> list[dict[str, Any]]:
    """Rows for Fernhollow's model and SmolLM2 on plain and hard reviews."""
    smol, smol_tokenizer = load(real.NAME)
    assert isinstance(smol_tokenizer, BPETokenizer)
    rows = []
    for kind in real.KINDS:
        some = real.reviews(kind, REVIEWS, SEEDS[0])
        said = {
            NAME: real.said_here(model, tokenizer, some),
            real.NAME: [real.says(smol, smol_tokenizer, item) for item in some],
        }
        for name, words in said.items():
            right = sum(w == i.answer for w, i in zip(words, some, strict=True))
            goods = words.count(" good")
            rows.append({"model": name, "kind": kind, "n": REVIEWS, "right": right, "good": goods})
    return rows
