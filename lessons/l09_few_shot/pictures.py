"""The figures of lesson 09."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
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
    colors = [color for color in PALETTE if color != COLORS["yellow"]]
    for (name, curve), color, marker in zip(curves.items(), colors, "os^Dv*", strict=False):
        _draw(ax, curve, name, color, f"{marker}-", ks)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def labels(curves: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """For each kind of task a panel: share right over k with gold, shuffled, permuted labels."""
    columns = min(3, len(curves))
    n_rows = -(-len(curves) // columns)
    fig, axes = plt.subplots(
        n_rows, columns, figsize=(4 * columns + 1, 3.7 * n_rows), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax in axes.flat[len(curves) :]:
        ax.set_visible(False)
    for ax, (kind, modes) in zip(axes.flat, curves.items(), strict=False):
        ks = sorted({k for curve in modes.values() for k in curve})
        for (mode, curve), color, style in zip(
            modes.items(), PALETTE, ("o-", "s--", "^:"), strict=False
        ):
            _draw(ax, curve, mode, color, style, ks)
        ax.set_title(kind)
        if ax is not axes[0, 0]:
            ax.set_ylabel("")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig


def head_scores(scores: Tensor, label: str) -> Figure:
    """A score of every head, layers as rows: (L, H)."""
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
    fig.colorbar(image, label=label)
    return fig


def attention(weights: Tensor, tokens: Sequence[str]) -> Figure:
    """What each token (rows) attends to (columns), (T, T), with the tokens on the axes."""
    fig, ax = plt.subplots(figsize=(8.5, 7))
    image = ax.imshow(weights, vmin=0, vmax=1)
    places = range(len(tokens))
    ax.set_xticks(places, tokens, rotation=90)
    ax.set_yticks(places, tokens)
    ax.set(xlabel="attended to (key)", ylabel="attends (query)")
    ax.grid(visible=False)
    fig.colorbar(image, label="attention")
    return fig


def silenced(shares: Mapping[str, Interval], names: Mapping[str, str]) -> Figure:
    """Bars: share right with all heads, without some, without others."""
    fig, ax = plt.subplots(figsize=(9.5, 4))
    places = range(len(names))
    means = [100 * shares[key][0] for key in names]
    ends = [
        [100 * (shares[key][0] - shares[key][1]) for key in names],
        [100 * (shares[key][2] - shares[key][0]) for key in names],
    ]
    ax.bar(places, means, yerr=np.abs(ends), color=PALETTE[: len(names)], capsize=6)
    ax.set_xticks(places, list(names.values()))
    ax.set(ylabel="invented values right (%)", ylim=(0, 105))
    ax.grid(axis="x", visible=False)
    return fig


def by_place(curves: Mapping[str, Tensor], first: int, chance: float) -> Figure:
    """Mean loss by place, counted from the second copy's first token; `first`: the first shown.

    `chance`: the loss of who finds all tokens equally likely.
    """
    fig, ax = plt.subplots(figsize=(9, 4.4))
    for (name, loss), color, style in zip(curves.items(), PALETTE, ("-", "--"), strict=False):
        ax.plot(range(first, first + len(loss)), loss, style, color=color, label=name)
    ax.axhline(chance, color=COLORS["black"], linestyle=":", label="all tokens alike")
    ax.axvline(0, color=COLORS["black"], linewidth=1)
    ax.text(0.2, 0.92, "the piece begins again", transform=ax.get_xaxis_transform())
    ax.set(xlabel="place from where the piece begins again", ylabel="loss (nats)", ylim=(0, None))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


# Of the second notebook.


def over_read(curves: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """KL to the best prediction over the symbols read, a line for each reader."""
    fig, ax = plt.subplots(figsize=(8.5, 4.4))
    for (name, curve), color, style in zip(curves.items(), PALETTE, ("o-", "s--"), strict=False):
        mean, low, high = ([one[part] for one in curve.values()] for part in range(3))
        ax.plot(range(len(curve)), mean, style, color=color, label=name)
        ax.fill_between(range(len(curve)), np.maximum(low, 1e-4), high, color=color, alpha=0.2)
        ax.set_xticks(range(len(curve)), [*curve])
    ax.set(yscale="log", xlabel="symbols read", ylabel="KL to the best (nats)")
    ax.legend()
    return fig


def births(
    copied: Mapping[int, Mapping[int, Mapping[int, float]]],
    looks_up: Mapping[int, Mapping[int, Mapping[int, float]]],
) -> Figure:
    """Share copied (left) and highest induction score (right) by step; every training a line."""
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.4), sharey=True)
    for ax, found, title in zip(
        axes, (copied, looks_up), ("second copy right", "highest induction score"), strict=True
    ):
        for (layers, seeds), color, style in zip(found.items(), PALETTE, ("--", "-"), strict=False):
            for at, curve in enumerate(seeds.values()):
                label = f"{layers} layer{'s' * (layers > 1)}" if at == 0 else None
                steps = [max(step, 1) for step in curve]  # 0 cannot stand on a logarithmic axis
                ax.plot(steps, [*curve.values()], style, color=color, label=label, linewidth=1.5)
        ax.set(xscale="log", xlabel="steps of training", title=title, ylim=(-0.03, 1.03))
    axes[0].set_ylabel("share, score")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    fig.tight_layout()
    return fig


def plateaus(
    curves: Mapping[str, Curve], names: Mapping[str, str], lookup: Mapping[int, tuple[float, float]]
) -> Figure:
    """KL from three predictors to the model (left), chain lookup score (right), by step."""
    fig, (ax, other) = plt.subplots(1, 2, figsize=(13, 4.6))
    for (name, curve), color, style in zip(
        curves.items(), PALETTE, ("o-", "s--", "^:"), strict=False
    ):
        mean, low, high = ([curve[step][part] for step in curve] for part in range(3))
        ax.plot([*curve], mean, style, color=color, label=names[name])
        ax.fill_between([*curve], low, high, color=color, alpha=0.2)
    ax.set(xscale="log", ylim=(0, None), xlabel="steps of training", ylabel="KL (nats)")
    ax.legend(title="distance from who", loc="upper left", bbox_to_anchor=(0, -0.18), ncols=2)
    highest, even = ([one[part] for one in lookup.values()] for part in range(2))
    other.plot([*lookup], highest, "o-", color=COLORS["black"], label="highest head")
    other.plot([*lookup], even, ":", color=COLORS["black"], label="attending evenly")
    other.set(xscale="log", ylim=(0, 1.03), xlabel="steps of training", ylabel="chain lookup score")
    other.legend()
    fig.tight_layout()
    return fig


SMALLEST = 0.01  # nats; what lies below is drawn there


def by_chains(found: Mapping[str, Mapping[str, Mapping[int, Interval]]]) -> Figure:
    """A panel for chains of training and for new ones: KL to the truth over their number."""
    fig, axes = plt.subplots(1, len(found), figsize=(5.4 * len(found), 4.4), sharey=True)
    for ax, (where, readers) in zip(np.atleast_1d(axes), found.items(), strict=True):
        for (name, curve), color, style in zip(
            readers.items(), PALETTE, ("o-", "s--", "^:"), strict=False
        ):
            mean, low, high = (
                np.maximum([curve[n][part] for n in curve], SMALLEST) for part in range(3)
            )
            ax.plot([*curve], mean, style, color=color, label=name)
            ax.fill_between([*curve], low, high, color=color, alpha=0.2)
        ax.set(xscale="log", yscale="log", title=where, xlabel="chains in training")
        ax.set_xticks([*readers["model"]], [str(n) for n in readers["model"]])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_ylim(0.9 * SMALLEST, 3)
        ax.set_yticks([SMALLEST, 0.1, 1], [f"{SMALLEST:g} or less", "0.1", "1"])
    np.atleast_1d(axes)[0].set_ylabel("KL to the truth (nats)")
    np.atleast_1d(axes)[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    fig.tight_layout()
    return fig
