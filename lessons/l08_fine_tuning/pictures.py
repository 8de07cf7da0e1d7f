"""The figures of lesson 08."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from minigpt.intervals import Interval


def transfer(curves: Mapping[str, Mapping[int, Interval]], level: float) -> Figure:
    """Fields right over the number of notes, a line for each start; the level as a dashed line."""
    fig, ax = plt.subplots(figsize=(9, 5))
    for (name, curve), color, style in zip(curves.items(), PALETTE, ("o-", "s--"), strict=False):
        sizes = sorted(curve)
        mean, low, high = ([100 * curve[n][part] for n in sizes] for part in range(3))
        ax.plot(sizes, mean, style, color=color, label=name)
        ax.fill_between(sizes, low, high, color=color, alpha=0.2)
    ax.axhline(100 * level, color=COLORS["black"], linewidth=1, linestyle=":")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set(xlabel="notes to learn from", ylabel="fields right (%)", ylim=(0, 103))
    ax.legend(loc="lower right")
    return fig


def forgetting(kept: Mapping[str, Mapping[str, float]]) -> Figure:
    """A table in colours: share right of each family (rows) before and after each method."""
    methods, families = list(kept), list(next(iter(kept.values())))
    table = np.array([[100 * kept[method][family] for method in methods] for family in families])
    fig, ax = plt.subplots(figsize=(1.35 * len(methods) + 2.5, 0.48 * len(families) + 1.6))
    ax.imshow(table, vmin=0, vmax=100, aspect="auto")
    for row, column in np.ndindex(*table.shape):
        shade = COLORS["black"] if table[row, column] > 60 else "white"
        ax.text(column, row, f"{table[row, column]:.0f}", ha="center", va="center", color=shade)
    ax.set_xticks(range(len(methods)), methods, rotation=25, ha="right")
    ax.set_yticks(range(len(families)), families)
    ax.grid(visible=False)
    return fig


def against_trained(methods: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Points lost on old tasks over the numbers that were trained, a point for each method."""
    fig, ax = plt.subplots(figsize=(9, 5))
    for (name, values), color in zip(methods.items(), PALETTE, strict=False):
        mean, low, high = (100 * value for value in values["lost"])
        x = values["trained"][0]
        ax.errorbar(x, mean, [[mean - low], [high - mean]], fmt="o", color=color, capsize=5)
        ax.annotate(name, (x, mean), xytext=(8, 6), textcoords="offset points", color=color)
    ax.axhline(0, color=COLORS["black"], linewidth=1)
    ax.set_xscale("log")
    ax.set(xlabel="numbers trained", ylabel="lost on old tasks (points)")
    return fig


def mixture(shares: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Four bars a family: trained alone, alone for longer, with all but one other, with all."""
    kinds = ("alone", "alone, longer", "all but one", "all")
    fig, ax = plt.subplots(figsize=(11, 4.8))
    places = np.arange(len(shares))
    for number, (kind, color) in enumerate(zip(kinds, PALETTE, strict=False)):
        mean = np.array([100 * shares[family][kind][0] for family in shares])
        low = mean - [100 * shares[family][kind][1] for family in shares]
        high = [100 * shares[family][kind][2] for family in shares] - mean
        ax.bar(places + 0.21 * (number - 1.5), mean, 0.2, yerr=[np.abs(low), np.abs(high)],
               color=color, label=kind, capsize=3)  # fmt: skip
    ax.set_xticks(places, list(shares))
    ax.set(ylabel="right (%)", ylim=(0, 105))
    ax.grid(axis="x", visible=False)
    ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    return fig
