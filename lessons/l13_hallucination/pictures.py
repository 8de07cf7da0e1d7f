"""The figures of lesson 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from minigpt.calibration import reliability, risk_coverage
from minigpt.intervals import Interval

STYLES = ("o-", "s--", "^:")


def _percent(curve: Mapping[str, Interval], groups: Sequence[str]) -> list[list[float]]:
    """Means and both ends in percent, the ends within 0 and 100: three rows."""
    return [[min(max(100 * curve[g][part], 0), 100) for g in groups] for part in range(3)]


def by_exposures(curves: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Three measures: lines over 0 to 64 documents, and markers for the other groups of people."""
    if len(curves) > len(STYLES):
        raise ValueError(f"{len(curves)} curves came; there are {len(STYLES)} styles")
    every = list(dict.fromkeys(group for curve in curves.values() for group in curve))
    levels = [group for group in every if group.isdecimal()]
    others = [group for group in every if not group.isdecimal()]
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(12, 5), sharey=True, width_ratios=(8, 6), layout="constrained"
    )
    for at, (name, curve) in enumerate(curves.items()):
        color, style = PALETTE[at], STYLES[at]
        there = [group for group in levels if group in curve]
        places = [levels.index(group) for group in there]
        mean, low, high = _percent(curve, there)
        left.plot(places, mean, style, color=color, label=name)
        left.fill_between(places, low, high, color=color, alpha=0.2)
        there = [group for group in others if group in curve]
        mean, low, high = _percent(curve, there)
        right.errorbar(
            [others.index(group) + 0.18 * (at - 1) for group in there], mean,
            [np.subtract(mean, low), np.subtract(high, mean)],
            fmt=style[0], color=color, markersize=9, capsize=5,
        )  # fmt: skip
    left.set_xticks(range(len(levels)), levels)
    left.set(xlabel="documents that tell the fact", ylabel="%", ylim=(-3, 104))
    right.set_xticks(range(len(others)), others, rotation=30, ha="right")
    right.set(xlim=(-0.5, len(others) - 0.5))
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(curves))
    return fig


def guesses(found: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """What is guessed of names never read over what the text tells, a point for each value."""
    fig, ax = plt.subplots(figsize=(7, 5.6))
    for (name, pairs), color, marker in zip(
        found.items(), (COLORS["vermillion"], COLORS["sky"]), "o^", strict=True
    ):
        told, guessed = ([100 * pair[part] for pair in pairs] for part in (0, 1))
        ax.scatter(
            told, guessed, s=18, color=color, marker=marker, alpha=0.6, label=f"{name} world"
        )
    ends = (0.005, 30)
    ax.plot(ends, ends, color=COLORS["black"], linewidth=1, label="guessed as told")
    ax.set(xlabel="told of a value (% of the texts)", ylabel="guessed of it (%)")
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    ax.legend(loc="upper left")
    return fig


def calibration(
    confidence: Sequence[float],
    right: Sequence[int],
    title: str,
    marked: Mapping[str, float] | None = None,
) -> Figure:
    """Share right over confidence in ten bins; the diagonal is a calibrated model.

    `marked`: names and confidences of single answers, shown by lines.
    """
    fig, ax = plt.subplots(figsize=(6.4, 5.6))
    bins = reliability(confidence, right)
    ax.plot([0, 100], [0, 100], color=COLORS["black"], linewidth=1)
    ax.scatter(
        [100 * b.confidence for b in bins], [100 * b.accuracy for b in bins],
        s=[10 + 1500 * b.n / len(right) for b in bins], color=COLORS["blue"],
    )  # fmt: skip
    for (name, at), color in zip((marked or {}).items(), PALETTE[1:], strict=False):
        ax.axvline(100 * at, color=color, linestyle="--", label=name)
    ax.set(xlabel="confidence (%)", ylabel="right (%)", title=title)
    ax.set(xlim=(-3, 103), ylim=(-3, 103))
    if marked:
        ax.legend(loc="upper left")
    return fig


def _curve(ax: Axes, sure: Sequence[float], right: Sequence[int], label: str, style: str) -> None:
    coverage, risk = risk_coverage(sure, right)
    ax.plot(100 * coverage, 100 * risk, style, label=label)


def risk(scores: Mapping[str, Sequence[float]], right: Sequence[int]) -> Figure:
    """Errors among the answered over the part that is answered, for each score to sort by.

    With the best order (all right answers first) and the error of answering everything.
    """
    fig, ax = plt.subplots(figsize=(8.5, 5.2))
    for (name, score), style in zip(scores.items(), ("-", "--", ":"), strict=False):
        _curve(ax, score, right, name, style)
    n, error = len(right), 1 - sum(right) / len(right)
    x = np.arange(1, n + 1) / n
    ax.plot(100 * x, 100 * np.maximum(0, 1 - sum(right) / (n * x)), color=COLORS["green"],
            label="best order")  # fmt: skip
    ax.axhline(100 * error, color=COLORS["black"], linewidth=1, label="chance: any order")
    ax.set(xlabel="coverage: answered (%)", ylabel="risk: wrong among these (%)")
    ax.set(xlim=(0, 101), ylim=(-2, 103))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def frequency(curves: Mapping[float, Mapping[str, Interval]]) -> Figure:
    """Error minus missing mass over the missing mass, a point for each exponent.

    GPT, 4-gram model and table stand beside one another, a little apart.
    """
    fig, ax = plt.subplots(figsize=(8.5, 5.2))
    x = [100 * curve["missing_mass"][0] for curve in curves.values()]
    styles = (
        ("table", "table of what was read", COLORS["orange"], "s"),
        ("ngram", "4-gram model, greedy", COLORS["vermillion"], "x"),
        ("gpt", "GPT, greedy", COLORS["blue"], "o"),
        ("gpt_sampled", "GPT, sampled", COLORS["sky"], "^"),
    )
    for at, (name, label, color, marker) in enumerate(styles):
        mean, low, high = (
            [100 * curve[name][part] - x[n] for n, curve in enumerate(curves.values())]
            for part in range(3)
        )
        ax.errorbar(
            [place + 1.1 * (at - 1.5) for place in x], mean,
            [np.subtract(mean, low), np.subtract(high, mean)],
            fmt=marker, color=color, markersize=8, capsize=4, label=label,
        )  # fmt: skip
    ax.axhline(0, color=COLORS["black"], linewidth=1, label="error = missing mass")
    ax.set(xlabel="missing mass: asked, and never read (%)")
    ax.set(ylabel="error minus missing mass (points)", xlim=(0, 100))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def declining(found: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """log10 P("not stated") by group of questions, a row of markers for each model."""
    fig, ax = plt.subplots(figsize=(10, 5), layout="constrained")
    groups = list(dict.fromkeys(group for row in found.values() for group in row))
    for at, ((name, row), color) in enumerate(zip(found.items(), PALETTE, strict=False)):
        mean, low, high = ([row[group][part] for group in groups] for part in range(3))
        places = np.arange(len(groups)) + 0.15 * (at - 1)
        ax.errorbar(places, mean, [np.subtract(mean, low), np.subtract(high, mean)],
                    fmt="os^"[at], color=color, capsize=4, markersize=9, label=name)  # fmt: skip
    ax.set_xticks(range(len(groups)), groups, rotation=20, ha="right")
    ax.set(ylabel='log10 of P("not stated")', ylim=(None, 1))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig
