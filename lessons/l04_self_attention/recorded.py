"""The recorded runs of lesson 04, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from lessons.l04_self_attention.recall import most_frequent
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def _curves(column: str, fixed: str, value: int) -> dict[str, dict[int, Interval]]:
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows("recall"):
        if int(row[fixed]) == value:
            curve = found.setdefault(row["kind"], {})
            curve.setdefault(int(row[column]), []).append(float(row["accuracy"]))
    return {
        kind: {x: mean_interval(curve[x]) for x in sorted(curve)} for kind, curve in found.items()
    }


def by_gap() -> dict[str, dict[int, Interval]]:
    """Share of right answers of each kind by tokens of noise, 4 pairs: mean and interval."""
    return _curves("gap", "pairs", 4)


def by_pairs() -> dict[str, dict[int, Interval]]:
    """Share of right answers of each kind by pairs, 16 tokens of noise: mean and interval."""
    return _curves("pairs", "gap", 16)


def live(kind: str) -> Interval:
    """Share of right answers of the small run that the notebook repeats."""
    return mean_interval([float(r["accuracy"]) for r in rows("live") if r["kind"] == kind])


def longer() -> dict[str, Interval]:
    """Share of right answers at the largest distance after three times the steps."""
    found: dict[str, list[float]] = {}
    for row in rows("longer"):
        found.setdefault(row["kind"], []).append(float(row["accuracy"]))
    return {kind: mean_interval(values) for kind, values in found.items()}


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")


def rate(kind: str) -> float:
    """The learning rate that was chosen for a kind of model."""
    return float(provenance()["rates"][kind])


def bank() -> dict[str, Any]:
    """What was measured on SmolLM2."""
    return read_json(RESULTS / "bank.json")


def bank_mean(figure: str) -> float:
    """The mean of a figure over the templates."""
    return fmean(values[figure] for values in bank()["templates"])


def _ends(curves: dict[str, dict[int, Interval]]) -> str:
    parts = []
    for kind, curve in curves.items():
        first, last = min(curve), max(curve)
        parts.append(f"{kind} from {curve[first][0]:.0%} to {curve[last][0]:.0%}")
    return ", ".join(parts)


def gap_finding() -> str:
    """What the figure of right answers by distance shows."""
    return (
        f"Right answers as the noise grows from 4 to 256 tokens: {_ends(by_gap())}; naming the "
        f"value told most often {most_frequent(4):.0%}, chance 6 %."
    )


def pairs_finding() -> str:
    """What the figure of right answers by pairs shows."""
    return (
        f"Right answers as the pairs grow from 2 to 32: {_ends(by_pairs())}; naming the value told "
        f"most often falls from {most_frequent(2):.0%} to {most_frequent(32):.0%}; chance 6 %."
    )


def bank_finding() -> str:
    """What the map of heads shows."""
    said = bank()
    best = max(value for row in said["heads"] for value in row)
    return (
        "How often each of 270 heads points from the deciding word at the right candidate, on the "
        f"half not chosen on: most near one half, the best {best:.0%}, the chosen one "
        f"{bank_mean('head_right'):.0%}."
    )
