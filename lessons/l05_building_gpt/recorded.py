"""The recorded runs of lesson 05, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


def losses() -> dict[str, Interval]:
    """Training loss of each kind of stack after the recorded steps: mean and interval."""
    found: dict[str, list[float]] = {}
    for row in read_csv(RESULTS / "depth.csv"):
        found.setdefault(row["kind"], []).append(float(row["loss"]))
    return {kind: mean_interval(values) for kind, values in found.items()}


def smol() -> dict[str, Any]:
    """What SmolLM2 wrote through this class, and how far its logits are from transformers'."""
    return read_json(RESULTS / "smol.json")


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
