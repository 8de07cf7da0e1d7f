"""The figures of lesson 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from minigpt.calibration import reliability
from minigpt.intervals import Interval


def by_exposures(curves: Mapping[str, Mapping[str, Interval]], ylabel: str) -> Figure:
    """A line for each measure over the groups of questions, with intervals."""
    fig, ax = plt.subplots(figsize=(10, 5))
    groups = list(dict.fromkeys(group for curve in curves.values() for group in curve))
    for (name, curve), color, style in zip(
        curves.items(), PALETTE, ("o-", "s--", "^:"), strict=False
    ):
        places = [groups.index(group) for group in curve]
        mean, low, high = ([100 * curve[g][part] for g in curve] for part in range(3))
        ax.plot(places, mean, style, color=color, label=name)
        ax.fill_between(places, low, high, color=color, alpha=0.2)
    ax.set_xticks(range(len(groups)), groups, rotation=20)
    ax.set(xlabel="documents that tell the fact", ylabel=ylabel, ylim=(-3, 104))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def guesses(said: Mapping[str, float], told: Mapping[str, float]) -> Figure:
    """What the model says of people who do not exist, beside how often the text tells it."""
    names = sorted(told, key=lambda name: -told[name])
    fig, ax = plt.subplots(figsize=(11, 4.4))
    places = np.arange(len(names))
    ax.bar(places - 0.2, [100 * said.get(n, 0) for n in names], 0.4, color=COLORS["vermillion"],
           label="said of nobody")  # fmt: skip
    ax.bar(places + 0.2, [100 * told[n] for n in names], 0.4, color=COLORS["sky"],
           label="told of people")  # fmt: skip
    ax.set_xticks(places, names, rotation=60, ha="right")
    ax.set(ylabel="share (%)")
    ax.grid(axis="x", visible=False)
    ax.legend()
    return fig


def calibration(confidence: Sequence[float], right: Sequence[int], title: str) -> Figure:
    """Share right over confidence in ten bins; the diagonal is a model that knows its chances."""
    fig, ax = plt.subplots(figsize=(6, 5.4))
    bins = reliability(confidence, right)
    ax.plot([0, 100], [0, 100], color=COLORS["black"], linewidth=1)
    ax.scatter(
        [100 * b.confidence for b in bins], [100 * b.accuracy for b in bins],
        s=[20 + 300 * b.n / len(right) for b in bins], color=COLORS["blue"],
    )  # fmt: skip
    ax.set(xlabel="confidence (%)", ylabel="right (%)", title=title)
    ax.set(xlim=(-3, 103), ylim=(-3, 103))
    return fig


def frequency(curves: Mapping[float, Mapping[str, Interval]]) -> Figure:
    """Error of the GPT and of a table over the missing mass, a point for each exponent."""
    fig, ax = plt.subplots(figsize=(8.5, 5.2))
    for name, label, color, marker in (
        ("gpt_all", "GPT", COLORS["blue"], "o"),
        ("table_all", "table of what was read", COLORS["orange"], "s"),
    ):
        x = [100 * curve["missing_mass"][0] for curve in curves.values()]
        mean, low, high = (
            [100 * curve[name][part] for curve in curves.values()] for part in range(3)
        )
        ax.errorbar(x, mean, [np.subtract(mean, low), np.subtract(high, mean)], fmt=marker,
                    color=color, capsize=4, label=label)  # fmt: skip
    ax.plot([0, 100], [0, 100], color=COLORS["black"], linewidth=1, label="error = missing mass")
    ax.set(xlabel="missing mass: asked, and never read (%)", ylabel="error (%)")
    ax.set(xlim=(0, 100), ylim=(0, 103))
    ax.legend(loc="lower right")
    return fig
