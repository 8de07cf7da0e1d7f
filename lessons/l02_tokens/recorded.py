"""The recorded runs of lesson 02, read back for its figures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from lessons.l02_tokens import experiment
from lessons.l06_pretraining.corpus import articles
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def sample(size: int = 200_000) -> str:
    """The first `size` characters of the Python reference that is on this machine."""
    return "\n\n".join(articles())[:size]


def by_vocabulary() -> dict[int, dict[str, Any]]:
    """Means over seeds by vocabulary size, and bits per byte with their interval."""
    found: dict[int, list[dict[str, str]]] = {}
    for row in rows("vocabulary"):
        if int(row["steps"]) == experiment.STEPS:
            found.setdefault(int(row["size"]), []).append(row)
    return {
        size: {
            "bits": mean_interval([float(row["bits"]) for row in some]),
            "bytes_per_token": fmean(float(row["bytes_per_token"]) for row in some),
            "nats_per_token": fmean(float(row["nats_per_token"]) for row in some),
            "parameters": round(fmean(int(row["parameters"]) for row in some)),
        }
        for size, some in sorted(found.items())
    }


def vocabulary_finding() -> str:
    """What the figure of the vocabulary sizes shows."""
    found = by_vocabulary()
    best = min(found, key=lambda size: found[size]["bits"][0])
    first, last = min(found), max(found)
    nats = [found[size]["nats_per_token"] for size in sorted(found)]
    rises = all(before < after for before, after in pairwise(nats))
    return (
        f"Held-out bits per byte by vocabulary: {found[first]['bits'][0]:.2f} at {first} tokens, "
        f"best {found[best]['bits'][0]:.2f} at {best}, {found[last]['bits'][0]:.2f} at {last}; "
        f"the loss per token {'rises all the way' if rises else 'does not always rise'}."
    )


def against_best() -> list[str]:
    """A line for each size but the best: its bits per byte minus the best one's, seed by seed."""
    bits = {
        (int(row["size"]), int(row["seed"])): float(row["bits"])
        for row in rows("vocabulary")
        if int(row["steps"]) == experiment.STEPS
    }
    best = min(by_vocabulary(), key=lambda size: by_vocabulary()[size]["bits"][0])
    seeds = sorted({seed for _, seed in bits})
    lines = []
    for size in sorted({size for size, _ in bits} - {best}):
        mean, low, high = mean_interval([bits[size, s] - bits[best, s] for s in seeds])
        lines.append(f"{size:5} minus {best}: {mean:+.3f} [{low:+.3f}, {high:+.3f}] bits per byte")
    return lines


def live_bits() -> Interval:
    """Bits per byte of the small run that the notebook repeats."""
    return mean_interval(
        [float(r["bits"]) for r in rows("vocabulary") if int(r["steps"]) == experiment.LIVE_STEPS]
    )


def one_live() -> float:
    """That run, now."""
    return float(experiment.run(experiment.LIVE_SIZE, 0, experiment.LIVE_STEPS)["bits"])


def scripts() -> dict[str, dict[str, int]]:
    """Tokens and characters of the sentence in each language, for SmolLM2."""
    return {
        row["language"]: {"tokens": int(row["tokens"]), "characters": int(row["characters"])}
        for row in rows("scripts")
    }


def scripts_finding() -> str:
    """What the figure of the scripts shows."""
    found = scripts()
    english = found["English"]["tokens"]
    worst = max(found, key=lambda name: found[name]["tokens"])
    times = found[worst]["tokens"] / english
    return (
        f"Tokens of one sentence in {len(found)} languages: English {english}, most in {worst} "
        f"with {found[worst]['tokens']}, {times:.0f} times as many."
    )


def letters() -> dict[str, Interval]:
    """Share of letter questions right, as a word and with the letters apart."""
    found: dict[str, list[int]] = {}
    for row in rows("letters"):
        found.setdefault(row["form"], []).append(int(row["right"]))
    return {form: wilson_interval(sum(right), len(right)) for form, right in found.items()}


def letters_verdict() -> str:
    """Whether letters apart help, by the intervals. The rule was written before the run."""
    found = letters()
    if found["apart"][1] > found["word"][2]:
        return "Letters apart help: what the pieces hide is a part of the trouble."
    return "Letters apart do not help measurably."


def letters_by_count() -> dict[str, dict[str, float]]:
    """Form → how often the letter occurs ("0", "1", "2 or more") → the share right."""
    found: dict[str, dict[str, list[int]]] = {}
    for row in rows("letters"):
        count = row["count"] if int(row["count"]) < 2 else "2 or more"
        found.setdefault(row["form"], {}).setdefault(count, []).append(int(row["right"]))
    return {
        form: {n: sum(right) / len(right) for n, right in sorted(by_count.items())}
        for form, by_count in found.items()
    }


def first_right(n: int) -> list[bool]:
    """Whether the first n questions were answered right, asked about the word as it is written."""
    return [row["right"] == "1" for row in rows("letters") if row["form"] == "word"][:n]


def n_letters() -> int:
    """How many letter questions were asked in each form."""
    return len([row for row in rows("letters") if row["form"] == "word"])


def constant_letters() -> float:
    """The share right of the best answer that is always the same."""
    counts = [row["count"] for row in rows("letters") if row["form"] == "word"]
    return max(counts.count(each) for each in {*counts}) / len(counts)


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
