"""The recorded runs of lesson 09, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"
Curve = dict[int, Interval]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def curve(kind: str, mode: str = "gold", what: str = "right") -> Curve:
    """Share by k, mean and interval over draws; what="follows": of the rule that was shown."""
    found: dict[int, list[float]] = {}
    for row in rows("curves"):
        if (row["kind"], row["mode"]) == (kind, mode):
            found.setdefault(int(row["k"]), []).append(float(row[what]))
    return {k: mean_interval(values) for k, values in sorted(found.items())}


def zero_shot() -> dict[str, tuple[Interval, Interval]]:
    """Task → the model's share without examples, and that of the best guess without it."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows("zero_shot"):
        mine, best = found.setdefault(row["task"], ([], []))
        mine.append(float(row["right"]))
        best.append(float(row["best"]))
    return {task: (mean_interval(a), mean_interval(b)) for task, (a, b) in found.items()}


def heads() -> dict[str, Interval]:
    """Share right on invented values: "whole", without "induction" heads, without "random" ones.

    "random_worst": the random set that costs most; "named_…": the same on functions by name.
    """
    found = rows("heads")
    return {
        name: mean_interval([float(row[name]) for row in found])
        for name in found[0]
        if name != "seed"
    }


def layers() -> dict[int, Interval]:
    """Share copied by the live recipe, by layers: mean and interval over seeds."""
    found: dict[int, list[float]] = {}
    for row in rows("layers"):
        found.setdefault(int(row["layers"]), []).append(float(row["copied"]))
    return {n: mean_interval(values) for n, values in found.items()}


def smol(task: str, mode: str = "gold") -> Curve:
    """SmolLM2's share by k with Wilson's interval."""
    return {
        int(row["k"]): wilson_interval(int(row["right"]), int(row["n"]))
        for row in rows("smol")
        if (row["task"], row["mode"]) == (task, mode)
    }


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs; part="_deeper": of 09b's."""
    return read_json(RESULTS / f"provenance{part}.json")


# Of the second notebook.


def markov() -> dict[str, dict[int, float]]:
    """Reader ("model", "symbols") → symbols read → KL to the best prediction, nats."""
    found: dict[str, dict[int, float]] = {}
    for row in rows("markov"):
        found.setdefault(row["reader"], {})[int(row["read"])] = float(row["kl"])
    return found


def births() -> dict[str, dict[int, float]]:
    """The values "induction", "right", "kl" → step of training → value."""
    found = rows("births")
    return {
        name: {int(row["step"]): float(row[name]) for row in found}
        for name in ("induction", "right", "kl")
    }


def orders() -> dict[str, tuple[float, Interval]]:
    """Kind → answers that ten orders of the same examples give, mean; share with more than one."""
    found: dict[str, list[int]] = {}
    for row in rows("orders"):
        found.setdefault(row["kind"], []).append(int(row["different"]))
    return {
        kind: (sum(n) / len(n), wilson_interval(sum(one > 1 for one in n), len(n)))
        for kind, n in found.items()
    }


def calibrated() -> dict[str, Interval]:
    """By "plain" and "corrected": share of reviews right, with Wilson's interval."""
    found = rows("calibrated")
    return {
        name: wilson_interval(sum(int(row[name]) for row in found), len(found))
        for name in ("plain", "corrected")
    }


def diversity() -> dict[str, dict[str, dict[int, Interval]]]:
    """Where tested → reader → chains in training → KL to the truth in nats, over seeds."""
    found: dict[str, dict[str, dict[int, list[float]]]] = {}
    for row in rows("diversity"):
        for reader in ("model", "counting", "by heart"):
            curve = found.setdefault(row["where"], {}).setdefault(reader, {})
            curve.setdefault(int(row["chains"]), []).append(float(row[reader]))
    return {
        where: {
            reader: {n: mean_interval(values) for n, values in sorted(curve.items())}
            for reader, curve in readers.items()
        }
        for where, readers in found.items()
    }
