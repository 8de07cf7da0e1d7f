"""The recorded runs of lesson 04, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from lessons.l04_self_attention import recall
from lessons.l04_self_attention.recall import most_frequent
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def _curves(vary: str, column: str, table: str = "recall") -> dict[str, dict[int, Interval]]:
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows(table):
        if row["vary"] == vary:
            curve = found.setdefault(row["kind"], {})
            curve.setdefault(int(row[column]), []).append(float(row["right"]))
    return {
        kind: {x: mean_interval(curve[x]) for x in sorted(curve)} for kind, curve in found.items()
    }


def by_gap() -> dict[str, dict[int, Interval]]:
    """Share of right answers of each kind by tokens of noise, 4 pairs: mean and interval."""
    return _curves("gap", "gap")


def by_pairs() -> dict[str, dict[int, Interval]]:
    """Share of right answers of each kind by pairs, 16 tokens of noise: mean and interval."""
    return _curves("pairs", "pairs")


def live(kind: str, seed: int = 0) -> float:
    """Share of right answers of the small run that the notebook repeats."""
    found = (row for row in rows("live") if (row["kind"], row["seed"]) == (kind, str(seed)))
    return float(next(found)["right"])


def longer() -> dict[str, dict[int, Interval]]:
    """Share of right answers of LSTM and GRU by tokens of noise, after three times the steps."""
    return _curves("gap", "gap", "longer")


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")


def recipe(kind: str) -> recall.Recipe:
    """The optimizer and rate that were chosen for a kind of model."""
    optimizer, rate = provenance()["recipes"][kind].split()
    return recall.Recipe(optimizer, float(rate))


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
        f"Right answers as the pairs grow from 2 to 16: {_ends(by_pairs())}; naming the value told "
        f"most often falls from {most_frequent(2):.0%} to {most_frequent(16):.0%}; chance 6 %."
    )


def bank_finding() -> str:
    """What the map of heads shows."""
    said = bank()
    best = max(value for row in said["heads"] for value in row)
    return (
        "How often each of 270 heads points from the deciding word at the right candidate, on the "
        f"half not chosen on: most near one half, the best {best:.1%}, the chosen one "
        f"{bank_mean('head_right'):.1%}."
    )
