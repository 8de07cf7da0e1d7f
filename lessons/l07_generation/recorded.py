"""The recorded runs of lesson 07, read back for its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lessons.sweeps import read_csv, read_json
from minigpt import GPTConfig
from minigpt.intervals import Interval, mean_interval

RESULTS = Path(__file__).parent / "results"


SHARES = ("right", "different", "right_and_different")


def by_temperature(cut: str = "") -> dict[float, dict[str, Interval]]:
    """Shares of couplets (SHARES) by temperature: mean and interval over seeds.

    `cut`: those written with the tail cut off, "top-p 0.9" or "top-k 40".
    """
    found: dict[float, dict[str, list[float]]] = {}
    for row in read_csv(RESULTS / "couplets.csv"):
        if row["cut"] == cut:
            entry = found.setdefault(float(row["temperature"]), {name: [] for name in SHARES})
            for name in entry:
                entry[name].append(float(row[name]))
    return {
        temperature: {name: mean_interval(values) for name, values in entry.items()}
        for temperature, entry in sorted(found.items())
    }


def best_temperature() -> float:
    """The temperature with the most couplets that are right and different."""
    curve = by_temperature()
    return max(curve, key=lambda t: curve[t]["right_and_different"][0])


def couplets(temperature: float, name: str) -> Interval:
    """One figure of `by_temperature`."""
    return by_temperature()[temperature][name]


def trade_off_finding() -> str:
    """What the figure of the temperatures shows."""
    curve = by_temperature()
    first, last = min(curve), max(curve)
    return (
        f"From temperature {first:g} to {last:g} the share of right couplets goes from "
        f"{curve[first]['right'][0]:.0%} to {curve[last]['right'][0]:.0%}, the share of different "
        f"ones from {curve[first]['different'][0]:.0%} to {curve[last]['different'][0]:.0%}; most "
        f"are both at temperature {best_temperature():g}."
    )


def repetition() -> dict[str, Interval]:
    """Share of repeated runs of four tokens by decoding: mean and interval over prompts."""
    found: dict[str, list[float]] = {}
    for row in read_csv(RESULTS / "repetition.csv"):
        found.setdefault(row["decoding"], []).append(float(row["repeated"]))
    return {decoding: mean_interval(values) for decoding, values in found.items()}


def repetition_sample() -> dict[str, str]:
    """One prompt, and what SmolLM2 wrote after it, greedily."""
    return read_json(RESULTS / "sample.json")


def smollm2_config() -> GPTConfig:
    """SmolLM2's shape, with its whole context."""
    return GPTConfig.llama(block_size=8192)


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / "provenance.json")
