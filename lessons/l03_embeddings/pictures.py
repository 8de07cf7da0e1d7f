"""The figures of lesson 03."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import Bbox
from torch import Tensor

from lessons.figures import PALETTE
from minigpt.intervals import Interval

MARKERS = "os^Dv*PX"  # shapes, too: colours alone are not for everyone


def scatter(
    axes: Axes, points: Tensor, labels: Tensor, names: Sequence[str], size: float = 36
) -> None:
    """Points (N, 2), one colour and shape a category."""
    for number, name in enumerate(names):
        at = points[labels == number]
        color = PALETTE[number % len(PALETTE)]
        axes.scatter(at[:, 0], at[:, 1], s=size, color=color, marker=MARKERS[number], label=name)
    axes.set_xticks([])
    axes.set_yticks([])


def maps(panels: Mapping[str, Tensor], labels: Tensor, names: Sequence[str]) -> Figure:
    """Several maps of the same words side by side, with one legend."""
    fig, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 4.3), squeeze=False)
    for panel, (title, points) in zip(axes[0], panels.items(), strict=True):
        scatter(panel, points, labels, names, size=16)
        panel.set_title(title, fontsize=14)
    fig.legend(
        *axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=4, markerscale=1.8
    )
    fig.subplots_adjust(left=0.01, right=0.99, bottom=0.24, wspace=0.06)
    return fig


def word_map(points: Tensor, labels: Tensor, names: Sequence[str], words: Sequence[str]) -> Figure:
    """One map, with two words of each category beside their points, where they hide no other."""
    fig, axes = plt.subplots(figsize=(10, 7))
    scatter(axes, points, labels, names)
    taken: list[Bbox] = []
    for number in range(len(names)):
        left = 2
        for at in (labels == number).nonzero()[:, 0].tolist():
            x, y = points[at].tolist()
            text = axes.annotate(words[at], (x, y), xytext=(5, 4), textcoords="offset points")
            box = text.get_window_extent()
            if any(box.overlaps(other) for other in taken):
                text.remove()
                continue
            taken.append(box)
            left -= 1
            if not left:
                break
    axes.legend(ncols=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def cosines(panels: Mapping[str, Tensor]) -> Figure:
    """Histograms of the cosines between words drawn at random."""
    fig, axes = plt.subplots()
    bins = np.linspace(-1, 1, 61).tolist()
    for (name, values), color in zip(panels.items(), PALETTE, strict=False):
        axes.hist(values.numpy(), bins=bins, alpha=0.6, color=color, label=name, density=True)
    axes.axvline(0, color="black", linestyle=":")
    axes.set(xlabel="cosine between two words drawn at random", ylabel="density")
    axes.legend()
    return fig


def bars(values: Mapping[str, Interval], xlabel: str) -> Figure:
    """Horizontal bars with their intervals, and the numbers beside them.

    The axis ends at 1, or where all shares are small, soon after the largest: it says so itself.
    """
    longest = max(high for _, _, high in values.values())
    end, spec = (1, ".0%") if longest > 0.2 else (longest, ".1%")
    fig, axes = plt.subplots(figsize=(9, 0.62 * len(values) + 1.4))
    names = list(values)[::-1]
    for row, name in enumerate(names):
        mean, low, high = values[name]
        axes.barh(row, mean, color=PALETTE[0], alpha=0.85)
        axes.plot([max(low, 0), min(high, 1)], [row, row], color="black")
        axes.text(min(high, 1) + 0.015 * end, row, f"{mean:{spec}}", va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=xlabel, xlim=(0, 1.12 * end))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0 if end == 1 else 1))
    return fig


def real(said: Mapping[str, Sequence[float]], categories: Sequence[str]) -> Figure:
    """Purity by category in the real model, with the share by chance marked."""
    order = np.argsort(said["purity"])
    fig, axes = plt.subplots(figsize=(9, 6))
    axes.barh(range(len(order)), [said["purity"][i] for i in order], color=PALETTE[0], alpha=0.85)
    axes.scatter(
        [said["shuffled"][i] for i in order], range(len(order)), marker="D", color="black",
        label="labels shuffled", zorder=3,
    )  # fmt: skip
    axes.set_yticks(range(len(order)), [categories[i] for i in order])
    axes.set(xlabel="share of the 10 nearest words that are of the same category", xlim=(0, 1))
    axes.legend(loc="lower right")
    return fig
