"""The recorded runs of lesson 13, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.l13_hallucination.records import GROUPS
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def answers(model: str = "fernhollow") -> list[dict[str, str]]:
    """One row for each question put to a model: prompt, truth, output, confidence, marks."""
    return rows(f"answers_{model}")


def by_group(model: str, what: str, only: str = "") -> dict[str, Interval]:
    """Group → mean of a column over draws; only="false": of rows that state something false."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in answers(model):
        if only == "false" and not (int(row["stated"]) and not int(row["right"])):
            continue
        if only == "right" and not int(row["right"]):
            continue
        found.setdefault(row["group"], {}).setdefault(row["seed"], []).append(float(row[what]))
    return {
        group: mean_interval([sum(v) / len(v) for v in found[group].values()])
        for group in GROUPS
        if group in found and len(found[group]) > 1
    }


def frequency() -> dict[float, dict[str, Interval]]:
    """Exponent → each measured share: mean and interval over seeds."""
    found: dict[float, dict[str, list[float]]] = {}
    for row in rows("frequency"):
        columns = found.setdefault(float(row["exponent"]), {})
        for name, value in row.items():
            if name not in ("exponent", "seed") and value != "nan":
                columns.setdefault(name, []).append(float(value))
    return {
        exponent: {
            name: mean_interval(values) for name, values in columns.items() if len(values) > 1
        }
        for exponent, columns in found.items()
    }


def arms() -> dict[str, dict[str, dict[str, Interval]]]:
    """Arm → group → "right", "stated", "declined": mean and interval over seeds."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows("arms"):
        columns = found.setdefault(row["arm"], {}).setdefault(row["group"], {})
        for name in ("right", "stated", "declined"):
            columns.setdefault(name, []).append(float(row[name]))
    return {
        arm: {
            group: {name: mean_interval(values) for name, values in columns.items()}
            for group, columns in groups.items()
        }
        for arm, groups in found.items()
    }


def wordings() -> dict[str, dict[str, Interval]]:
    """Told in "one" wording or "several" → test → share right, mean and interval over seeds."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows("wording"):
        for name, value in row.items():
            if name not in ("arm", "seed"):
                found.setdefault(row["arm"], {}).setdefault(name, []).append(float(value))
    return {
        arm: {name: mean_interval(values) for name, values in columns.items()}
        for arm, columns in found.items()
    }


def tuned() -> dict[str, list[dict[str, str]]]:
    """The rows of the model as it was, and of the assistant that lesson 08 made of it."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("tuned"):
        found.setdefault(row["model"], []).append(row)
    return found


def smol() -> dict[str, dict[str, Any]]:
    """Band → "right" and "stated" with Wilson's interval, and mean confidence by right or false."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("smol"):
        found.setdefault(row["band"], []).append(row)
    said: dict[str, dict[str, Any]] = {}
    for band, some in found.items():
        n = len(some)
        false = [float(r["confidence"]) for r in some if int(r["stated"]) and not int(r["right"])]
        right = [float(r["confidence"]) for r in some if int(r["right"])]
        said[band] = {
            "right": wilson_interval(sum(int(r["right"]) for r in some), n),
            "stated": wilson_interval(sum(int(r["stated"]) for r in some), n),
            "confidence when false": sum(false) / len(false) if false else None,
            "confidence when right": sum(right) / len(right) if right else None,
        }
    return said


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / f"provenance{part}.json")
