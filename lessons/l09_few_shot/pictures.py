"""The figures of lesson 09."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lessons.figures import COLORS, PALETTE
from lessons.l09_few_shot.recorded import Curve
from minigpt.intervals import Interval


def _draw(ax: Axes, curve: Curve, name: str, color: str, style: str, ks: Sequence[int]) -> None:
    """A curve over the places of its k in `ks`, which are the axis of all curves of a panel."""
    places = [ks.index(k) for k in curve]
    mean, low, high = ([100 * curve[k][part] for k in curve] for part in range(3))
    ax.plot(places, mean, style, color=color, label=name)
    ax.fill_between(places, low, high, color=color, alpha=0.2)
    ax.set_xticks(range(len(ks)), [str(k) for k in ks])
    ax.set(xlabel="examples in the prompt", ylabel="right (%)", ylim=(-3, 104))


def by_shots(curves: Mapping[str, Curve]) -> Figure:
    """Share right over the number of examples, a line for each kind of task."""
    fig, ax = plt.subplots(figsize=(9.5, 5.2))
    ks = sorted({k for curve in curves.values() for k in curve})
    for (name, curve), color, marker in zip(curves.items(), PALETTE, "os^D", strict=False):
        _draw(ax, curve, name, color, f"{marker}-", ks)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def labels(curves: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """For each kind of task a panel: share right over k with gold, shuffled, permuted labels."""
    fig, axes = plt.subplots(1, len(curves), figsize=(5 * len(curves), 4.4), sharey=True)
    for ax, (kind, modes) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        ks = sorted({k for curve in modes.values() for k in curve})
        for (mode, curve), color, style in zip(
            modes.items(), PALETTE, ("o-", "s--", "^:"), strict=False
        ):
            _draw(ax, curve, mode, color, style, ks)
        ax.set_title(kind)
        if ax is not np.atleast_1d(axes)[0]:
            ax.set_ylabel("")
    np.atleast_1d(axes)[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    fig.tight_layout()
    return fig


def head_scores(scores: Tensor) -> Figure:
    """Induction score of every head, layers as rows: (L, H)."""
    layers, heads = scores.shape
    fig, ax = plt.subplots(figsize=(1.0 * heads + 2.5, 0.7 * layers + 1.6))
    image = ax.imshow(scores, vmin=0, vmax=1, aspect="auto")
    for layer in range(layers):
        for head in range(heads):
            value = float(scores[layer, head])
            shade = COLORS["black"] if value > 0.6 else "white"
            ax.text(head, layer, f"{value:.2f}", ha="center", va="center", color=shade)
    ax.set(xlabel="head", ylabel="layer", xticks=range(heads), yticks=range(layers))
    ax.grid(visible=False)
    fig.colorbar(image, label="induction score")
    return fig


def silenced(shares: Mapping[str, Interval], names: Mapping[str, str]) -> Figure:
    """Bars: share right with all heads, without some, without others."""
    fig, ax = plt.subplots(figsize=(8, 4))
    places = range(len(names))
    means = [100 * shares[key][0] for key in names]
    ends = [
        [100 * (shares[key][0] - shares[key][1]) for key in names],
        [100 * (shares[key][2] - shares[key][0]) for key in names],
    ]
    colors = [COLORS["blue"], COLORS["vermillion"], COLORS["sky"]]
    ax.bar(places, means, yerr=np.abs(ends), color=colors, capsize=6)
    ax.set_xticks(places, list(names.values()))
    ax.set(ylabel="invented values right (%)", ylim=(0, 105))
    ax.grid(axis="x", visible=False)
    return fig


def by_place(curves: Mapping[str, Tensor], first: int) -> Figure:
    """Mean loss by place, counted from the second copy's first token; `first`: the first shown."""
    fig, ax = plt.subplots(figsize=(9, 4.4))
    for (name, loss), color, style in zip(curves.items(), PALETTE, ("-", "--"), strict=False):
        ax.plot(range(first, first + len(loss)), loss, style, color=color, label=name)
    ax.axvline(0, color=COLORS["black"], linewidth=1)
    ax.text(0.2, 0.2, "the piece begins again")
    ax.set(xlabel="place from where the piece begins again", ylabel="loss (nats)", ylim=(0, None))
    ax.legend(loc="lower left")
    return fig


# Of the second notebook.


def over_read(curves: Mapping[str, Mapping[int, float]]) -> Figure:
    """KL to the best prediction over the symbols read, a line for each reader."""
    fig, ax = plt.subplots(figsize=(8.5, 4.4))
    for (name, curve), color, style in zip(curves.items(), PALETTE, ("o-", "s--"), strict=False):
        ax.plot([*curve], [*curve.values()], style, color=color, label=name)
    ax.set(xscale="log", yscale="log", xlabel="symbols read")
    ax.set(ylabel="KL to the best prediction (nats)")
    ax.set_xticks([*next(iter(curves.values()))], [str(n) for n in next(iter(curves.values()))])
    ax.legend()
    return fig


def along(births: Mapping[str, Mapping[int, float]]) -> Figure:
    """Highest induction score and invented values right (left), KL on chains (right), by step."""
    fig, ax = plt.subplots(figsize=(9, 4.6))
    lines = []
    for name, label, color, style in (
        ("induction", "highest induction score", COLORS["blue"], "o-"),
        ("right", "invented values right", COLORS["vermillion"], "s--"),
    ):
        curve = births[name]
        lines += ax.plot(
            [max(step, 1) for step in curve], [*curve.values()], style, color=color, label=label
        )
    ax.set(xscale="log", xlabel="step of training", ylabel="score, share", ylim=(-0.03, 1.03))
    other = ax.twinx()
    curve = births["kl"]
    lines += other.plot(
        [max(step, 1) for step in curve], [*curve.values()], "^:", color=COLORS["black"],
        label="KL on chains (right axis)",
    )  # fmt: skip
    other.set(ylabel="nats", ylim=(0, None))
    other.grid(visible=False)
    ax.legend(handles=lines, loc="center left")
    return fig


def by_chains(found: Mapping[str, Mapping[str, Mapping[int, Interval]]]) -> Figure:
    """A panel for chains of training and for new ones: KL to the truth over their number."""
    fig, axes = plt.subplots(1, len(found), figsize=(5.4 * len(found), 4.4), sharey=True)
    for ax, (where, readers) in zip(np.atleast_1d(axes), found.items(), strict=True):
        for (name, curve), color, style in zip(
            readers.items(), PALETTE, ("o-", "s--", "^:"), strict=False
        ):
            mean, low, high = ([curve[n][part] for n in curve] for part in range(3))
            ax.plot([*curve], mean, style, color=color, label=name)
            ax.fill_between([*curve], low, high, color=color, alpha=0.2)
        ax.set(xscale="log", yscale="log", title=where, xlabel="chains in training")
    np.atleast_1d(axes)[0].set_ylabel("KL to the truth (nats)")
    np.atleast_1d(axes)[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    fig.tight_layout()
    return fig
