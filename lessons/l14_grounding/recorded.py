"""The recorded runs of lesson 14, read back for its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lessons.l14_grounding.arms import CLOSED, CONTRADICTION
from lessons.sweeps import read_csv, read_json
from lessons.world.tasks.passages import NOT_STATED
from minigpt.intervals import Interval, paired_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"


def rows(part: str) -> list[dict[str, str]]:
    """The rows of a part of the sweep."""
    return read_csv(RESULTS / f"{part}.csv")


def shares(part: str, by: str | Sequence[str], what: str, **wanted: str) -> dict[Any, Interval]:
    """The share of a mark (0 or 1), with Wilson's interval, for each value of a column, or several.

    `wanted`: only rows whose columns have these values.
    """
    found: dict[Any, list[int]] = {}
    for row in rows(part):
        if all(row[key] == value for key, value in wanted.items()):
            key = row[by] if isinstance(by, str) else tuple(row[name] for name in by)
            found.setdefault(key, []).append(int(row[what]))
    return {key: wilson_interval(sum(marks), len(marks)) for key, marks in found.items()}


def recall(k: int, wording: str = "trained") -> dict[str, Interval]:
    """Way of finding → the share of questions whose paper is among the first k."""
    found: dict[str, list[bool]] = {}
    for row in rows("retrieval"):
        if row["wording"] == wording:
            found.setdefault(row["way"], []).append(row["wanted"] in row["found"].split()[:k])
    return {way: wilson_interval(sum(marks), len(marks)) for way, marks in found.items()}


def pointers() -> dict[str, Interval]:
    """Way of pointing → the share of answers for which it says what it should: the sentence that
    states the answer of this person, or none."""
    said = [row for row in rows("citations") if row["output"] not in ("", NOT_STATED)]
    return {
        way: wilson_interval(sum(row[way] == row["should_be"] for row in said), len(said))
        for way in ("by_name", "by_word", "by_loss", "by_chance")
    }


def gains(part: str, plain: str, by: str, what: str, **wanted: str) -> dict[str, Interval]:
    """A mark's share under each value of `by` minus that under `plain`, on the same questions.

    With a bootstrap interval over questions: each is compared with itself.
    """
    found: dict[str, list[int]] = {}
    for row in rows(part):
        if all(row[key] == value for key, value in wanted.items()):
            found.setdefault(row[by], []).append(int(row[what]))
    return {
        name: paired_interval(marks, found[plain]) for name, marks in found.items() if name != plain
    }


def reads(told: str) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Fernhollow's answers with a lying paper on facts that it has right closed book, by how often
    they were told: the share that follows the paper, and the share that keeps the truth.

    `told`: "known" for facts right closed book, "all" for all.
    """
    closed = {
        (row["name"], row["attribute"]): int(row["right"])
        for row in rows("arms")
        if row["arm"] == CLOSED and row["kind"] == "stated"
    }
    marks: dict[str, list[tuple[int, int]]] = {}
    for row in rows("arms"):
        known = closed.get((row["name"], row["attribute"]), 0)
        if row["arm"] == CONTRADICTION and (told == "all" or known):
            marks.setdefault(row["group"], []).append((int(row["follows"]), int(row["right"])))
    follows = {g: wilson_interval(sum(f for f, _ in m), len(m)) for g, m in marks.items()}
    keeps = {g: wilson_interval(sum(r for _, r in m), len(m)) for g, m in marks.items()}
    return follows, keeps


def provenance(part: str) -> dict[str, Any]:
    """Command, date, versions and times of a part."""
    return read_json(RESULTS / f"provenance_{part}.json")
