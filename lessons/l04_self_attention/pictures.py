"""The figures of lesson 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from lessons.figures import COLORS
from lessons.l04_self_attention.recall import CHANCE
from minigpt.intervals import Interval


def saturation(largest: Mapping[int, tuple[float, float]]) -> Figure:
    """The largest attention weight by width, with and without the division."""
    fig, axes = plt.subplots()
    widths = sorted(largest)
    for name, column, color in (("plain", 0, "vermillion"), ("divided by √D", 1, "blue")):
        values = [largest[width][column] for width in widths]
        axes.plot(widths, values, marker="o", color=COLORS[color], label=name)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="width D of a query", ylabel="largest of 16 weights", ylim=(0, 1.02))
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.legend()
    return fig


def heat_maps(maps: Mapping[str, Tensor], words: Sequence[str]) -> Figure:
    """Attention weights (T, T), with the words on both axes and the numbers in the cells."""
    fig, axes = plt.subplots(1, len(maps), figsize=(8.5 * len(maps), 7.4), squeeze=False)
    for panel, (name, weights) in zip(axes[0], maps.items(), strict=True):
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        panel.set_xticks(range(len(words)), words, rotation=45, ha="right")
        panel.set_yticks(range(len(words)), words)
        panel.set(title=name, xlabel="key: who is looked at", ylabel="query: who looks")
        panel.grid(False)
        for row, column in np.ndindex(*weights.shape):
            value = float(weights[row, column])
            color = "white" if value > 0.65 else "black"
            panel.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, size=14)
    fig.tight_layout()
    return fig


def moved(found: Tensor, pieces: Sequence[str]) -> Figure:
    """Which outputs move (columns) when a token is replaced (rows)."""
    fig, axes = plt.subplots(figsize=(7, 6))
    axes.imshow(found, cmap="Blues", vmin=0, vmax=1.4)
    labels = [piece.strip() or "·" for piece in pieces]
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="output that moves (blue)", ylabel="token that is replaced")
    axes.grid(False)
    return fig


def recall_curves(
    curves: Mapping[str, Mapping[int, Interval]], xlabel: str, frequent: Mapping[int, float]
) -> Figure:
    """Share of right answers of each kind of model, with intervals, and what needs no memory.

    `frequent`: by x, the share right of naming the value that was told most often.
    """
    fig, axes = plt.subplots()
    styles = {"attention": ("blue", "o"), "LSTM": ("vermillion", "s"), "GRU": ("green", "^")}
    for kind, curve in curves.items():
        color, marker = styles[kind]
        x = sorted(curve)
        mean, low, high = (np.array([curve[at][i] for at in x]) for i in range(3))
        axes.plot(x, mean, marker=marker, color=COLORS[color], label=kind)
        axes.fill_between(x, low.clip(0), high.clip(max=1), color=COLORS[color], alpha=0.2)
    at = sorted(frequent)
    values = [frequent[x] for x in at]
    axes.plot(at, values, color="black", linestyle="--", lw=1.5, label="most frequent value")
    axes.axhline(CHANCE, color="black", linestyle=":", label="chance")
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [str(at) for at in x])
    axes.set(xlabel=xlabel, ylabel="share of right answers", ylim=(0, 1.02))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def head_scores(heads: Sequence[Sequence[float]], layer: int, head: int) -> Figure:
    """How often each head points at the right candidate: (L, H)."""
    values = np.array(heads)
    fig, axes = plt.subplots(figsize=(10, 4.2))
    image = axes.imshow(values.T, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.scatter([layer], [head], marker="o", s=160, facecolors="none", edgecolors="red", lw=2)
    axes.set(xlabel="layer", ylabel="head", title="chosen head: red ring")
    axes.grid(False)
    fig.colorbar(image, ax=axes, label="points at the right one")
    return fig
