"""The figures of lesson 06; run as a module, it draws the README's picture of recorded runs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lessons.course import ROOT
from lessons.figures import COLORS, PALETTE, style
from lessons.l06_pretraining import recorded
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
    _draw_against_baselines(ax, curves, baselines)
    ax.set_title(title)
    return fig


def _draw_against_baselines(
    ax: Axes, curves: Mapping[str, Curve], baselines: Mapping[str, float]
) -> None:
    for (name, points), color in zip(curves.items(), PALETTE, strict=False):
        steps = sorted(points)
        ax.plot(steps, [points[s][0] for s in steps], "o-", color=color, label=name)
        low, high = ([points[s][end] for s in steps] for end in (1, 2))
        ax.fill_between(steps, low, high, color=color, alpha=0.25)
    last = max(max(points) for points in curves.values())
    shown = {name: baselines[name] for name in DRAWN}
    for name, height in zip(shown, _spread(list(shown.values()), 0.16), strict=True):
        ax.axhline(shown[name], color=COLORS["black"], linestyle=DRAWN[name], linewidth=1.4)
        place = (last * 1.04, height)
        ax.annotate(
            f"{name} {shown[name]:.2f}",
            (last, shown[name]),
            place,
            va="center",
            annotation_clip=False,
        )
    ax.set(xlabel="step (updates of the weights)", ylabel="bits per byte, held out")
    ax.set(xlim=(0, last * 1.01), ylim=(1.6, 3.8))
    ax.grid(visible=False)
    ax.legend(loc="upper right")


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
    steps = sorted(next(iter(curves.values())))
    places = [max(step, 5) for step in steps]  # step 0 has no place on a logarithmic axis
    ends = _spread([100 * points[steps[-1]][0] for points in curves.values()], 4.5)
    markers = "osD^"
    for (name, points), color, marker, end in zip(
        curves.items(), PALETTE, markers, ends, strict=False
    ):
        mean, low, high = ([100 * points[s][part] for s in steps] for part in range(3))
        ax.plot(places, mean, marker=marker, color=color)
        ax.fill_between(places, low, high, color=color, alpha=0.15)
        ax.axhline(100 * counting[name], color=color, linestyle="--", linewidth=1.2)
        ax.annotate(
            STRUCTURE_NAMES[name],
            (places[-1], mean[-1]),
            (places[-1] * 1.2, end),
            color=color,
            va="center",
            annotation_clip=False,
        )
    ax.axhline(50, color=COLORS["black"], linewidth=1)
    ax.set_xscale("log")
    crowded = {steps[-2]}
    ax.set_xticks(places, ["" if step in crowded else str(step) for step in steps])
    ax.minorticks_off()
    ax.set(xlabel="step (first mark: before training)", ylabel="pairs right (%)")
    ax.set(title="What is learnt when (dashed: 5-gram counts)", ylim=(35, 102))
    ax.set_xlim(places[0] * 0.85, places[-1] * 1.1)
    return fig


def texts(samples: Mapping[int, str]) -> Figure:
    """Text written at several steps, one under the other."""
    fig, axes = plt.subplots(len(samples), 1, figsize=(10, 1.6 * len(samples)))
    for ax, (step, text) in zip(axes, samples.items(), strict=True):
        ax.text(0.0, 0.93, f"step {step}", va="top", fontsize=15, color=COLORS["blue"])
        ax.text(0.13, 0.93, _fitted(text, 76, 5), va="top", family="monospace", fontsize=12.5)
        ax.axhline(1.0, color=COLORS["black"], linewidth=0.8)
        ax.set_axis_off()
    fig.subplots_adjust(hspace=0.1, left=0.01, right=0.99, top=0.99, bottom=0.01)
    return fig


def _fitted(text: str, width: int, lines: int) -> str:
    """The first lines of a text, wrapped, with characters that cannot be drawn replaced."""
    kept = [line for line in text.splitlines() if line.strip()]
    wrapped = [part for line in kept for part in textwrap.wrap(line, width)][:lines]
    drawn = (
        c if c == "\n" or (c.isprintable() and ord(c) < 0x250) else "·" for c in "\n".join(wrapped)
    )
    plain = "".join(drawn)
    return plain.replace("$", r"\$")


def learnt(
    form: Mapping[int, float], right: Mapping[str, Mapping[int, float]], last: int
) -> Figure:
    """Over the training: the share of answers of the right form, and by group that are right."""
    fig, ax = plt.subplots(figsize=(9.5, 5.5))
    curves: dict[str, Mapping[int, float]] = {"of the right form": form}
    names = {group: f"told {group} times" for group in right if group.isdecimal()}
    curves |= {names.get(group, f"{group} in training"): curve for group, curve in right.items()}
    ends = _spread([100 * curve[last] for curve in curves.values()], 5.5)
    for (name, curve), color, marker, end in zip(
        curves.items(), PALETTE, "os^vD", ends, strict=False
    ):
        steps = sorted(curve)
        ax.plot([100 * s / last for s in steps], [100 * curve[s] for s in steps], marker=marker,
                color=color)  # fmt: skip
        ax.annotate(name, (100, 100 * curve[last]), (112, end), color=color, va="center",
                    annotation_clip=False)  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks([1, 3, 6, 12, 25, 50, 100], ["1", "3", "6", "12", "25", "50", "100"])
    ax.minorticks_off()
    ax.set(xlabel="part of the training (%)", ylabel="share of answers (%)", ylim=(-3, 106))
    ax.axhspan(100 / 32, 100 / 16, color=COLORS["black"], alpha=0.15)
    ax.text(1, 8, "chance, if the form is right", fontsize=12)
    return fig


def loss_and_facts(loss: Mapping[int, float], right: Mapping[int, float]) -> Figure:
    """Two panels over the steps: the held-out loss, and the share of facts that are right."""
    fig, (left, other) = plt.subplots(1, 2, figsize=(12, 4.4))
    left.plot([*loss], [*loss.values()], "o-", color=COLORS["black"])
    left.set(title="What was watched", xlabel="step", ylabel="held-out loss (nats a token)")
    left.set_ylim(0, 1.1 * max(loss.values()))
    other.plot([*right], [100 * share for share in right.values()], "s-", color=COLORS["orange"])
    other.set(title="What was wanted", xlabel="step", ylabel="facts told 64 times, right (%)")
    other.set_ylim(0, 105)
    fig.tight_layout(w_pad=3)
    return fig


def for_the_readme() -> Figure:
    """The recorded curve with its baselines, and what the model wrote on the way."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(15, 5.2), width_ratios=(1, 1.15))
    levels = {name: level[0] for name, level in recorded.levels().items()}
    curve = recorded.curve("long", "bits_per_byte")
    _draw_against_baselines(left, {"GPT, 5 seeds": curve}, levels)
    left.set_title("Guessing articles it has never seen")
    right.set_axis_off()
    right.set_title("What it writes on the way")
    for number, (step, text) in enumerate(recorded.samples().items()):
        top = 0.97 - 0.255 * number
        right.text(0.06, top, f"step {step}", va="top", color=COLORS["blue"], fontsize=14)
        right.text(
            0.06, top - 0.06, _fitted(text, 62, 3), va="top", family="monospace", fontsize=12
        )
    fig.subplots_adjust(wspace=0.28)
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
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    ax.grid(axis="y", visible=False)
    return fig


if __name__ == "__main__":  # python -m lessons.l06_pretraining.pictures makes the README's picture
    style()
    target = ROOT / "docs" / "pretraining.png"
    target.parent.mkdir(exist_ok=True)
    for_the_readme().savefig(target, bbox_inches="tight", metadata={"Software": None})
