"""The figures of lesson 02."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS


def vocabulary(rows: Mapping[int, Mapping[str, Any]]) -> Figure:
    """Bits per byte and nats per token by vocabulary size, beside each other."""
    sizes = sorted(rows)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    mean, low, high = (np.array([rows[size]["bits"][i] for size in sizes]) for i in range(3))
    left.plot(sizes, mean, marker="o", color=COLORS["blue"])
    left.fill_between(sizes, low, high, color=COLORS["blue"], alpha=0.2)
    left.set(ylabel="bits per byte", title="what decides")
    right.plot(
        sizes, [rows[size]["nats_per_token"] for size in sizes], marker="s",
        color=COLORS["vermillion"],
    )  # fmt: skip
    right.set(ylabel="nats per token", title="what misleads")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("tokens in the vocabulary")
    fig.tight_layout()
    return fig


def scripts(rows: Mapping[str, Mapping[str, int]]) -> Figure:
    """Tokens of the same sentence, by language."""
    order = sorted(rows, key=lambda name: rows[name]["tokens"])
    fig, axes = plt.subplots(figsize=(9, 6))
    axes.barh(order, [rows[name]["tokens"] for name in order], color=COLORS["blue"])
    axes.set(xlabel="tokens for the same sentence")
    axes.grid(axis="y")
    return fig
