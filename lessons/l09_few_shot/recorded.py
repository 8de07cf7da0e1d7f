"""The recorded runs of lesson 09, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from lessons.l09_few_shot import absent, smol
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import (
    Interval,
    bootstrap_interval,
    mean_interval,
    paired_interval,
    wilson_interval,
)

RESULTS = Path(__file__).parent / "results"
SMOL_SEED = 30  # of the recorded prompts
Curve = dict[int, Interval]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs; part="_deeper", "_smol": of those."""
    return read_json(RESULTS / f"provenance{part}.json")


def origin(part: str = "") -> str:
    """A line: when a part was recorded, on which model, and by which command."""
    said = provenance(part)
    return f"recorded {said['date'][:10]} with {said['model']} by: {said['command']}"


def curve(kind: str, mode: str = "gold", what: str = "right") -> Curve:
    """Share by k, mean and interval over draws; what="follows": of the rule that was shown,
    "kept": of examples with their right label."""
    found: dict[int, list[float]] = {}
    for row in rows("curves"):
        if (row["kind"], row["mode"]) == (kind, mode):
            found.setdefault(int(row["k"]), []).append(float(row[what]))
    return {k: mean_interval(values) for k, values in sorted(found.items())}


def untrained() -> dict[str, float]:
    """Kind → share right of the same network with random weights, after sixteen examples."""
    return {row["kind"]: float(row["right"]) for row in rows("untrained")}


def zero_shot() -> dict[str, tuple[Interval, Interval | None]]:
    """Task → the model's share without examples, and that of the best guess without it."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows("zero_shot"):
        mine, best = found.setdefault(row["task"], ([], []))
        mine.append(float(row["right"]))
        if row["best"]:
            best.append(float(row["best"]))
    return {
        task: (mean_interval(a), mean_interval(b) if b else None) for task, (a, b) in found.items()
    }


def reworded_above() -> tuple[int, int]:
    """How many families do better in new wordings than the best guess, and of how many."""
    both = [b for task, b in zero_shot().items() if task.endswith(absent.REWORDED_SUFFIX)]
    return sum(best is not None and mine[0] > best[0] for mine, best in both), len(both)


def heads(task: str = "invented values") -> dict[str, Interval]:
    """Share right by what is silenced: see `induction.silence`; mean and interval over draws."""
    found: dict[str, list[float]] = {}
    for row in rows("heads"):
        if row["task"] == task:
            found.setdefault(row["silenced"], []).append(float(row["right"]))
    return {name: mean_interval(values) for name, values in found.items()}


def silenced() -> list[tuple[int, int]]:
    """The heads (layer, head) that were silenced, the highest lookup score first."""
    return [(layer, head) for layer, head in read_json(RESULTS / "silenced.json")["heads"]]


def births(what: str) -> dict[int, dict[int, dict[int, float]]]:
    """Layers → seed → step of training → "copied" or "looks_up"."""
    found: dict[int, dict[int, dict[int, float]]] = {}
    for row in rows("births"):
        of_seed = found.setdefault(int(row["layers"]), {}).setdefault(int(row["seed"]), {})
        of_seed[int(row["step"])] = float(row[what])
    return found


def layers() -> dict[int, dict[int, float]]:
    """Layers → seed → share copied at the end of the live recipe."""
    found = births("copied")
    return {n: {seed: row[max(row)] for seed, row in seeds.items()} for n, seeds in found.items()}


# SmolLM2.


def smol_rows(task: str, k: int, mode: str = "gold") -> list[dict[str, str]]:
    """The row of each prompt, in the order of `smol.queries`."""
    return [
        row for row in rows("smol") if (row["task"], row["k"], row["mode"]) == (task, str(k), mode)
    ]


def smol_share(task: str, k: int, mode: str = "gold") -> Interval:
    """Share right with the interval that takes a sentence's items together."""
    some = smol_rows(task, k, mode)
    groups = [smol.group(task, row["asked"]) for row in some]
    return bootstrap_interval([float(row["right"]) for row in some], groups=groups)


def smol_shuffling(task: str, k: int) -> Interval:
    """What right labels gain over shuffled ones, on the same queries."""
    gold, dealt = (smol_rows(task, k, mode) for mode in ("gold", "shuffled"))
    groups = [smol.group(task, row["asked"]) for row in gold]
    ours, theirs = ([float(row["right"]) for row in some] for some in (gold, dealt))
    return paired_interval(ours, theirs, groups=groups)


def smol_failures(task: str, k: int, n: int = 5) -> list[str]:
    """The first n wrong outputs after k examples with right labels: what was asked → output."""
    wrong = [row for row in smol_rows(task, k) if row["right"] == "0"]
    return [f"{row['asked']} → {row['output']}" for row in wrong[:n]]


def smol_heads() -> dict[str, Any]:
    """What `smol.heads` found."""
    return read_json(RESULTS / "smol_heads.json")


# The second notebook.


def markov() -> dict[str, dict[str, Interval]]:
    """Reader ("model", "symbols") → window of symbols read → KL to the best, over chains, nats."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows("markov"):
        found.setdefault(row["reader"], {}).setdefault(row["read"], []).append(float(row["kl"]))
    return {
        reader: {read: mean_interval(values) for read, values in curve.items()}
        for reader, curve in found.items()
    }


def along() -> dict[str, Curve]:
    """Predictor → step of the small model's training → KL from it to the model, over chains."""
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows("along"):
        for name in row.keys() - {"step", "chain"}:
            found.setdefault(name, {}).setdefault(int(row["step"]), []).append(float(row[name]))
    return {
        name: {step: mean_interval(values) for step, values in sorted(curve.items())}
        for name, curve in sorted(found.items())
    }


def lookup() -> dict[int, tuple[float, float]]:
    """Step of training → chain lookup score of the highest head, and of attending evenly."""
    return {int(row["step"]): (float(row["highest"]), float(row["even"])) for row in rows("lookup")}


def orders() -> dict[str, tuple[float, Interval]]:
    """Kind → answers that ten orders of the same examples give, mean; share of prompts that are
    right in some orders and wrong in others."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("orders"):
        found.setdefault(row["kind"], []).append(row)
    return {
        kind: (
            fmean(int(row["different"]) for row in some),
            wilson_interval(sum(0 < int(row["right"]) < 10 for row in some), len(some)),
        )
        for kind, some in found.items()
    }


def wordings() -> dict[str, dict[str, Interval]]:
    """Kind → form → share right on the same items after the same four examples."""
    found: dict[str, dict[str, list[int]]] = {}
    for row in rows("wordings"):
        found.setdefault(row["kind"], {}).setdefault(row["form"], []).append(int(row["right"]))
    return {
        kind: {form: wilson_interval(sum(right), len(right)) for form, right in forms.items()}
        for kind, forms in found.items()
    }


def calibrated() -> dict[str, Interval]:
    """Reviews: share right "plain" and "corrected", what the correction "gained" (paired), and how
    often the plain scores "says_good"."""
    found = rows("calibrated")
    mine = {name: [int(row[name]) for row in found] for name in ("plain", "corrected", "says_good")}
    shares = {name: wilson_interval(sum(some), len(some)) for name, some in mine.items()}
    return {**shares, "gained": paired_interval(mine["corrected"], mine["plain"])}


def good_of_nothing() -> dict[str, Interval]:
    """The last example's label → p(good) of inputs that say nothing, mean over prompts."""
    found: dict[str, list[float]] = {}
    for row in rows("calibrated"):
        found.setdefault(row["last_example"], []).append(float(row["good_of_nothing"]))
    return {label: mean_interval(values) for label, values in sorted(found.items())}


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


def diversity_run(chains: int, seed: int) -> dict[str, float]:
    """Where tested → the model's KL to the truth, of one training."""
    return {
        row["where"]: float(row["model"])
        for row in rows("diversity")
        if (row["chains"], row["seed"]) == (str(chains), str(seed))
    }


def counts_from() -> int | None:
    """The fewest chains from which on the model, on new chains, is nearer to the reader that counts
    than to the one that knows its chains by heart; None if it never is to the end."""
    new = diversity()["new chains"]
    nearer = {
        n: abs(share[0] - new["counting"][n][0]) < abs(share[0] - new["by heart"][n][0])
        for n, share in new["model"].items()
    }
    first = None
    for n in sorted(nearer, reverse=True):
        if not nearer[n]:
            break
        first = n
    return first
