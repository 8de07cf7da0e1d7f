"""What the second notebook of lesson 09 shows: where it comes from, and how frail it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lessons import evaluate
from lessons.evaluate import symbol_probabilities
from lessons.l09_few_shot import diversity, induction, shots
from lessons.l09_few_shot.recorded import RESULTS
from lessons.models import along, fernhollow_small
from lessons.sweeps import write_csv
from lessons.world.corpus import encode
from lessons.world.tape import Tape
from lessons.world.tasks import markov
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, load, score_choices
from minigpt.tokenizer import END

N = 100
SEED = 40
ORDERS = 10  # orders of the same examples
DIVERSITY_SEEDS = range(3)
PLACES = (1, 5, 20, 50, 100, 200)  # symbols read


def record(model: GPT, tokenizer: BPETokenizer) -> None:
    """Write results/markov.csv, births.csv, orders.csv, calibrated.csv and diversity.csv."""
    write_csv(RESULTS / "markov.csv", markov_rows(model, tokenizer))
    write_csv(RESULTS / "orders.csv", orders(model, tokenizer))
    write_csv(RESULTS / "calibrated.csv", calibrated(model, tokenizer))
    write_csv(RESULTS / "births.csv", births(along(fernhollow_small())))
    rows = []
    for seed in DIVERSITY_SEEDS:
        for number in diversity.NUMBERS:
            trained = diversity.train(number, seed)
            known, new = diversity.chains(number, seed), diversity.chains(200, 1000 + seed)
            for where, tested in (("trained chains", known), ("new chains", new)):
                found = diversity.divergence(trained, tested, known, seed)
                rows.append({"chains": number, "seed": seed, "where": where, **found})
            print(f"{number} chains, seed {seed}: {rows[-1]}", flush=True)
    write_csv(RESULTS / "diversity.csv", rows)


def markov_rows(model: GPT, tokenizer: BPETokenizer, n: int = N) -> list[dict[str, Any]]:
    """KL in nats to the best prediction after so many symbols: the model, and counting symbols."""
    found: dict[tuple[str, int], list[float]] = {}
    for number in range(n):
        symbols = markov.sequence(Tape("lesson 09", "markov", SEED, number), 250)
        best = markov.optimal(symbols)
        readers = {
            "model": symbol_probabilities(model, tokenizer, symbols),
            "symbols": markov.unigram(symbols),
        }
        for name, expected in readers.items():
            kl = (best * np.log(best / expected)).sum(1)
            for place in PLACES:
                found.setdefault((name, place), []).append(float(kl[place : place + 10].mean()))
    return [
        {"reader": name, "read": place, "kl": float(np.mean(values)), "n": n}
        for (name, place), values in found.items()
    ]


def births(places: dict[int, Path]) -> list[dict[str, Any]]:
    """Along a training: the highest induction score, invented values right, KL on chains."""
    some = shots.items("invented values", 16, "gold", N, SEED)
    rows = []
    for step, folder in places.items():
        model, tokenizer = load(folder)
        assert isinstance(tokenizer, BPETokenizer)
        scores = induction.scores(model, tokenizer)
        kl = next(
            row["kl"] for row in markov_rows(model, tokenizer, 30)
            if (row["reader"], row["read"]) == ("model", 200)
        )  # fmt: skip
        right = shots.score(model, tokenizer, some)["right"]
        rows.append({"step": step, "induction": float(scores.max()), "right": right, "kl": kl})
    return rows


def orders(model: GPT, tokenizer: BPETokenizer, n: int = 40) -> list[dict[str, Any]]:
    """The same four examples in ten orders: how often the answer changes."""
    rows = []
    for kind in ("trained function", "reviews"):
        for number, item in enumerate(shots.items(kind, 4, "gold", n, SEED)):
            some = [shots.reordered(item, order) for order in range(ORDERS)]
            outputs = [output.strip() for output in evaluate.answers(model, tokenizer, some)]
            right = sum(output == item.answer.strip() for output in outputs)
            rows.append(
                {"kind": kind, "item": number, "different": len({*outputs}), "right": right}
            )
    return rows


CONTENT_FREE = ("N/A.", "[MASK].", "")  # inputs that say nothing (Zhao et al. 2021, 2102.09690)


def label_scores(
    model: GPT, tokenizer: BPETokenizer, prompt: str, labels: Sequence[str]
) -> np.ndarray:
    """p(label | prompt) among the labels."""
    ids = [tokenizer.special_tokens[END], *encode(tokenizer, prompt)]
    scores = np.array(score_choices(model, tokenizer, ids, labels))
    weight = np.exp(scores - scores.max())
    return weight / weight.sum()


def without_content(item: Item) -> list[str]:
    """The item's prompt with its query replaced by inputs that say nothing."""
    before, _, _ = item.prompt.rpartition(";")
    return [f"{before}; {nothing} ->".replace(";  ->", "; ->") for nothing in CONTENT_FREE]


def calibrated(model: GPT, tokenizer: BPETokenizer, n: int = 200) -> list[dict[str, Any]]:
    """Reviews after 4 examples: right as scored, and divided by the scores of no content."""
    labels = (" good", " bad")
    rows = []
    for number, item in enumerate(shots.items("reviews", 4, "gold", n, SEED)):
        plain = label_scores(model, tokenizer, item.prompt, labels)
        nothing = np.mean(
            [label_scores(model, tokenizer, text, labels) for text in without_content(item)], axis=0
        )
        corrected = plain / nothing
        rows.append(
            {
                "item": number,
                "examples_good": item.prompt.count("-> good"),
                "plain": int(labels[plain.argmax()] == item.answer),
                "corrected": int(labels[corrected.argmax()] == item.answer),
                "says_good_of_nothing": float(nothing[0]),
            }
        )
    return rows
