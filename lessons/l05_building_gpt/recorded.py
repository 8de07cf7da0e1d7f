"""The recorded runs of lesson 05, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt.intervals import mean_interval

RESULTS = Path(__file__).parent / "results"
DIVERGED = 100.0  # nats: an untrained model has about 4


def losses() -> dict[str, list[float]]:
    """Training loss of each kind of stack after the recorded steps, for each seed."""
    found: dict[str, list[float]] = {}
    for row in read_csv(RESULTS / "depth.csv"):
        found.setdefault(row["kind"], []).append(float(row["loss"]))
    return found


def loss_line(kind: str) -> str:
    """The mean of a kind's losses with its interval, or that its runs diverged."""
    values = losses()[kind]
    if not all(value < DIVERGED for value in values):  # a NaN is not below anything
        return "diverged: losses of " + ", ".join(f"{value:.0e}" for value in values) + " nats"
    mean, low, high = mean_interval(values)
    return f"loss {mean:.2f} [{low:.2f}, {high:.2f}] nats"


def smol() -> dict[str, Any]:
    """What SmolLM2 wrote through this class."""
    return read_json(RESULTS / "smol.json")


def same() -> dict[str, float]:
    """The largest difference of logits from transformers', by its name of the model."""
    return {name: float(value) for name, value in read_json(RESULTS / "same.json").items()}


def stream_finding() -> str:
    """What the trained stacks say of the residual stream, by their intervals."""
    mean, _, high = mean_interval(losses()["residual, norm"])
    without, low, _ = mean_interval(losses()["no residual, norm"])
    if high < low:
        return f"With norms, the stream lowers the loss from {without:.2f} to {mean:.2f} nats."
    return (
        f"With norms, the stream makes no certain difference here: {without:.2f} nats without, "
        f"{mean:.2f} with it."
    )


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
