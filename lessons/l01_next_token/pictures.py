"""The figures of lesson 01."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from lessons.figures import COLORS
from minigpt.intervals import Interval


def table(probability: Tensor, names: Sequence[str]) -> Figure:
    """Which character follows which: (V, V)."""
    fig, axes = plt.subplots(figsize=(16, 9))
    image = axes.imshow(probability, cmap="cividis", vmin=0, vmax=0.6, aspect="auto")
    axes.set_xticks(range(len(names)), names, size=14)
    axes.set_yticks(range(0, len(names), 2), names[::2], size=14)
    axes.set(xlabel="the character after it", ylabel="a character")
    axes.grid(False)
    fig.colorbar(image, ax=axes, label="probability", shrink=0.7)
    return fig


def approach(bits: Mapping[int, float], counted: float, others: Mapping[str, float]) -> Figure:
    """Held-out bits per character along the steps, with the counted model as a line."""
    fig, axes = plt.subplots()
    steps = sorted(bits)
    axes.plot(steps, [bits[step] for step in steps], color=COLORS["blue"], label="by gradient")
    axes.axhline(counted, color=COLORS["vermillion"], linestyle="--", label="by counting")
    for name, level in others.items():
        axes.axhline(level, color="black", linestyle=":", linewidth=1.5)
        axes.annotate(name, (steps[-1], level), ha="right", va="bottom")
    axes.set(xlabel="step", ylabel="bits per character, held out", ylim=(0, None))
    axes.legend()
    return fig


def context_curve(curve: Mapping[int, Interval]) -> Figure:
    """SmolLM2's bits per token by how many tokens of context it sees."""
    fig, axes = plt.subplots()
    x = sorted(curve)
    mean, low, high = (np.array([curve[at][i] for at in x]) for i in range(3))
    axes.plot(x, mean, marker="o", color=COLORS["blue"])
    axes.fill_between(x, low, high, color=COLORS["blue"], alpha=0.2)
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [str(at) for at in x])
    axes.set(xlabel="tokens of context", ylabel="bits per token", ylim=(0, None))
    return fig
