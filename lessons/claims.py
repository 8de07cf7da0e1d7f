"""Claims: the rules that decide them, the recorded figures, and the verdict computed from both."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lessons.course import ROOT, Lesson, read_course
from lessons.models import digest

Verdict = Literal["holds", "partly", "fails", "open", "not yet measured"]
Figures = dict[str, list[float]]
"""Name of a figure -> its replicates, one number a seed."""


@dataclass(frozen=True)
class Interval:
    """Mean of a figure with both ends of its interval, from `n` replicates."""

    mean: float
    lower: float
    upper: float
    n: int

    def __str__(self) -> str:
        if self.n == 1:
            return f"{self.mean:.4g}"
        return f"{self.mean:.3f} [{self.lower:.3f}, {self.upper:.3f}]"


@dataclass(frozen=True)
class Condition:
    """One comparison of a figure with a threshold; see the head of rules.toml."""

    figure: str
    bound: Literal["lower", "mean", "upper"]
    op: Literal["<", ">"]
    threshold: float
    needed_for: Literal["partly", "holds"]
    why: str

    def decides(self, interval: Interval) -> float:
        """The end of `interval` that this condition looks at."""
        return float(getattr(interval, self.bound))

    def met(self, interval: Interval) -> bool:
        value = self.decides(interval)
        return value < self.threshold if self.op == "<" else value > self.threshold

    def __str__(self) -> str:
        return f"{self.figure} ({self.bound}) {self.op} {self.threshold:g}"


@dataclass(frozen=True)
class Claim:
    """One claim with its rule. `open` says why no experiment at this scale could decide it."""

    id: str
    lesson: str
    claim: str
    measure: str
    combine: str
    open: str
    conditions: tuple[Condition, ...]
    sha256: str


def rule_hash(table: dict[str, Any]) -> str:
    """SHA-256 of a claim's table in rules.toml, whatever its layout and comments."""
    canonical = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def read_rules(root: Path = ROOT) -> dict[str, Claim]:
    """Every claim of `root`/lessons/rules.toml by id, in the order of the file.

    Raises ValueError that names the claim when a table has a missing, unknown or impossible field.
    """
    text = (root / "lessons" / "rules.toml").read_text(encoding="utf-8")
    return {name: _claim(name, table) for name, table in tomllib.loads(text)["claims"].items()}


def _claim(name: str, table: dict[str, Any]) -> Claim:
    needed, optional = {"lesson", "claim", "measure"}, {"combine", "open", "condition"}
    if not needed <= set(table) <= needed | optional:
        raise ValueError(
            f"rules.toml, claim {name!r}: came {sorted(table)}; "
            f"needed {sorted(needed)}, allowed beside them {sorted(optional)}"
        )
    conditions = tuple(_condition(name, entry) for entry in table.get("condition", []))
    if conditions and not table.get("combine"):
        raise ValueError(f"rules.toml, claim {name!r}: say in `combine` how seeds are combined")
    return Claim(
        id=name,
        lesson=table["lesson"],
        claim=table["claim"],
        measure=table["measure"],
        combine=table.get("combine", ""),
        open=table.get("open", ""),
        conditions=conditions,
        sha256=rule_hash(table),
    )


def _condition(name: str, entry: dict[str, Any]) -> Condition:
    allowed = {
        "bound": ("lower", "mean", "upper"),
        "op": ("<", ">"),
        "needed_for": ("partly", "holds"),
    }
    if set(entry) != {"figure", "threshold", "why", *allowed}:
        raise ValueError(
            f"rules.toml, claim {name!r}: a condition came with {sorted(entry)}; "
            f"it needs {sorted({'figure', 'threshold', 'why', *allowed})}"
        )
    for field, values in allowed.items():
        if entry[field] not in values:
            raise ValueError(
                f"rules.toml, claim {name!r}: {field} = {entry[field]!r}; allowed are {values}"
            )
    return Condition(**{**entry, "threshold": float(entry["threshold"])})


def intervals(figures: Figures) -> dict[str, Interval]:
    """Mean and 95 % t interval of each figure; one replicate has no interval, all ends equal it.

    Raises ValueError that names the figure when a replicate is missing or not finite.
    """
    from minigpt.intervals import mean_interval  # here, because it brings torch along

    result = {}
    for name, values in figures.items():
        if not values or not all(math.isfinite(value) for value in values):
            raise ValueError(
                f"figure {name!r} needs at least one number, all finite; came {values}; "
                "run the sweep again"
            )
        mean, lower, upper = mean_interval(values, level=0.95)
        result[name] = Interval(float(mean), float(lower), float(upper), len(values))
    return result


def verdict(claim: Claim, measured: dict[str, Interval]) -> Verdict:
    """The verdict of `claim` on measured figures. Pure: the same input gives the same word.

    open              the rule says that it cannot be decided here
    not yet measured  the rule has no condition, or none of its figures was measured
    fails             a condition needed for "partly" is not met
    partly            those are met, but one needed for "holds" is not
    holds             all are met

    Raises ValueError when only some of the rule's figures were measured.
    """
    if claim.open:
        return "open"
    missing = [c.figure for c in claim.conditions if c.figure not in measured]
    if len(missing) == len(claim.conditions):
        return "not yet measured"
    if missing:
        raise ValueError(
            f"claim {claim.id!r}: its rule needs the figures {missing}, "
            f"measured were {sorted(measured)}; record them or change the rule"
        )
    unmet = {c.needed_for for c in claim.conditions if not c.met(measured[c.figure])}
    if "partly" in unmet:
        return "fails"
    return "partly" if "holds" in unmet else "holds"


@dataclass(frozen=True)
class VerdictTable:
    """A verdict with the table that explains it; prints as Markdown and displays as a table."""

    claim: Claim
    verdict: Verdict
    measured: dict[str, Interval]

    @property
    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Figure, mean [interval], condition, met or not, needed for: one row a condition."""
        rows = []
        for c in self.claim.conditions:
            interval = self.measured.get(c.figure)
            shown = "not measured" if interval is None else str(interval)
            met = "no" if interval is None or not c.met(interval) else "yes"
            rows.append(
                (c.figure, shown, f"{c.bound} {c.op} {c.threshold:g}", met, f"“{c.needed_for}”")
            )
        return rows

    @property
    def markdown(self) -> str:
        head = ["figure", "mean [95 % interval]", "condition", "met", "needed for"]
        lines = [f"**“{self.claim.claim}”: {self.verdict}**", ""]
        if self.claim.open:
            return "\n".join([*lines, self.claim.open])
        lines += [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join(lines)

    def __str__(self) -> str:
        lines = [f"{self.claim.claim}: {self.verdict}"]
        for figure, shown, condition, met, needed_for in self.rows:
            mark = "✓" if met == "yes" else "✗"
            lines.append(f"  {mark} {figure:28s} {shown:26s} {condition:16s} for {needed_for}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return self.markdown


def verdict_table(claim_id: str, figures: Figures, root: Path = ROOT) -> VerdictTable:
    """The verdict on `figures`, by the same rule and the same code as the ledger.

    Raises ValueError for an unknown claim and for incomplete or non-finite figures.
    """
    rules = read_rules(root)
    if claim_id not in rules:
        raise ValueError(f"no claim is called {claim_id!r}; rules.toml has {', '.join(rules)}")
    measured = intervals(figures)
    claim = rules[claim_id]
    return VerdictTable(claim, verdict(claim, measured), measured)


def read_figures(lesson: Lesson | str, root: Path = ROOT) -> dict[str, Figures]:
    """The recorded figures of a lesson by claim; empty when nothing was recorded.

    `lesson` is a Lesson or its slug. Replicates come in the order of their rows in figures.csv.
    Raises ValueError when the file has other columns or a value that is no number.
    """
    folder = lesson.folder if isinstance(lesson, Lesson) else root / "lessons" / lesson
    path = folder / "results" / "figures.csv"
    recorded: dict[str, Figures] = {}
    if not path.is_file():
        return recorded
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = ["claim", "figure", "seed", "value"]
        if reader.fieldnames != columns:
            raise ValueError(f"{path.name} has columns {reader.fieldnames}, needed are {columns}")
        for row in reader:
            try:
                value = float(row["value"])
            except (TypeError, ValueError):
                raise ValueError(
                    f"{path.name}, line {reader.line_num}: {row['value']!r} is no number"
                ) from None
            recorded.setdefault(row["claim"], {}).setdefault(row["figure"], []).append(value)
    return recorded


def _other_models(lesson: Lesson) -> list[str]:
    """One sentence for each record of a course model whose weights are now others."""
    problems = []
    for file in sorted(lesson.results.glob("provenance*.json")):
        origin = json.loads(file.read_text(encoding="utf-8"))
        for name, sha256 in origin.get("models", {}).items():
            if sha256 != digest(name):
                problems.append(
                    f"lesson {lesson.no}: {file.name} tells of another {name} than the one that is "
                    f"shipped; run: {origin['command']}"
                )
    return problems


def stale_results(root: Path = ROOT) -> list[str]:
    """One sentence for each record not measured under its present rule, or not on its model."""
    problems = []
    rules = read_rules(root)
    for lesson in read_course(root):
        problems += _other_models(lesson)
        recorded = read_figures(lesson)
        if not recorded:
            continue
        remedy = f"run: python -m lessons sweep {lesson.no}"
        provenance = lesson.results / "provenance.json"
        if not provenance.is_file():
            problems.append(f"lesson {lesson.no}: results without provenance.json; {remedy}")
            continue
        stored = json.loads(provenance.read_text(encoding="utf-8")).get("rules", {})
        for name in recorded:
            if name not in rules or rules[name].lesson != lesson.no:
                problems.append(f"lesson {lesson.no}: rules.toml gives it no claim {name!r}")
            elif stored.get(name) != rules[name].sha256:
                problems.append(
                    f"lesson {lesson.no}: the rule of {name!r} is not the one its results were "
                    f"recorded under; restore the rule, or {remedy}"
                )
    return problems
