"""The figures of lesson 05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lessons.figures import COLORS

_STYLES = (("blue", "o"), ("orange", "s"), ("green", "^"), ("vermillion", "v"))


def gradients(by_kind: Mapping[str, Sequence[float]]) -> Figure:
    """The size of the gradient at every block, for each kind of stack."""
    fig, axes = plt.subplots()
    for (name, values), (color, marker) in zip(by_kind.items(), _STYLES, strict=True):
        axes.plot(
            range(1, len(values) + 1), values, marker=marker, markersize=5, color=COLORS[color],
            label=name,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set(xlabel="block, from the input to the output", ylabel="size of the gradient")
    axes.legend(fontsize=12)
    return fig


def shares(parts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Where the parameters are, for several models: one bar each."""
    fig, axes = plt.subplots(figsize=(10, 3.6))
    names = list(parts)
    left = [0.0] * len(names)
    for number, part in enumerate(next(iter(parts.values()))):
        widths = [100 * parts[name][part] / sum(parts[name].values()) for name in names]
        axes.barh(names, widths, left=left, color=COLORS[_STYLES[number][0]], label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set(xlabel="share of the parameters, %", xlim=(0, 100))
    axes.legend(ncol=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=12)
    axes.grid(axis="y")
    return fig
