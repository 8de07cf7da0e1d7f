"""The figures of lesson 00."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lessons.figures import COLORS
from lessons.l00_one_model.tasks import ASIDE, CLAIMED
from lessons.l00_one_model.two_ways import COUNTERS, SHOTS, SUBJECTS
from minigpt.intervals import Interval

MARKS = ("o-", "s--")


def report(scores: Mapping[str, Interval], best: Mapping[str, Interval]) -> Figure:
    """A bar for each task, the highest on top, with its interval; a line at the simple answer.

    The tasks that the claim names are dark; the rows of another kind stand below, pale.
    """
    names = sorted(scores, key=lambda name: (name not in ASIDE, scores[name][0]))
    fig, ax = plt.subplots(figsize=(10, 0.42 * len(names) + 1.4))
    for place, name in enumerate(names):
        mean, low, high = (100 * value for value in scores[name])
        color = COLORS["blue"] if name in CLAIMED else COLORS["sky"]
        ax.barh(place, mean, color="#BBBBBB" if name in ASIDE else color, height=0.7)
        ax.plot([low, high], [place, place], color=COLORS["black"], linewidth=1.5)
        simple = 100 * best[name][0]
        mark = [place - 0.42, place + 0.42]
        ax.plot([simple, simple], mark, color=COLORS["vermillion"], clip_on=False)
        ax.text(102, place, f"{mean:.0f}", va="center")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlim=(0, 100), xlabel="done right (%); red: the best simple answer")
    ax.grid(axis="y", visible=False)
    return fig


def _bars(
    mean: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> tuple[list[float], list[float]]:
    """What stands below and above each mean; rounding must not make it less than nothing."""
    return (
        [max(0.0, one - other) for one, other in zip(mean, low, strict=True)],
        [max(0.0, other - one) for one, other in zip(mean, high, strict=True)],
    )


def both_ways(shares: Mapping[str, Interval]) -> Figure:
    """Subjects named over labelled couplets: two counters of words, the GPT, the best possible."""
    fig, ax = plt.subplots(figsize=(9, 4.8))
    sizes = [shots * len(SUBJECTS) for shots in SHOTS]
    for kind, color, mark in zip(COUNTERS, ("orange", "green"), MARKS, strict=True):
        found = [shares[f"{kind} {shots}"] for shots in SHOTS]
        mean, low, high = ([100 * interval[part] for interval in found] for part in range(3))
        ax.plot(sizes, mean, mark, color=COLORS[color], label=kind)
        ax.fill_between(sizes, low, high, color=COLORS[color], alpha=0.2)
    gpt, low, high = ([100 * value] for value in shares["gpt"])
    bars = _bars(gpt, low, high)
    ax.errorbar([sizes[-1]], gpt, bars, fmt="D", color=COLORS["blue"], label="GPT", capsize=4)
    top = 100 * shares["best possible"][0]
    ax.axhline(top, color=COLORS["black"], linestyle=":", label="best possible")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.set(xlabel="couplets read with their subjects", ylabel="subject right (%)", ylim=(0, 105))
    ax.legend(loc="lower right")
    return fig


def posteriors(found: Mapping[str, Mapping[str, float]]) -> Figure:
    """p(subject | text) under several priors, side by side: the likeliest subjects."""
    names = sorted(
        next(iter(found.values())), key=lambda name: -max(p[name] for p in found.values())
    )[:5]
    fig, ax = plt.subplots(figsize=(9, 3.4))
    for at, (prior, color) in enumerate(zip(found, ("blue", "orange"), strict=True)):
        places = [place + 0.4 * at for place in range(len(names))]
        heights = [100 * found[prior][name] for name in names]
        ax.bar(places, heights, 0.38, color=COLORS[color], label=prior)
    ax.set_xticks([place + 0.2 for place in range(len(names))], names)
    ax.set(ylabel="p(subject | words) (%)", ylim=(0, 105))
    ax.grid(axis="x", visible=False)
    ax.legend()
    return fig


def both_models(found: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Bars side by side: the same kinds of items before each model."""
    fig, ax = plt.subplots(figsize=(9, 4.2))
    models = [*next(iter(found.values()))]
    for at, (model, color) in enumerate(zip(models, ("blue", "purple"), strict=True)):
        places = [place + 0.4 * at for place in range(len(found))]
        mean, low, high = ([100 * found[kind][model][part] for kind in found] for part in range(3))
        bars = _bars(mean, low, high)
        ax.bar(places, mean, 0.38, yerr=bars, color=COLORS[color], label=model, capsize=3)
    ax.set_xticks([place + 0.2 for place in range(len(found))], [*found])
    ax.tick_params(axis="x", rotation=15)
    ax.set(ylabel="right (%)", ylim=(0, 118))
    ax.grid(axis="x", visible=False)
    ax.legend(loc="upper center", ncols=2)
    return fig
