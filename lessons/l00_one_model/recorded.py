"""The recorded runs of lesson 00, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


def _by(rows: list[dict[str, str]], key: str, value: str) -> dict[str, Interval]:
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(float(row[value]))
    return {name: mean_interval(values) for name, values in found.items()}


def scores() -> dict[str, Interval]:
    """The share of each task that the model does right: mean and interval over the draws."""
    return _by(read_csv(RESULTS / "scores.csv"), "task", "right")


def best() -> dict[str, Interval]:
    """The same of the best simple answer to each task."""
    return _by(read_csv(RESULTS / "scores.csv"), "task", "best")


def above() -> dict[str, Interval]:
    """The model's share minus that of the best simple answer, paired by draw."""
    return _by(read_csv(RESULTS / "scores.csv"), "task", "minus_best")


def invented() -> dict[str, Interval]:
    """The share of outputs that are invented, by task."""
    return _by(read_csv(RESULTS / "scores.csv"), "task", "invented")


def two_ways() -> dict[str, Interval]:
    """Shares: "samples", "trigrams", "gpt", and "classifier 10" to "classifier 3000"."""
    return _by(read_csv(RESULTS / "two_ways.csv"), "what", "right")


def reviews() -> list[dict[str, str]]:
    """Rows (model, kind, n, right) of the reviews."""
    return read_csv(RESULTS / "reviews.csv")


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
