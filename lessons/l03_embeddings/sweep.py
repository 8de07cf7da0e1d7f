"""The recorded runs of lesson 03: five GPTs trained, and how words lie in them and in SmolLM2.

`python -m lessons sweep 03` runs two processes of one thread each and keeps every finished run in
results/parts/, so that an interrupted sweep goes on. It needs the corpus of the plan
"fernhollow-short" and makes it in runs/lesson-03 if it is not there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from lessons.l03_embeddings import space
from lessons.l03_embeddings.recorded import RESULTS
from lessons.pretrain import RECIPES, RUNS, prepare
from lessons.sweeps import part_file, provenance, read_json, write_csv, write_json
from lessons.world.corpus import PAD, WindowBatches
from lessons.world.plan import PLANS
from minigpt import GPT, BPETokenizer, load
from minigpt.train import Batch, fit

PARTS = RESULTS / "parts"
SEEDS = range(10, 15)
STEPS = 1_200
RECIPE = RECIPES["fernhollow-small"]
RUN = RUNS / "lesson-03"


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing and write results/*.csv, smol.json and provenance.json."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 03", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    PARTS.mkdir(parents=True, exist_ok=True)
    prepare(PLANS[RECIPE.plan], RUN, RECIPE.model.block_size)
    missing = [seed for seed in SEEDS if not _part(seed).is_file()]
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for seed, seconds in zip(missing, pool.map(run, missing), strict=True):
            print(f"seed {seed}: {seconds:.0f} s", flush=True)
    parts = [read_json(_part(seed)) for seed in SEEDS]
    write_csv(RESULTS / "purity.csv", [row for part in parts for row in part["purity"]])
    write_csv(RESULTS / "analogies.csv", [row for part in parts for row in part["analogies"]])
    said = real()
    write_json(RESULTS / "smol.json", said)
    rows = [
        {"claim": "embedding-space", "figure": figure, "seed": part["seed"], "value": value}
        for part in parts
        for figure, value in part["figures"].items()
    ]
    for number, (mine, chance) in enumerate(zip(said["purity"], said["shuffled"], strict=True)):
        figure = {"figure": "real_minus_shuffled", "seed": number, "value": mine - chance}
        rows.append({"claim": "embedding-space", **figure})
    write_csv(RESULTS / "figures.csv", rows)
    seconds = sum(part["seconds"] for part in parts)
    origin = provenance("03", "python -m lessons sweep 03", seconds, 1)
    origin["seconds_are"] = "training and measuring, summed over processes of one thread"
    origin["steps"] = STEPS
    origin["model"] = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
    write_json(RESULTS / "provenance.json", origin)


def _part(seed: int) -> Path:
    return part_file(PARTS, "03", str(seed))


def run(seed: int) -> float:
    """Train one GPT, measure its tables and the text that it read; returns the seconds."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    tokenizer, corpus = prepare(PLANS[RECIPE.plan], RUN, RECIPE.model.block_size)
    config = replace(
        RECIPE.training, steps=STEPS, seed=seed, eval_interval=STEPS, checkpoint_interval=STEPS
    )
    pad = tokenizer.special_tokens[PAD]
    batches = WindowBatches(corpus, config.batch_size, pad)
    first = (seed - SEEDS[0]) * batches.steps // len(SEEDS)  # each seed begins elsewhere

    def batch(step: int) -> Batch:
        return batches(first + step)

    torch.manual_seed(seed)
    model = GPT(RECIPE.model)
    untrained = model.wte.weight.detach().clone()
    fit(model, batch, None, config)
    counts = space.Counts(tokenizer)
    for step in range(STEPS):
        x, _ = batch(step)
        counts.add(x.numpy(), pad)
    part = measure(model.eval(), tokenizer, counts, untrained, seed)
    part["seconds"] = time.perf_counter() - start
    write_json(_part(seed), part)
    return float(part["seconds"])


def measure(
    model: GPT, tokenizer: BPETokenizer, counts: space.Counts, untrained: Tensor, seed: int
) -> dict[str, Any]:
    """Purity by table and category, analogies by relation, and the figures of the claim."""
    _, ids, labels = space.labelled(tokenizer, space.categories())
    spaces = {name: table[ids] for name, table in space.tables(model).items()}
    spaces |= {"untrained": untrained[ids], **counts.vectors(ids)}
    rows, minus = [], {}
    for name, vectors in spaces.items():
        near = space.neighbours(vectors)
        found, chance = space.purity(near, labels), space.shuffled(near, labels)
        minus[name] = float((found - chance).mean())
        for category, mine, other in zip(
            space.categories(), found.tolist(), chance.tolist(), strict=True
        ):
            rows.append(
                {"seed": seed, "space": name, "category": category, "purity": mine,
                 "shuffled": other}
            )  # fmt: skip
    solved: list[dict[str, Any]] = [
        {"seed": seed, "table": name, "relation": relation, "way": way, "right": right}
        for name, table in space.tables(model).items()
        for relation, pairs in space.relations().items()
        for way, right in space.analogies(table, tokenizer, pairs).items()
    ]
    by_way = {
        way: fmean(row["right"] for row in solved if row["table"] == "input" and row["way"] == way)
        for way in space.WAYS
    }
    simple = max(by_way[way] for way in space.WAYS if way.startswith("nearest"))
    best_count = max(minus["counts"], minus["mutual information"])
    return {
        "seed": seed,
        "purity": rows,
        "analogies": solved,
        "figures": {
            "input_minus_shuffled": minus["input"],
            "output_minus_shuffled": minus["output"],
            "untrained_minus_shuffled": minus["untrained"],
            "input_minus_cooccurrence": minus["input"] - best_count,
            "analogy_minus_neighbour": by_way["b - a + c"] - simple,
        },
    }


def real() -> dict[str, Any]:
    """Purity of everyday nouns in SmolLM2's table, which serves for input and output."""
    model, tokenizer = load("smollm2-135m")
    assert isinstance(tokenizer, BPETokenizer)
    return real_purity(model, tokenizer)


def real_purity(model: GPT, tokenizer: BPETokenizer) -> dict[str, Any]:
    """By category: words that are one token, purity, and purity with shuffled labels."""
    _, ids, labels = space.labelled(tokenizer, space.everyday())
    near = space.neighbours(model.wte.weight.detach()[ids])
    return {
        "categories": [*space.everyday()],
        "words": labels.bincount().tolist(),
        "purity": [round(value, 4) for value in space.purity(near, labels).tolist()],
        "shuffled": [round(value, 4) for value in space.shuffled(near, labels).tolist()],
    }
