"""The figures of lesson 00."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lessons.figures import COLORS
from lessons.l00_one_model.tasks import CLAIMED
from lessons.l00_one_model.two_ways import SIZES
from minigpt.intervals import Interval


def report(scores: Mapping[str, Interval], best: Mapping[str, Interval]) -> Figure:
    """A bar for each task, best first, with its interval; a line where the simple answer is."""
    names = sorted(scores, key=lambda name: scores[name][0])
    fig, ax = plt.subplots(figsize=(10, 0.42 * len(names) + 1.4))
    for place, name in enumerate(names):
        mean, low, high = (100 * max(0.0, min(1.0, value)) for value in scores[name])
        color = COLORS["blue"] if name in CLAIMED else COLORS["sky"]
        ax.barh(place, mean, color=color, height=0.7)
        ax.plot([low, high], [place, place], color=COLORS["black"], linewidth=1.5)
        simple = 100 * best[name][0]
        ax.plot([simple, simple], [place - 0.42, place + 0.42], color=COLORS["vermillion"])
        ax.text(102, place, f"{mean:.0f}", va="center")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlim=(0, 100), xlabel="done right (%); red: the best simple answer")
    ax.grid(axis="y", visible=False)
    return fig


def both_ways(shares: Mapping[str, Interval]) -> Figure:
    """Subjects named by a classifier over the size of its training text; the GPT as a line."""
    fig, ax = plt.subplots(figsize=(9, 4.8))
    found = [shares[f"classifier {size}"] for size in SIZES]
    mean, low, high = ([100 * interval[part] for interval in found] for part in range(3))
    ax.plot(SIZES, mean, "o-", color=COLORS["orange"], label="logistic regression")
    ax.fill_between(SIZES, low, high, color=COLORS["orange"], alpha=0.25)
    gpt = 100 * shares["gpt"][0]
    ax.axhline(gpt, color=COLORS["blue"], linestyle="--", label="the GPT that writes")
    ax.set_xscale("log")
    ax.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
    ax.minorticks_off()
    ax.set(xlabel="couplets the classifier was trained on", ylabel="subject right (%)")
    ax.set(ylim=(0, 105))
    ax.legend(loc="lower right")
    return fig


def posterior(probabilities: Mapping[str, float], true: str) -> Figure:
    """p(subject | verse) for the likeliest subjects, the true one in another colour."""
    names = sorted(probabilities, key=lambda name: -probabilities[name])[:6]
    fig, ax = plt.subplots(figsize=(8, 3.2))
    colors = [COLORS["blue"] if name == true else COLORS["sky"] for name in names]
    ax.bar(names, [100 * probabilities[name] for name in names], color=colors)
    ax.set(ylabel="probability (%)", ylim=(0, 105))
    ax.tick_params(axis="x", rotation=20)
    ax.grid(axis="x", visible=False)
    return fig
