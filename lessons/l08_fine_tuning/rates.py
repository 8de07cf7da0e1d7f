"""Learning rates are chosen on a ladder: none is taken whose neighbours were not tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

RUNGS = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
Score = Any  # numbers or pairs of numbers, larger is better


def neighbours(rate: float) -> tuple[float, ...]:
    """The rungs beside a rung. Raises ValueError for a rate that is none."""
    if rate not in RUNGS:
        raise ValueError(f"rate={rate:g}: choose one of {RUNGS}")
    at = RUNGS.index(rate)
    return RUNGS[max(0, at - 1) : at] + RUNGS[at + 1 : at + 2]


def wanted(first: Sequence[float], found: Mapping[float, Score]) -> list[float]:
    """The rates to try: the first ones; when these are found, the best one's neighbours, too."""
    if any(rate not in found for rate in first):
        return [*first]
    best = max(found, key=lambda rate: found[rate])
    return sorted({*first, *found, *neighbours(best)})


def widened(first: Sequence[float]) -> list[float]:
    """The rates with a rung more at either end."""
    return sorted({*first, *neighbours(min(first)), *neighbours(max(first))})


def best(found: Mapping[float, Score]) -> float:
    """The rate of the highest score. Raises ValueError unless both its neighbours were tried."""
    rate = max(found, key=lambda rate: found[rate])
    beside = neighbours(rate)
    if len(beside) < 2 or any(one not in found for one in beside):
        raise ValueError(
            f"the best rate so far, {rate:g}, stands at the edge of those tried "
            f"({', '.join(f'{r:g}' for r in sorted(found))}): run the part that tries rates again"
        )
    return rate
