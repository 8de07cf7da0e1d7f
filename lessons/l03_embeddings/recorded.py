"""The recorded runs of lesson 03, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"
SPACES = ("input", "output", "counts", "mutual information", "untrained")


def _by_seed(rows: list[dict[str, str]], column: str) -> Interval:
    """The mean of a column within each seed, then over seeds, with its interval."""
    seeds: dict[str, list[float]] = {}
    for row in rows:
        seeds.setdefault(row["seed"], []).append(float(row[column]))
    return mean_interval([sum(values) / len(values) for values in seeds.values()])


def purity() -> dict[str, Interval]:
    """Purity of each space, mean over categories and seeds; "shuffled" is that of the input."""
    rows = read_csv(RESULTS / "purity.csv")
    found = {
        space: _by_seed([row for row in rows if row["space"] == space], "purity")
        for space in SPACES
    }
    shuffled = [row for row in rows if row["space"] == "input"]
    return found | {"labels shuffled": _by_seed(shuffled, "shuffled")}


def analogies(table: str = "input") -> dict[str, Interval]:
    """The share of analogies that each way answers rightly, mean over relations and seeds."""
    rows = [row for row in read_csv(RESULTS / "analogies.csv") if row["table"] == table]
    ways = dict.fromkeys(row["way"] for row in rows)
    return {way: _by_seed([row for row in rows if row["way"] == way], "right") for way in ways}


def smol() -> dict[str, Any]:
    """SmolLM2's purity by category of everyday nouns, and with labels shuffled."""
    return read_json(RESULTS / "smol.json")


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
