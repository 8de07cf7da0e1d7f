"""The figures of lesson 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lessons.figures import COLORS
from minigpt.intervals import Interval

_COLORS = ("blue", "orange", "vermillion")


def bars(rows: Mapping[float, Sequence[float]], names: Sequence[str]) -> Figure:
    """Probabilities of the same tokens at several temperatures."""
    fig, axes = plt.subplots(figsize=(11, 5))
    width = 0.8 / len(rows)
    places = np.arange(len(names))
    for number, ((temperature, values), color) in enumerate(
        zip(rows.items(), _COLORS, strict=True)
    ):
        shift = (number - (len(rows) - 1) / 2) * width
        axes.bar(
            places + shift, values, width, color=COLORS[color],
            label=f"temperature {temperature:g} (these hold {sum(values):.0%})",
        )  # fmt: skip
    axes.set_xticks(places, [name.replace(" ", "␣") for name in names], rotation=45, ha="right")
    axes.set(ylabel="probability")
    axes.legend()
    return fig


def trade_off(curve: Mapping[float, Mapping[str, Interval]]) -> Figure:
    """Share of couplets that are right, that are different, and that are both, by temperature."""
    fig, axes = plt.subplots()
    x = sorted(curve)
    styles = {
        "right": ("blue", "o"), "different": ("orange", "s"), "right_and_different": ("green", "^"),
    }  # fmt: skip
    for name, (color, marker) in styles.items():
        mean, low, high = (np.array([curve[at][name][i] for at in x]) for i in range(3))
        label = name.replace("_", " ")
        axes.plot(x, mean, marker=marker, color=COLORS[color], label=label)
        axes.fill_between(x, low.clip(0), high.clip(max=1), color=COLORS[color], alpha=0.2)
    axes.set(xlabel="temperature", ylabel="share of the couplets", ylim=(0, 1.02))
    axes.legend()
    return fig


def cost(kept: Mapping[int, float], again: Mapping[int, float]) -> Figure:
    """Milliseconds of one more token by the length of the text, with and without the cache."""
    fig, axes = plt.subplots()
    for name, found, color, marker in (
        ("without cache", again, "vermillion", "s"),
        ("with cache", kept, "blue", "o"),
    ):
        x = sorted(found)
        axes.plot(x, [1000 * found[at] for at in x], marker=marker, color=COLORS[color], label=name)
    axes.set(xlabel="tokens so far", ylabel="ms for one more token", ylim=(0, None))
    axes.legend()
    return fig
