"""What each part of the fast recipe saves: it is taken out, and the steps to one loss are counted.

    python -m benchmarks.ablation --text FILE

trains every variant with 5 seeds on the first 81 % of FILE, for more and more steps, until it
reaches the target on the next 9 %. Between two numbers of steps the loss is taken to be a straight
line over their logarithm. Then the time of a step is measured in turn with the full recipe's.
Takes about 40 minutes; a run that is cut off goes on where it stopped. Writes ablation.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from minigpt.files import write_text

from .pairs import alternate, middle_half
from .report import provenance
from .run import RESULTS
from .text import NAME, Parts, find, split
from .time_to_loss import train_ours

TARGET = 1.86  # the reference's loss on the same 9 %, trained on the same 81 %
SEEDS = 5
FIRST = 174  # steps that every variant is trained for; then more or fewer, by half
STEP_PAIRS, STEP_STEPS = 9, 12  # measurements of the time of a step, and steps in each

# name: (what is changed in the model, what is changed in the training)
Change = tuple[dict[str, Any], dict[str, Any]]
VARIANTS: dict[str, Change] = {
    "full recipe": ({}, {}),
    "inputs of one character": ({"n_gram": 1}, {}),
    "inputs of two characters": ({"n_gram": 2}, {}),
    "embeddings at 0.02": ({"embed_std": 0.02}, {}),
    "AdamW alone, 3e-3": ({}, {"optimizer": "adamw", "learning_rate": 3e-3}),
    "momentum 0.95": ({}, {"muon_momentum": 0.95}),
    "rate of AdamW 3e-3": ({}, {"learning_rate": 3e-3}),
    "rate falls in the second half only": ({}, {"decay_fraction": 0.5}),
    "no weight decay": ({}, {"weight_decay": 0.0}),
    "projections start at random": ({"zero_init": False}, {}),
    "learned positions": ({"position": "learned"}, {}),
    "GELU": ({"mlp": "gelu"}, {}),
    "no query-key norm": ({"qk_norm": False}, {}),
    "LayerNorm and biases": ({"norm": "layernorm", "bias": True}, {}),
    "tied head": ({"tie_head": True, "embed_std": 0.02}, {}),
    "4 layers (0.83 M parameters)": ({"n_layer": 4}, {}),
    "soft-capped logits": ({"logit_softcap": 15.0}, {}),
}


def losses_of(
    name: str, steps: int, seeds: int, parts: Parts, known: dict[str, list[float]]
) -> list[float]:
    """Loss of each seed after so many steps; `known` keeps what was trained before."""
    found = known.setdefault(f"{name} @ {steps}", [])
    model, training = VARIANTS[name]
    for seed in range(len(found), seeds):
        settings: dict[str, Any] = {"model": model, "training": training}
        settings |= {"steps": steps, "seed": seed}
        outcome = train_ours(parts.vocab_size, parts.fitted, parts.chosen_by, **settings)
        found.append(outcome.val_loss)
    return found[:seeds]


def steps_to(target: float, below: tuple[int, float], above: tuple[int, float]) -> float:
    """Where the straight line over log(steps) between two (steps, loss) meets the target."""
    (few, high), (many, low) = above, below
    share = (high - target) / (high - low)
    return math.exp(math.log(few) + share * (math.log(many) - math.log(few)))


def needed(
    name: str,
    seeds: int,
    parts: Parts,
    known: dict[str, list[float]],
    save: Callable[[], None],
) -> list[float]:
    """Steps to TARGET of each seed, from two numbers of steps between which their mean meets it."""
    steps, factor = FIRST, 1.5
    losses = losses_of(name, steps, seeds, parts, known)
    save()
    reached = statistics.fmean(losses) <= TARGET
    for _ in range(8):
        other = round(steps / factor if reached else steps * factor)
        more = losses_of(name, other, seeds, parts, known)
        save()
        if (statistics.fmean(more) <= TARGET) != reached:
            pairs = zip(losses, more, strict=True)
            if reached:
                return [steps_to(TARGET, (steps, a), (other, b)) for a, b in pairs]
            return [steps_to(TARGET, (other, b), (steps, a)) for a, b in pairs]
        steps, losses = other, more
    raise RuntimeError(f"{name}: {steps} steps end at {statistics.fmean(losses):.3f}")


def step_time_ratio(name: str, parts: Parts) -> tuple[float, float, float]:
    """Time of a step over the full recipe's: median and middle half of pairs run in turn."""

    def seconds(change: Change) -> float:
        model, training = change
        settings: dict[str, Any] = {"model": model, "training": training, "steps": STEP_STEPS}
        return train_ours(parts.vocab_size, parts.fitted, parts.chosen_by[:65], **settings).seconds

    found = alternate(
        lambda: seconds(VARIANTS[name]), lambda: seconds(VARIANTS["full recipe"]), STEP_PAIRS
    )
    ratios = [a / b for a, b in zip(found.ours, found.theirs, strict=True)]
    return (statistics.median(ratios), *middle_half(ratios))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("--text", default=find(), help=f"UTF-8 text (default: {NAME}, if found)")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, help="some of the variants")
    parser.add_argument("--out", type=Path, default=RESULTS / "ablation.json")
    parser.add_argument("--no-time", action="store_true", help="count steps, leave their time out")
    a = parser.parse_args()
    if a.text is None:
        print(f"ablation: no text: give --text FILE, for example {NAME}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    parts = split(a.text)
    record: dict[str, Any] = {"target": TARGET, "losses": {}, "variants": {}}
    if a.out.exists():
        record |= json.loads(a.out.read_text(encoding="utf-8"))

    def save() -> None:
        record["provenance"] = provenance()
        a.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(a.out, json.dumps(record, indent=1) + "\n")

    for name in a.only or VARIANTS:
        found = needed(name, a.seeds, parts, record["losses"], save)
        entry = record["variants"].setdefault(name, {})
        entry["steps"] = [round(steps, 1) for steps in found]
        if not a.no_time:
            entry["step_time"] = step_time_ratio(name, parts)
        save()
        print(name, entry, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
