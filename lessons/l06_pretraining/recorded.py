"""The recorded runs of lesson 06, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.l06_pretraining.facts import KINDS, TOLD
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import mean_interval

RESULTS = Path(__file__).parent / "results"
Curve = dict[int, tuple[float, float, float]]  # step -> mean and both ends of the interval


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def curve(run: str, measure: str) -> Curve:
    """Mean and 95 % t interval over seeds of one measure, at each step of "live" or "long"."""
    values: dict[int, list[float]] = {}
    for row in rows("curves"):
        if row["run"] == run:
            values.setdefault(int(row["step"]), []).append(float(row[measure]))
    return {step: mean_interval(found) for step, found in values.items()}


def levels() -> dict[str, tuple[float, float, float]]:
    """Bits per byte of each baseline: mean and interval over the seeds' held-out articles."""
    values: dict[str, list[float]] = {}
    for row in rows("baselines"):
        values.setdefault(row["baseline"], []).append(float(row["bits_per_byte"]))
    return {name: mean_interval(found) for name, found in values.items()}


def fivegram_shares() -> dict[str, float]:
    """Mean share of minimal pairs that the 5-gram model gets right, by structure."""
    values: dict[str, list[float]] = {}
    for row in rows("pairs"):
        values.setdefault(row["structure"], []).append(float(row["fivegram"]))
    return {structure: sum(found) / len(found) for structure, found in values.items()}


def first_rule(figure: str) -> list[float]:
    """Replicates of a next-token figure recorded under the first rule (see its README.md)."""
    return [float(row["value"]) for row in rows("first_rule/figures") if row["figure"] == figure]


def samples() -> dict[int, str]:
    """What the first seed's long run wrote, by step."""
    return {int(step): text for step, text in read_json(RESULTS / "samples.json").items()}


def facts() -> dict[str, dict[int, dict[str, float]]]:
    """Group of questions -> step -> share of each kind of answer (see facts.py), and n."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for row in rows("facts"):
        n = int(row["n"])
        shares = {name: int(row[name]) / n for name in KINDS}
        found.setdefault(row["group"], {})[int(row["step"])] = shares | {"n": n}
    return found


def form(found: dict[str, dict[int, dict[str, float]]], step: int) -> float:
    """The share of the answers to questions after `step` that are right or of the right kind."""
    some = [group[step] for name, group in found.items() if name != TOLD]
    return sum(row["n"] * (1 - row[KINDS[2]]) for row in some) / sum(row["n"] for row in some)


def real() -> dict[str, Any]:
    """SmolLM2's bits per byte and minimal pairs on the first seed's held-out articles."""
    return read_json(RESULTS / "real.json")


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs; part="_deeper": of 06b's."""
    return read_json(RESULTS / f"provenance{part}.json")
