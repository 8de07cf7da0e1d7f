"""The figures of lesson 06."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lessons.figures import COLORS, PALETTE
from lessons.l06_pretraining.published import Published
from lessons.l06_pretraining.recorded import Curve

DRAWN = {"unigram": ":", "bigram": "-.", "gzip": (0, (1, 1)), "xz": "--", "5-gram": "-"}
STRUCTURE_NAMES = {
    "spelling": "spelling",
    "common_words": "common words",
    "brackets": "brackets",
    "indentation": "indentation",
}


def against_baselines(
    curves: Mapping[str, Curve], baselines: Mapping[str, float], title: str
) -> Figure:
    """Held-out bits per byte over steps, with a level for each baseline, named at the right."""
    fig, ax = plt.subplots(figsize=(9.5, 5.5))
    for (name, points), color in zip(curves.items(), PALETTE, strict=False):
        steps = sorted(points)
        ax.plot(steps, [points[s][0] for s in steps], "o-", color=color, label=name)
        ax.fill_between(
            steps,
            [points[s][1] for s in steps],
            [points[s][2] for s in steps],
            color=color,
            alpha=0.25,
        )
    last = max(max(points) for points in curves.values())
    shown = {name: baselines[name] for name in DRAWN}
    for name, height in zip(shown, _spread(list(shown.values()), 0.16), strict=True):
        ax.axhline(shown[name], color=COLORS["black"], linestyle=DRAWN[name], linewidth=1.4)
        ax.annotate(
            f"{name} {shown[name]:.2f}",
            (last, shown[name]),
            xytext=(last * 1.04, height),
            va="center",
            annotation_clip=False,
        )
    ax.set(xlabel="step (updates of the weights)", ylabel="bits per byte, held out", title=title)
    ax.set_xlim(0, last * 1.01)
    ax.set_ylim(1.5, 5.2)
    ax.legend(loc="upper right")
    return fig


def _spread(heights: list[float], gap: float) -> list[float]:
    """Heights moved apart just enough for labels not to overlap, in the same order."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = list(heights)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved


def structures(curves: Mapping[str, Curve], counting: Mapping[str, float]) -> Figure:
    """Share of minimal pairs right over steps, by structure; dashed: the 5-gram model's share."""
    fig, ax = plt.subplots(figsize=(9.5, 5.5))
    markers = "osD^"
    for (name, points), color, marker in zip(curves.items(), PALETTE, markers, strict=False):
        steps = sorted(points)
        places = [max(s, 5) for s in steps]  # step 0 has no place on a logarithmic axis
        ax.plot(
            places,
            [100 * points[s][0] for s in steps],
            marker=marker,
            color=color,
            label=STRUCTURE_NAMES[name],
        )
        ax.fill_between(
            places,
            [100 * points[s][1] for s in steps],
            [100 * points[s][2] for s in steps],
            color=color,
            alpha=0.15,
        )
        ax.axhline(100 * counting[name], color=color, linestyle="--", linewidth=1.2)
    ax.axhline(50, color=COLORS["black"], linewidth=1)
    ax.set_xscale("log")
    ticks = [max(s, 5) for s in sorted(next(iter(curves.values())))]
    ax.set_xticks(ticks, ["0", *(str(t) for t in ticks[1:])])
    ax.minorticks_off()
    ax.set(xlabel="step (first mark: before training)", ylabel="pairs right (%)")
    ax.set(title="What is learnt when (dashed: 5-gram counts)", ylim=(40, 102))
    ax.legend(loc="lower right")
    return fig


def texts(samples: Mapping[int, str], width: int = 76, lines: int = 5) -> Figure:
    """Text written at several steps, one under the other."""
    fig, axes = plt.subplots(len(samples), 1, figsize=(10, 1.75 * len(samples)))
    for ax, (step, text) in zip(axes, samples.items(), strict=True):
        shown = [
            part for line in text.splitlines() for part in (textwrap.wrap(line, width) or [""])
        ]
        plain = "\n".join(shown[:lines]).replace("$", r"\$")
        plain = "".join(c if c.isprintable() or c == "\n" else "�" for c in plain)
        ax.text(0.13, 0.95, plain, va="top", family="monospace", fontsize=12.5)
        ax.text(0.0, 0.95, f"step {step}", va="top", fontsize=15, color=COLORS["blue"])
        ax.axhline(1.0, color=COLORS["black"], linewidth=0.8)
        ax.set_axis_off()
        ax.axhline(1.0, color=COLORS["black"], linewidth=0.8)
    fig.subplots_adjust(hspace=0.12, left=0.01, right=0.99, top=0.99, bottom=0.01)
    return fig


def sizes(models: Sequence[Published]) -> Figure:
    """Text read in training by published models, in terabytes, against a petabyte."""
    fig, ax = plt.subplots(figsize=(9.5, 4.8))
    ordered = sorted(models, key=lambda m: m.tokens)
    terabytes = [1000 * m.petabytes for m in ordered]
    bars = ax.barh([f"{m.model} ({m.year})" for m in ordered], terabytes, color=COLORS["blue"])
    ax.bar_label(bars, [f"{t:.3g} TB" for t in terabytes], padding=5)
    ax.axvline(1000, color=COLORS["vermillion"])
    ax.text(930, -0.2, "1 petabyte", color=COLORS["vermillion"], ha="right")
    ax.set_xscale("log")
    ax.set(xlabel="text read in training (TB, at 4 bytes a token)", xlim=(0.5, 2000))
    ax.grid(axis="y", visible=False)
    return fig
