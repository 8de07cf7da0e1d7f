"""The recorded runs of lesson 13, read back: every figure is computed from rows of single items."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from lessons.l13_hallucination import abstain, frequency, records, wording
from lessons.sweeps import read_csv, read_json
from lessons.world.plan import LEVELS, PLANS
from lessons.world.truth import ATTRIBUTES
from minigpt.calibration import auroc, expected_calibration_error
from minigpt.intervals import Interval, bootstrap_interval, mean_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"
Row = dict[str, str]


@cache
def _rows(name: str) -> tuple[Row, ...]:
    return tuple(read_csv(RESULTS / f"{name}.csv"))


def rows(name: str) -> list[Row]:
    """The rows of results/<name>.csv, every value as text."""
    return [dict(row) for row in _rows(name)]


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of a part's run ("": of the claim's figures)."""
    return read_json(RESULTS / f"provenance{'_' if part else ''}{part}.json")


def _grouped(some: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """Rows by the value of a column, or by the values of several, in their order of coming."""
    found: dict[Any, list[Row]] = {}
    for row in some:
        key = row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)
        found.setdefault(key, []).append(row)
    return found


def _mean(some: Sequence[Row], name: str) -> float:
    return fmean(float(row[name]) for row in some)


def share_interval(values: Sequence[float]) -> Interval:
    """Mean of shares with a t interval, cut off at 0 and 1, beyond which no share can lie."""
    mean, low, high = mean_interval(values)
    return mean, max(low, 0.0), min(high, 1.0)


def percent(interval: Interval, spec: str = "3.0f") -> str:
    """ "94 [85, 100]": an interval of shares in percent, each number by `spec`."""
    mean, low, high = (format(100 * value, spec) for value in interval)
    return f"{mean} [{low.strip()}, {high.strip()}]"


def is_false(row: Row) -> bool:
    """Whether a row states a value that is not the truth."""
    return row["stated"] == "1" and row["right"] == "0"


# Answers of the main model.


def answers() -> list[Row]:
    """A row for each question: prompt, truth, output, confidence, marks, documents that say so."""
    return rows("answers")


def levels() -> list[Row]:
    """Those about facts told 0 to 64 times, of people who are never asked about in training."""
    return [row for row in answers() if row["group"].isdecimal()]


def row_of(prompt: str) -> Row:
    """The recorded row of one question. Raises ValueError if it was not asked."""
    for row in answers():
        if row["prompt"] == prompt:
            return row
    raise ValueError(f"not among the recorded questions: {prompt!r}")


def by_group(what: str, only: str = "") -> dict[str, Interval]:
    """Group → mean of a column over the disjoint parts, with a t interval.

    `only`: "false" or "right", of rows that are; groups with none in some part are left out.
    """
    keep: dict[str, Callable[[Row], bool]] = {
        "": lambda row: True,
        "false": is_false,
        "right": lambda row: row["right"] == "1",
    }
    found = _grouped([row for row in answers() if keep[only](row)], "group", "part")
    result = {}
    for group in records.GROUPS:
        parts = [_mean(some, what) for (name, _), some in found.items() if name == group]
        if len(parts) == records.PARTS:
            result[group] = share_interval(parts)
    return result


def exposure_finding() -> str:
    """What the figure of the groups shows."""
    right, stated, sure = (by_group(name) for name in ("right", "stated", "confidence"))
    nobody, least, most = records.NOBODY, str(LEVELS[1]), str(LEVELS[-1])
    return (
        f"From facts told {least} time to facts told {most} times the share right goes from "
        f"{right[least][0]:.0%} to {right[most][0]:.0%} and the mean confidence from "
        f"{sure[least][0]:.0%} to {sure[most][0]:.0%}; a value is stated in {stated[least][0]:.0%} "
        f"and {stated[most][0]:.0%}, and about people who do not exist in {stated[nobody][0]:.0%}, "
        f"with a mean confidence of {sure[nobody][0]:.0%}."
    )


def _auroc_interval(sure: Sequence[float], right: Sequence[int], resamples: int = 500) -> Interval:
    """AUROC with a bootstrap over right and wrong answers apart; nan where one kind is missing."""
    good = np.array([c for c, r in zip(sure, right, strict=True) if r])
    bad = np.array([c for c, r in zip(sure, right, strict=True) if not r])
    if not len(good) or not len(bad):
        return math.nan, math.nan, math.nan
    above = (good[:, None] > bad) + 0.5 * (good[:, None] == bad)  # (right, wrong)
    random = np.random.default_rng(0)
    drawn = [
        random.multinomial(len(good), np.full(len(good), 1 / len(good)))
        @ above
        @ random.multinomial(len(bad), np.full(len(bad), 1 / len(bad)))
        for _ in range(resamples)
    ]
    low, high = np.quantile(np.array(drawn) / above.size, [0.025, 0.975])
    return auroc(sure, right), float(low), float(high)


def calibration_table(some: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Group → n, share right, mean confidence, ECE and AUROC (with its interval)."""
    table = {}
    for group, mine in _grouped(some, "group").items():
        sure = [float(row["confidence"]) for row in mine]
        right = [int(row["right"]) for row in mine]
        table[group] = {
            "n": len(mine),
            "right": fmean(right),
            "confidence": fmean(sure),
            "ece": expected_calibration_error(sure, right),
            "auroc": _auroc_interval(sure, right),
        }
    return table


def text() -> dict[str, Row]:
    """Name → what the whole training text holds: documents that name them, and the surname."""
    return {row["name"]: row for row in rows("text")}


def unsupported() -> dict[str, tuple[int, int, int]]:
    """Group → false statements, how many of them no document makes, and in all how many answers."""
    return {
        group: (
            sum(map(is_false, some)),
            sum(is_false(row) and row["said_in"] == "0" for row in some),
            len(some),
        )
        for group, some in _grouped(answers(), "group").items()
    }


# Guesses.


def guesses(group: str) -> dict[str, list[list[float]]]:
    """Attribute → for each person asked about, the probability of every value (whole answers)."""
    return {
        attribute: [[float(p) for p in row["p"].split()] for row in some]
        for (name, attribute), some in _grouped(rows("guesses"), "group", "attribute").items()
        if name == group
    }


def guess_table(group: str) -> dict[str, dict[str, float]]:
    """Attribute → how sure single guesses are, and how far their mean is from the text.

    `kind`: probability on values of the right kind. `top`: of the likeliest, among these.
    `choices`: between how many equally likely values it hesitates (exp of the entropy). `apart`:
    total variation of the mean guess and what the text tells. `chance`: the same where each
    person's probabilities are dealt out to the values anew, on the average: guesses as sure, that
    follow nothing.
    """
    table = {}
    for attribute, found in guesses(group).items():
        p = np.array(found)  # (people, values)
        kind = p.sum(1)
        p = p / kind[:, None]
        told = np.array([*records.population(attribute, PLANS["fernhollow"]).values()])
        random = np.random.default_rng(0)
        dealt = [random.permuted(p, axis=1).mean(0) for _ in range(50)]
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1)
        table[attribute] = {
            "n": len(p),
            "kind": float(kind.mean()),
            "top": float(p.max(1).mean()),
            "even": 1 / len(told),
            "choices": float(np.exp(entropy).mean()),
            "apart": float(abs(p.mean(0) - told).sum() / 2),
            "chance": float(np.mean([abs(mean - told).sum() / 2 for mean in dealt])),
        }
    return table


def uneven_guesses() -> dict[str, list[tuple[float, float]]]:
    """World ("uneven", "even") → (share told, mean probability guessed) of each value and seed.

    Guessed of names that were never read.
    """
    found: dict[str, list[tuple[float, float]]] = {"uneven": [], "even": []}
    for row in rows("frequency_guesses"):
        world = "uneven" if int(row["uneven"]) else "even"
        found[world].append((float(row["told"]), float(row["guessed"])))
    return found


# Frequencies.


def frequency_runs() -> list[dict[str, float]]:
    """One dict for each run: exponent, seed, missing mass, singleton rate, and the errors.

    Of the "gpt", the "ngram" and the "table": `gpt` (greedy answers), `gpt_never`, `gpt_once`,
    `gpt_often` (facts read so often), `gpt_sampled`; `delta` is the GPT's miscalibration at the
    theorem's threshold, `bound` what the theorem leaves: the rate - slack - delta.
    """
    runs = []
    items = _grouped(rows("frequency"), "exponent", "seed")
    slack = frequency.slack(frequency.TEXTS)
    for world in rows("frequency_worlds"):
        some = items[world["exponent"], world["seed"]]
        run = {name: float(value) for name, value in world.items() if name != "seconds"}
        parts = {
            "": some,
            "_never": [row for row in some if int(row["exposures"]) == 0],
            "_once": [row for row in some if int(row["exposures"]) == 1],
            "_often": [row for row in some if int(row["exposures"]) >= 8],
        }
        for name in ("gpt", "ngram", "table"):
            for part, mine in parts.items():
                if mine:
                    run[name + part] = fmean(row[name] != row["truth"] for row in mine)
        for name in ("gpt", "ngram"):
            run[f"{name}_sampled"] = 1 - _mean(some, f"{name}_p_truth")
        limit = 1 / (frequency.VALUES - 1)
        above = fmean(float(row["gpt_p_truth"]) > limit for row in some)
        run["delta"] = abs(_mean(some, "gpt_p_above") - above)
        run["bound"] = run["singleton_rate"] - slack - run["delta"]
        runs.append(run)
    return runs


def frequencies() -> dict[float, dict[str, Interval]]:
    """Exponent → each figure of `frequency_runs`: mean and interval over seeds."""
    found: dict[float, dict[str, list[float]]] = {}
    for run in frequency_runs():
        columns = found.setdefault(run["exponent"], {})
        for name, value in run.items():
            columns.setdefault(name, []).append(value)
    return {
        exponent: {name: mean_interval(values) for name, values in columns.items()}
        for exponent, columns in found.items()
    }


def rank_correlation(one: str, other: str) -> float:
    """Spearman's correlation of two figures over all runs."""
    from scipy.stats import spearmanr

    runs = frequency_runs()
    return float(spearmanr([run[one] for run in runs], [run[other] for run in runs]).statistic)


def error_minus_missing() -> Interval:
    """Error of the GPT minus missing mass, greedy: mean over exponents, interval over seeds."""
    found: dict[float, list[float]] = {}
    for run in frequency_runs():
        found.setdefault(run["seed"], []).append(run["gpt"] - run["missing_mass"])
    return mean_interval([fmean(values) for values in found.values()])


# The twin.


def twin() -> dict[str, dict[str, list[Row]]]:
    """Model → group (of people, or of questions on a passage) → its rows."""
    found: dict[str, dict[str, list[Row]]] = {}
    for (model, group), some in _grouped(rows("twin"), "model", "group").items():
        found.setdefault(model, {})[group] = some
    return found


def log_not_stated(some: Sequence[Row]) -> Interval:
    """Mean of log10 P("not stated") over questions, with a bootstrap interval over them."""
    return bootstrap_interval([float(row["log10_not_stated"]) for row in some], resamples=500)


def controls() -> dict[str, dict[str, Interval]]:
    """Phrase that says nothing of declining → model → mean log10 of its probability, as above.

    After questions about people who do not exist.
    """
    found: dict[str, dict[str, Interval]] = {}
    for (model, phrase), some in _grouped(rows("twin_controls"), "model", "phrase").items():
        values = [float(row["log10"]) for row in some]
        found.setdefault(phrase, {})[model] = bootstrap_interval(values, resamples=500)
    return found


# Samples.


def temperatures() -> dict[str, dict[float, dict[str, Interval]]]:
    """Group → temperature → shares right, false and of something else among samples.

    "else": nothing that is a value of this kind. Bootstrap over questions, not over samples.
    """
    found: dict[str, dict[float, dict[str, Interval]]] = {}
    for (group, temperature), some in _grouped(rows("samples"), "group", "temperature").items():
        marks: dict[str, list[float]] = {"right": [], "false": [], "else": []}
        for row in some:
            said = row["samples"].split("|")
            right = fmean(each == row["truth"] != "" for each in said)
            value = fmean(each in _VALUES for each in said)
            for name, share in (("right", right), ("false", value - right), ("else", 1 - value)):
                marks[name].append(share)
        found.setdefault(group, {})[float(temperature)] = {
            name: bootstrap_interval(shares, resamples=500) for name, shares in marks.items()
        }
    return found


_VALUES = frozenset(value for values in ATTRIBUTES.values() for value in values)


def agreement(temperature: float = 1.0) -> list[dict[str, Any]]:
    """For each question: how many of its samples say the greedy answer, its confidence, and marks.

    So agreement and confidence are two numbers about one answer.
    """
    found = []
    for row in rows("samples"):
        if float(row["temperature"]) == temperature:
            said = row["samples"].split("|")
            found.append(
                {
                    "group": row["group"],
                    "prompt": row["prompt"],
                    "samples": said,
                    "agreement": said.count(row["output"]) / len(said),
                    "confidence": float(row["confidence"]),
                    "right": int(row["output"] == row["truth"] != ""),
                }
            )
    return found


# Arms.


def arms(steps: int = abstain.STEPS) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Arm → group → shares right, false and declined, one for each seed, after so many steps."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for (arm, at, group, _), some in _grouped(
        rows("arms"), "arm", "steps", "group", "seed"
    ).items():
        if arm == "before" or int(at) == steps:
            marks = found.setdefault(arm, {}).setdefault(group, {})
            marks.setdefault("right", []).append(_mean(some, "right"))
            marks.setdefault("false", []).append(fmean(map(is_false, some)))
            marks.setdefault("declined", []).append(_mean(some, "declined"))
    return found


def arm_difference(arm: str, group: str, mark: str, steps: int = abstain.STEPS) -> Interval:
    """An arm minus "known", paired by seed (the same questions): mean with a t interval."""
    shares = arms(steps)
    pairs = zip(shares[arm][group][mark], shares["known"][group][mark], strict=True)
    return mean_interval([mine - known for mine, known in pairs])


def arm_scores(t: float, steps: int = abstain.STEPS) -> dict[str, Interval]:
    """Arm → score over all groups in equal parts where a false answer costs t / (1 - t)."""
    result = {}
    for arm, groups in arms(steps).items():
        marks = [groups[group] for group in abstain.GROUPS]
        result[arm] = mean_interval(
            [
                fmean(abstain.score(m["right"][at], m["false"][at], t) for m in marks)
                for at in range(len(marks[0]["right"]))
            ]
        )
    return result


# One wording or several.


def wordings() -> dict[str, dict[str, list[float]]]:
    """Told in "one" wording or "several" → test → share right, one for each seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for (arm, test, _), some in _grouped(rows("wording"), "arm", "test", "seed").items():
        found.setdefault(arm, {}).setdefault(test, []).append(_mean(some, "right"))
    return found


def wording_conclusion() -> str:
    """What the two arms show, or that they show nothing."""
    shares = wordings()
    means = {
        arm: {test: fmean(values) for test, values in tests.items()}
        for arm, tests in shares.items()
    }
    if not wording.conclusive(means):
        return (
            f"no conclusion: not both arms reached {wording.LEARNT:.0%} of what they were asked in "
            f"training and of what they were told"
        )
    pairs = [*zip(shares["several"]["never asked"], shares["one"]["never asked"], strict=True)]
    mean, low, high = mean_interval([several - one for several, one in pairs])
    each = ", ".join(f"{100 * (several - one):+.1f}" for several, one in pairs)
    return (
        f"several wordings minus one, people never asked about: {100 * mean:+.1f} points "
        f"[{100 * low:+.1f}, {100 * high:+.1f}], paired by seed ({each})"
    )


# Before and after tuning.


def tuned() -> dict[str, dict[str, list[Row]]]:
    """Group → the model as it was, and the assistant that lesson 08 made of it → rows."""
    found: dict[str, dict[str, list[Row]]] = {}
    for (model, group), some in _grouped(rows("tuned"), "model", "group").items():
        found.setdefault(group, {})[model] = some
    return found


def answered(models: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """The rows of those questions that every model answers with a value of the kind asked for."""
    kept = [some for some in zip(*models.values(), strict=True) if all(r["value"] for r in some)]
    return {model: [some[at] for some in kept] for at, model in enumerate(models)}


def paired_change(before: Sequence[Row], after: Sequence[Row], what: str) -> Interval:
    """Change of "ece" or "auroc" on the same questions, with a bootstrap over them.

    Resamples with right or wrong answers alone give no AUROC, and are left out.
    """
    columns = [
        (
            np.array([float(r["confidence"]) for r in some]),
            np.array([int(r["right"]) for r in some]),
        )
        for some in (before, after)
    ]

    def change(at: Any) -> float:
        measured = []
        for sure, right in columns:
            if what == "auroc" and right[at].min() == right[at].max():
                return math.nan
            measure = auroc if what == "auroc" else expected_calibration_error
            measured.append(measure(sure[at], right[at]))
        return measured[1] - measured[0]

    random, n = np.random.default_rng(0), len(before)
    drawn = [change(random.integers(n, size=n)) for _ in range(200)]
    drawn = [value for value in drawn if not math.isnan(value)]
    if not drawn:
        return math.nan, math.nan, math.nan
    low, high = np.quantile(drawn, [0.025, 0.975])
    return change(np.arange(n)), float(low), float(high)


# SmolLM2.


def smol(way: str) -> dict[str, dict[str, Any]]:
    """Band → "right", "declined", "else" with Wilson's interval, mean confidences, and AUROC."""
    said: dict[str, dict[str, Any]] = {}
    for (asked, band), some in _grouped(rows("smol"), "way", "band").items():
        if asked != way:
            continue
        kinds = {
            "right": [row for row in some if row["right"] == "1"],
            "declined": [row for row in some if row["right"] == "0" and row["declined"] == "1"],
            "else": [row for row in some if row["right"] == "0" and row["declined"] == "0"],
        }
        said[band] = {kind: wilson_interval(len(mine), len(some)) for kind, mine in kinds.items()}
        for kind, mine in kinds.items():
            said[band][f"confidence {kind}"] = _mean(mine, "confidence") if mine else math.nan
        sure = [float(row["confidence"]) for row in some]
        said[band]["auroc"] = _auroc_interval(sure, [int(row["right"]) for row in some])
    return said


def sentence() -> list[Row]:
    """The tokens of a continuation, each with its probability, rank and the three likeliest."""
    return rows("sentence")
