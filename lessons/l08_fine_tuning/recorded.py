"""The recorded runs of lesson 08, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.l08_fine_tuning.mixture import LONG
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def _by(found: list[dict[str, str]], key: str, value: str) -> dict[str, Interval]:
    groups: dict[str, list[float]] = {}
    for row in found:
        groups.setdefault(row[key], []).append(float(row[value]))
    return {name: mean_interval(values) for name, values in groups.items()}


def transfer(start: str) -> dict[int, Interval]:
    """Fields right by number of notes, from "pre-trained" or "random weights"."""
    some = [row for row in rows("transfer") if row["start"] == start]
    return {int(n): interval for n, interval in _by(some, "notes", "fields").items()}


def methods() -> dict[str, dict[str, Interval]]:
    """Method → "fields", "notes", "lost" (mean over families), "steps", "trained" (numbers)."""
    found = rows("methods")
    columns = ("fields", "notes", "lost", "steps", "trained")
    tables = {column: _by(found, "method", column) for column in columns}
    return {name: {column: tables[column][name] for column in columns} for name in tables["lost"]}


def kept() -> dict[str, dict[str, float]]:
    """Method → family → mean share right after fine-tuning; "before": of the model as it was."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows("kept"):
        found.setdefault(row["method"], {}).setdefault(row["family"], []).append(
            float(row["right"])
        )
    return {
        method: {family: sum(values) / len(values) for family, values in families.items()}
        for method, families in found.items()
    }


def mixture() -> dict[str, dict[str, Interval]]:
    """Family → share right trained "alone", "alone, longer", with "all", and with "all but one".

    The last is the mean over the five families that may be left out, within each seed.
    """
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows("mixture"):
        if row["trained_on"] == f"only {row['family']}":
            kind = "alone"
        elif row["trained_on"] == "all":
            kind = "all"
        elif row["trained_on"].startswith(LONG):
            kind = "alone, longer"
        else:
            kind = "all but one"
        seeds = found.setdefault(row["family"], {}).setdefault(kind, {})
        seeds.setdefault(row["seed"], []).append(float(row["right"]))
    return {
        family: {
            kind: mean_interval([sum(v) / len(v) for v in seeds.values()])
            for kind, seeds in kinds.items()
        }
        for family, kinds in found.items()
    }


def real() -> dict[str, dict[str, Interval]]:
    """SmolLM2 "before", after "LoRA", after "full" → "right" and "bits": means over seeds."""
    found = rows("real")
    tables = {column: _by(found, "how", column) for column in ("right", "bits", "trained")}
    return {how: {column: tables[column][how] for column in tables} for how in tables["right"]}


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / f"provenance{part}.json")
