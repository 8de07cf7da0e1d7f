"""The figures of lesson 14."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from minigpt.intervals import Interval


def right_and_false(
    right: Mapping[str, Interval], false: Mapping[str, Interval], title: str = ""
) -> Figure:
    """For each name two bars that lie: share right, share false, with intervals."""
    fig, ax = plt.subplots(figsize=(9.5, 0.75 * len(right) + 1.6))
    places = np.arange(len(right))
    for offset, name, some, color, hatch in (
        (-0.2, "right", right, COLORS["blue"], ""),
        (0.2, "false", false, COLORS["vermillion"], "//"),
    ):
        mean, low, high = ([100 * some[key][part] for key in right] for part in range(3))
        ax.barh(
            places + offset, mean, 0.38, color=color, hatch=hatch, edgecolor="white", label=name,
            xerr=[np.subtract(mean, low), np.subtract(high, mean)], capsize=3,
        )  # fmt: skip
    ax.set_yticks(places, [*right])
    ax.invert_yaxis()
    ax.set(xlabel="share of questions (%)", xlim=(0, 104), title=title)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def over_exposures(curves: Mapping[str, Mapping[str, Interval]], ylabel: str) -> Figure:
    """A line for each arm over the groups of questions, with intervals."""
    fig, ax = plt.subplots(figsize=(9.5, 4.8))
    groups = list(dict.fromkeys(group for curve in curves.values() for group in curve))
    for (name, curve), color, style in zip(
        curves.items(), PALETTE, ("o-", "s--", "^:", "D-."), strict=False
    ):
        places = [groups.index(group) for group in curve]
        mean, low, high = ([100 * curve[g][part] for g in curve] for part in range(3))
        ax.plot(places, mean, style, color=color, label=name)
        ax.fill_between(places, low, high, color=color, alpha=0.2)
    ax.set_xticks(range(len(groups)), groups)
    ax.set(xlabel="documents of training that tell the fact", ylabel=ylabel, ylim=(-3, 104))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def places(right: Mapping[tuple[str, str], Interval]) -> Figure:
    """Share right by the place of the paper that answers, a line for each number of papers."""
    fig, ax = plt.subplots(figsize=(8, 4.6))
    for (others, color), style in zip(
        zip(sorted({o for o, _ in right}), PALETTE, strict=False), "osD^", strict=False
    ):
        mine = {place: r for (o, place), r in right.items() if o == others}
        at = [int(place) + 1 for place in mine]
        mean, low, high = ([100 * r[part] for r in mine.values()] for part in range(3))
        ax.errorbar(
            at, mean, [np.subtract(mean, low), np.subtract(high, mean)], fmt=f"{style}-",
            color=color, capsize=4, label=f"of {int(others) + 1}",
        )  # fmt: skip
    ax.set_xticks(range(1, 5))
    ax.set(xlabel="place of the paper that answers", ylabel="right (%)", ylim=(-3, 104))
    ax.legend(title="papers", loc="upper left", bbox_to_anchor=(1, 1))
    return fig
