"""The recorded runs of lesson 09.

`python -m lessons sweep 09` records what decides the claims (half an hour with one thread),
`python -m lessons sweep 09 smol` SmolLM2's rows, `python -m lessons sweep 09 deeper` what the
second notebook shows (about an hour).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch

from lessons.l09_few_shot import absent, induction, shots, smol
from lessons.l09_few_shot.recorded import RESULTS
from lessons.sweeps import provenance, write_csv, write_json
from minigpt import GPT, BPETokenizer, load

NAME = "fernhollow"
SEEDS = range(30, 35)
N = 100  # prompts of each kind, k and draw
SMOL_N = 200
MODELS = {"core": [NAME], "smol": [], "deeper": [NAME, "fernhollow-small"]}
LIVE_SEEDS = range(10, 15)  # of the live run, one layer against two


def main(argv: Sequence[str] | None = None) -> None:
    """Write results/*.csv and provenance.json, or those of the second notebook."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 09", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("core", "smol", "deeper"), default="core")
    part = parser.parse_args(argv).part
    torch.set_num_threads(1)
    start = time.perf_counter()
    if part == "smol":
        write_csv(RESULTS / "smol.csv", smol_rows())
    else:
        model, tokenizer = load(NAME)
        assert isinstance(tokenizer, BPETokenizer)
        if part == "deeper":
            from lessons.l09_few_shot import deeper

            deeper.record(model, tokenizer)
        else:
            record(model, tokenizer, start)
    command = "python -m lessons sweep 09" + ("" if part == "core" else f" {part}")
    origin = provenance("09", command, time.perf_counter() - start, 1, models=MODELS[part])
    origin["model"] = smol.ABOUT if part == "smol" else NAME
    suffix = "" if part == "core" else f"_{part}"
    write_json(RESULTS / f"provenance{suffix}.json", origin)


def record(model: GPT, tokenizer: BPETokenizer, start: float) -> None:
    """What decides the three claims, the live recipe's five seeds, and SmolLM2."""
    curves: list[dict[str, Any]] = []
    zero: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    figures: list[dict[str, Any]] = []
    for seed in SEEDS:
        mine = curve(model, tokenizer, seed)
        nothing = zero_shot(model, tokenizer, seed)
        lost = ablation(model, tokenizer, seed)
        curves, zero, heads = curves + mine, zero + nothing, [*heads, lost]
        figures += _figures(mine, nothing, lost, seed)
        print(f"draw {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    layers = [
        {"layers": n, "seed": seed, "copied": induction.copied(induction.train(n, seed))}
        for n in (1, 2)
        for seed in LIVE_SEEDS
    ]
    write_csv(RESULTS / "curves.csv", curves)
    write_csv(RESULTS / "zero_shot.csv", zero)
    write_csv(RESULTS / "heads.csv", heads)
    write_csv(RESULTS / "layers.csv", layers)
    write_csv(RESULTS / "figures.csv", sorted(figures, key=lambda row: row["claim"]))


def curve(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[dict[str, Any]]:
    """Rows of shares right, and of those that follow the shown rule, by kind, k and mode."""
    rows = []
    for kind in shots.KINDS:
        for k in shots.SHOTS:
            for mode in shots.MODES if k > 1 else ("gold",):
                some = shots.items(kind, k, mode, N, seed)
                share = shots.score(model, tokenizer, some)
                rows.append({"kind": kind, "k": k, "mode": mode, "seed": seed, **share})
    return rows


def zero_shot(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[dict[str, Any]]:
    """Rows of shares right, of the model and of the best guess without it."""
    some = absent.named(N, seed)
    asked = {"absent": some, "absent, paraphrased": absent.paraphrased(some)}
    for split in absent.SPLITS:
        third = split == "third letter"
        asked[split] = [item for item in some if (item.meta["function"] == split) == third]
    half = absent.half_done(model, tokenizer, asked["compositions"])
    asked["third letter, 16 examples"] = absent.third_letter_shown(N, seed)
    shares = {
        task: (absent.right(model, tokenizer, items), absent.prior(items))
        for task, items in asked.items()
    }
    shares["compositions answered as one of the two"] = (half, 0.0)
    for name, both in absent.reworded(model, tokenizer, N, seed).items():
        shares[f"{name}, new wording"] = both
    return [
        {"seed": seed, "task": task, "right": mine, "best": best}
        for task, (mine, best) in shares.items()
    ]


def ablation(model: GPT, tokenizer: BPETokenizer, seed: int) -> dict[str, Any]:
    """A row: shares right with all heads and with some silenced, on what has to be looked up in
    the prompt, and ("named_…") on word functions asked for by name, where nothing has to be."""
    some = shots.items("invented values", 16, "gold", N, seed)
    found = induction.losses_of_silence(model, tokenizer, some, seed)
    named = shots.named(N, seed)
    control = induction.losses_of_silence(model, tokenizer, named, seed, n_sets=5)
    return {"seed": seed, **found, **{f"named_{name}": share for name, share in control.items()}}


def _figures(
    curves: list[dict[str, Any]], zero: list[dict[str, Any]], heads: dict[str, Any], seed: int
) -> list[dict[str, Any]]:
    def share(kind: str, k: int, mode: str = "gold") -> float:
        wanted = (kind, k, mode)
        return next(r["right"] for r in curves if (r["kind"], r["k"], r["mode"]) == wanted)

    task = {row["task"]: row for row in zero}
    reworded = [row["right"] - row["best"] for name, row in task.items() if "new wording" in name]
    values = {
        "unprogrammed": {
            "new_wordings_minus_best": fmean(reworded),
            "compositions": task["compositions"]["right"],
            "third_letter": task["third letter, 16 examples"]["right"],
        },
        "zero-shot": {
            "absent_minus_prior": task["absent"]["right"] - task["absent"]["best"],
            "absent": task["absent"]["right"],
            "absent_paraphrased": task["absent, paraphrased"]["right"],
        },
        "few-shot": {
            "trained_16_minus_0": share("trained function", 16) - share("trained function", 0),
            "invented_minus_dealt": share("invented values", 16)
            - share("invented values", 16, "shuffled"),
            "untrained_16_minus_0": share("untrained function", 16)
            - share("untrained function", 0),
            "untrained_minus_dealt": share("untrained function", 16)
            - share("untrained function", 16, "shuffled"),
            "induction_minus_random": heads["random"] - heads["induction"],
        },
    }
    return [
        {"claim": claim, "figure": figure, "seed": seed, "value": value}
        for claim, some in values.items()
        for figure, value in some.items()
    ]


def smol_rows() -> list[dict[str, Any]]:
    """SmolLM2 by task, k and labels: how many of 200 prompts it answers rightly."""
    model, tokenizer = load(smol.NAME)
    assert isinstance(tokenizer, BPETokenizer)
    rows = []
    for task in smol.TASKS:
        for k in smol.SHOTS:
            for shuffled in (False, True) if k > 1 else (False,):
                some = smol.prompts(task, k, SMOL_N, SEEDS[0], shuffled=shuffled)
                count = smol.right(model, tokenizer, task, some)
                mode = "shuffled" if shuffled else "gold"
                rows.append({"task": task, "k": k, "mode": mode, "n": SMOL_N, "right": count})
                print(f"{task}, k = {k}, {mode}: {count} of {SMOL_N}", flush=True)
    return rows
