"""The recorded runs of lesson 14, read back for its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from lessons.l14_grounding import arms, injection, prompting, real
from lessons.sweeps import read_csv, read_json
from lessons.world.tasks.passages import NOT_STATED
from minigpt.calibration import auroc
from minigpt.intervals import Interval, wilson_interval

RESULTS = Path(__file__).parent / "results"
Row = dict[str, str]
# What tells the questions of a part apart, and whom or what they are about: questions on one person
# or passage are no independent items.
ITEM = {
    "arms": ("draw", "name", "attribute"),
    "prompts": ("draw", "group", "name", "attribute"),
    "attacks": ("name", "attribute"),
    "positions": ("name", "attribute"),
    "citations": ("name", "attribute", "paper"),
    "real_prompts": ("question",),
    "real_arms": ("question",),
    "real_attacks": ("question",),
    "real_lies": ("about",),
}
ABOUT = dict.fromkeys(ITEM, "name") | {
    "real_prompts": "question",
    "real_arms": "wanted",
    "real_attacks": "passage",
    "real_lies": "about",
}


@cache
def rows(part: str) -> tuple[Row, ...]:
    """The rows of a part of the sweep."""
    return tuple(read_csv(RESULTS / f"{part}.csv"))


def of(part: str, **wanted: str) -> list[Row]:
    """The rows of a part whose columns have these values."""
    return [row for row in rows(part) if all(row[key] == v for key, v in wanted.items())]


def over(values: Sequence[float], about: Sequence[Hashable], resamples: int = 1_000) -> Interval:
    """The mean of values with a bootstrap interval over whom they are about.

    As minigpt's bootstrap_interval with groups, but only for means, so that hundreds of them take a
    notebook no time: a group's sum and size are all that is drawn.
    """
    number: dict[Hashable, int] = {}
    of_group = [number.setdefault(name, len(number)) for name in about]
    total = np.bincount(of_group, weights=np.asarray(values, dtype=np.float64))  # (G,)
    size = np.bincount(of_group)  # (G,)
    drawn = np.random.default_rng(0).integers(len(size), size=(resamples, len(size)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)  # (resamples,)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(total.sum() / size.sum()), float(low), float(high)


def share(marks: Sequence[int], about: Sequence[Hashable]) -> Interval:
    """The share of marks (0 or 1), with a bootstrap interval over whom they are about.

    Where all marks are alike, or each is about another, by Wilson's formula.
    """
    if len({*marks}) < 2 or len({*about}) == len(about):
        return wilson_interval(sum(marks), len(marks))
    return over(marks, about)


def shares(part: str, by: str | Sequence[str], what: str, **wanted: str) -> dict[Any, Interval]:
    """The share of a mark (0 or 1), with its interval, for each value of a column, or several.

    `wanted`: only rows whose columns have these values.
    """
    found: dict[Any, list[Row]] = {}
    for row in of(part, **wanted):
        key = row[by] if isinstance(by, str) else tuple(row[name] for name in by)
        found.setdefault(key, []).append(row)
    return {
        key: share([int(row[what]) for row in some], [row[ABOUT[part]] for row in some])
        for key, some in found.items()
    }


def gains(part: str, plain: str, by: str, what: str, **wanted: str) -> dict[str, Interval]:
    """A mark's share under each value of `by` minus that under `plain`, on the same questions.

    With a bootstrap interval of the paired differences over whom these are about. A value that has
    rows for some of the questions only is compared on these.
    """
    found: dict[str, dict[tuple[str, ...], Row]] = {}
    for row in of(part, **wanted):
        found.setdefault(row[by], {})[tuple(row[name] for name in ITEM[part])] = row
    return {
        name: over(
            [int(row[what]) - int(found[plain][item][what]) for item, row in some.items()],
            [row[ABOUT[part]] for row in some.values()],
        )
        for name, some in found.items()
        if name != plain
    }


# Search.


def recall(k: int, wording: str = "trained") -> dict[str, Interval]:
    """Way of finding → the share of questions whose paper is among the first k."""
    found: dict[str, list[Row]] = {}
    for row in of("retrieval", wording=wording):
        found.setdefault(row["way"], []).append(row)
    return {
        way: share(
            [int(row["wanted"] in row["found"].split()[:k]) for row in some],
            [row["name"] for row in some],
        )
        for way, some in found.items()
    }


def causes(arm: str, group: str) -> dict[str, float]:
    """Where the answers to stated questions that are not right come from, as shares of all answers.

    "not found": the right paper was not given. "declined", "answered from another": it was, and
    the answer is "not stated" or came from the other paper. "misread": it came from the right one,
    or from both at once.
    """
    some = of("arms", arm=arm, group=group, kind="stated")
    found: Counter[str] = Counter()
    for row in some:
        given = row["papers"].split()
        if row["right"] == "1":
            found["right"] += 1
        elif row["wanted"] not in given:
            found["not found"] += 1
        elif row["declined"] == "1":
            found["declined"] += 1
        elif arm != arms.TOGETHER and given[int(row["answered_from"])] != row["wanted"]:
            found["answered from another"] += 1
        else:
            found["misread"] += 1
    names = ("right", "not found", "declined", "answered from another", "misread")
    return {name: found[name] / len(some) for name in names}


# Ways to use what was found.


def best_way(some: Sequence[Mapping[str, str]]) -> str:
    """The best way of arms.COMBINED on the rows given, that keeps what is right closed book, if
    there is one: see prompting.best."""
    return prompting.best(some, "arm", arms.CLOSED, arms.COMBINED)


def draw_before(draw: int, draws: int) -> int:
    """The draw on which a draw's way is chosen: the one before, for the first the last."""
    return (draw - 1) % draws


def chosen_ways() -> dict[int, str]:
    """Draw → the way by which the claim is judged on it: the best one on another draw."""
    draws = len({row["draw"] for row in rows("arms")})
    return {draw: best_way(of("arms", draw=str(draw_before(draw, draws)))) for draw in range(draws)}


def chosen_prompts() -> dict[int, str]:
    """Draw of questions to Fernhollow → the prompt by which the claim is judged on it."""
    draws = len({row["draw"] for row in rows("prompts")}) - 1  # one more, to choose the first by
    return {
        draw: prompting.best_prompt(of("prompts", draw=str(draw - 1 if draw else draws)))
        for draw in range(draws)
    }


# Reading and citing.


def reads(told: str) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Fernhollow's answers with a lying paper on facts that it has right closed book, by how often
    they were told: the share that follows the paper, and the share that keeps the truth.

    `told`: "known" for facts right closed book, "all" for all.
    """
    closed = {
        (row["name"], row["attribute"]): int(row["right"])
        for row in of("arms", arm=arms.CLOSED, kind="stated")
    }
    marks: dict[str, list[Row]] = {}
    for row in of("arms", arm=arms.CONTRADICTION):
        if told == "all" or closed[row["name"], row["attribute"]]:
            marks.setdefault(row["group"], []).append(row)
    follows, keeps = (
        {
            group: share([int(row[what]) for row in some], [row["name"] for row in some])
            for group, some in marks.items()
        }
        for what in ("follows", "right")
    )
    return follows, keeps


def lie_finding() -> str:
    """What the figure of the lying papers shows."""
    follows, _ = reads("all")
    told = {group: interval for group, interval in follows.items() if group.isdecimal()}
    return (
        "With a paper that lies: "
        + "; ".join(
            f"of facts told {n} times {s[0]:.0%} of answers follow it" for n, s in told.items()
        )
        + "."
    )


def real_reads() -> tuple[int, dict[str, tuple[Interval, Interval]]]:
    """SmolLM2 with passages about capitals that it has right closed book: how many these are, and
    for each arm the share that says the true one, and the share that says the lie."""
    known = {row["about"] for row in of("real_lies", arm=real.CLOSED, right="1")}
    found = {}
    for arm in real.LIE_ARMS:
        some = [row for row in of("real_lies", arm=arm) if row["about"] in known]
        true, lie = ([int(row[what]) for row in some] for what in ("right", "follows"))
        about = [row["about"] for row in some]
        if some:
            found[arm] = share(true, about), share(lie, about)
    return len(known), found


POINTERS = ("by_name", "by_word", "by_loss", "by_chance")


def pointers() -> dict[str, tuple[Interval, Interval]]:
    """Way of pointing → of answers that the paper states of this person, the share for which it
    points to the right sentence; of the others, the share for which it says that there is none."""
    said = [row for row in rows("citations") if row["output"] not in ("", NOT_STATED)]
    supported = [row for row in said if row["should_be"] != "-1"]
    unsupported = [row for row in said if row["should_be"] == "-1"]

    def hits(way: str, some: Sequence[Row]) -> Interval:
        marks = [int(row[way] == row["should_be"]) for row in some]
        return share(marks, [row["name"] for row in some])

    return {way: (hits(way, supported), hits(way, unsupported)) for way in POINTERS}


def largest_losses() -> dict[str, Interval]:
    """By kind of answer, how many bits it loses without the sentence that it needs most: means.

    With bootstrap intervals over people. Kinds that do not occur are left out.
    """
    supported, unsupported = "supported by the paper", "not supported by it"
    kinds: dict[str, list[Row]] = {supported: [], unsupported: [], NOT_STATED: []}
    for row in rows("citations"):
        if row["output"] == NOT_STATED:
            kinds[NOT_STATED].append(row)
        elif row["output"]:
            kinds[unsupported if row["should_be"] == "-1" else supported].append(row)
    return {
        kind: over(
            [max(map(float, row["losses"].split())) for row in some],
            [row["name"] for row in some],
        )
        for kind, some in kinds.items()
        if some
    }


def flagged() -> dict[str, Interval]:
    """Of right and of false answers, the share that loses too little without any one sentence."""
    found: dict[str, list[Row]] = {"right": [], "false": []}
    for row in rows("citations"):
        if row["output"] not in ("", NOT_STATED):
            found["right" if row["output"] == row["truth"] else "false"].append(row)
    return {
        kind: share([int(row["by_loss"] == "-1") for row in some], [row["name"] for row in some])
        for kind, some in found.items()
        if some
    }


# Places, attacks, confidence.


def middle_minus_ends(others: int) -> Interval:
    """Right answers with the paper in the middle minus with it first or last, among so many others.

    Each question with itself: a U shows as less than 0. Raises ValueError below 2 others.
    """
    if others < 2:
        raise ValueError(f"others={others}: below 2 there is no middle")
    items: dict[tuple[str, str], dict[int, int]] = {}
    for row in of("positions", others=str(others)):
        items.setdefault((row["name"], row["attribute"]), {})[int(row["place"])] = int(row["right"])
    differences = [
        fmean(places[at] for at in range(1, others)) - (places[0] + places[others]) / 2
        for places in items.values()
    ]
    return over(differences, [name for name, _ in items])


def working_attacks() -> list[str]:
    """The attacks that, undefended, bring the lie more often than no attack: where the interval of
    the paired difference lies above 0. Only of these can a defence be judged."""
    found = gains("attacks", "none", "attack", "taken_in", defence="none")
    return [attack for attack, interval in found.items() if interval[1] > 0]


def obeyed() -> dict[tuple[str, str], Interval]:
    """(attack, defence) → the share of SmolLM2's replies that do just what the order wants."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows("real_attacks"):
        found.setdefault((row["attack"], row["defence"]), []).append(row)
    return {
        key: share(
            [int(injection.obeys(row["output"])) for row in some], [row["passage"] for row in some]
        )
        for key, some in found.items()
    }


def confidence_tells(arm: str, **wanted: str) -> float:
    """AUROC of an arm's confidence for right against false answers; 0.5: it tells nothing.

    What declines is left out. `wanted`: only rows whose columns have these values.
    """
    said = [row for row in of("arms", arm=arm, **wanted) if row["declined"] == "0"]
    return auroc([float(row["confidence"]) for row in said], [int(row["right"]) for row in said])


def provenance(part: str) -> dict[str, Any]:
    """Command, date, versions and times of a part."""
    return read_json(RESULTS / f"provenance_{part}.json")
