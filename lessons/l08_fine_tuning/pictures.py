"""The figures of lesson 08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from minigpt.intervals import Interval


def transfer(curves: Mapping[str, Mapping[int, Interval]], level: float) -> Figure:
    """Fields right over the number of notes, a line for each start; the level as a dashed line."""
    fig, ax = plt.subplots(figsize=(9, 5))
    styles = ("o-", "s--", "^:", "v-.")
    for (name, curve), color, style in zip(curves.items(), PALETTE, styles, strict=False):
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
    """A table in colours: share right of each family (rows) before and after each method.

    The last row is the mean.
    """
    methods, families = list(kept), list(next(iter(kept.values())))
    table = np.array([[100 * kept[method][family] for method in methods] for family in families])
    table = np.vstack([table, table.mean(axis=0)])
    fig, ax = plt.subplots(figsize=(1.02 * len(methods) + 2.5, 0.29 * len(families) + 2.4))
    ax.imshow(table, vmin=0, vmax=100, aspect="auto")
    for row, column in np.ndindex(*table.shape):
        shade = COLORS["black"] if table[row, column] > 60 else "white"
        weight = "bold" if row == len(families) else "normal"
        ax.text(column, row, f"{table[row, column]:.0f}", ha="center", va="center", color=shade,
                fontweight=weight)  # fmt: skip
    ax.axhline(len(families) - 0.5, color="white", linewidth=4)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(methods)), methods, rotation=35, ha="left")
    ax.set_yticks(range(len(families) + 1), [*families, "mean"])
    ax.grid(visible=False)
    return fig


LINES = {
    "full": ("vermillion", "o-"),
    "replay": ("green", "o-"),
    "replay 5 %": ("green", "s--"),
    "LoRA 1": ("blue", "o-"),
    "LoRA 4": ("blue", "s--"),
    "LoRA 16": ("blue", "^:"),
    "head only": ("black", "x-"),
    "LoRA 1 + head": ("orange", "o-"),
    "LoRA 4 + head": ("orange", "s--"),
    "LoRA 16 + head": ("orange", "^:"),
}
"""The colour and the line of each method."""


def paths(
    found: Mapping[str, Sequence[tuple[float, float]]], target: float, few: Sequence[str]
) -> Figure:
    """Loss on old documents over fields right, look by look; the target as a dotted line.

    On the left the methods of `few`, from close by; on the right all others, on a logarithmic axis.
    """
    fig, axes = plt.subplots(1, 2, figsize=(12, 5.6))
    for name, path in found.items():
        color, mark = LINES[name]
        fields, nats = zip(*path, strict=True)
        axes[0 if name in few else 1].plot(
            [100 * share for share in fields], nats, mark, color=COLORS[color], label=name
        )
    for ax in axes:
        ax.axvline(100 * target, color=COLORS["black"], linewidth=1, linestyle=":")
        ax.set(xlabel="fields right (%)")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    axes[0].set(ylabel="loss on old documents\n(nats a token)")
    axes[1].set_yscale("log")
    axes[1].set_yticks((1, 2, 4, 8), ("1", "2", "4", "8"))
    axes[1].minorticks_off()
    return fig


def mixture(shares: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Three bars a family: trained alone, alone for longer, and with all."""
    fig, ax = plt.subplots(figsize=(11, 4.8))
    places, kinds = np.arange(len(shares)), [*next(iter(shares.values()))]
    for number, (kind, color) in enumerate(zip(kinds, PALETTE, strict=False)):
        mean, low, high = (
            np.array([100 * shares[family][kind][part] for family in shares]) for part in range(3)
        )
        ax.bar(places + 0.27 * (number - 1), mean, 0.26, yerr=np.abs([mean - low, high - mean]),
               color=color, label=kind, capsize=3)  # fmt: skip
    ax.set_xticks(places, list(shares))
    ax.set(ylabel="right (%)", ylim=(0, 105))
    ax.grid(axis="x", visible=False)
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    return fig


def left_out(changes: Mapping[str, Mapping[str, float]]) -> Figure:
    """A table in colours: points that a family (row) changes when another one is left out."""
    names = list(changes)
    table = np.array([[100 * changes[f].get(out, np.nan) for out in names] for f in names])
    largest = float(np.nanmax(np.abs(table)))
    fig, ax = plt.subplots(figsize=(9, 5))
    ax.imshow(table, vmin=-largest, vmax=largest, cmap="PuOr", aspect="auto")
    for row, column in np.ndindex(*table.shape):
        if row != column:
            ax.text(column, row, f"{table[row, column]:+.0f}", ha="center", va="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})  # fmt: skip
    ax.set_xticks(range(len(names)), names, rotation=25, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="left out", ylabel="task")
    ax.grid(visible=False)
    return fig
