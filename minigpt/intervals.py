"""How far a measured figure can be trusted: intervals, by scipy (in the extra "lab").

Every function returns (estimate, low, high) and takes `level`, the coverage asked for.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float, float]


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean of replicates (seeds, runs) with Student's t interval.

    One value gives (v, v, v): no spread can be known. Raises ValueError for no values.
    """
    _check(len(values), level)
    mean = statistics.fmean(values)
    if len(values) == 1:
        return mean, mean, mean
    from scipy import stats

    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    return mean, float(mean - half), float(mean + half)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """A share of independent items with its interval (Wilson 1927, JASA 22).

    Raises ValueError for no items, and for more successes than items.
    """
    _check(n, level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n}: there cannot be fewer than none or more than all")
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(level, method="wilson")
    return successes / n, float(found.low), float(found.high)


def bootstrap_interval(
    values: Sequence[float] | NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], Any] = np.mean,
    *,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """A statistic of items, with the percentile bootstrap (Efron 1979, Ann. Stat. 7).

    `groups[i]`: what item i belongs to (a person, a document); whole groups are drawn, for
    items of one group are not independent. `seed` makes it repeatable. Raises ValueError for no
    values, and if `groups` has another length.
    """
    _check(len(values), level)
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: at least 1 is needed, usually 1,000 or more")
    data = np.asarray(values, dtype=np.float64)
    if groups is not None and len(groups) != len(data):
        raise ValueError(
            f"{len(groups)} groups came for {len(data)} values: one for each is needed"
        )
    rows: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups if groups is not None else range(len(data))):
        rows.setdefault(group, []).append(i)
    members = [np.asarray(found) for found in rows.values()]
    random = np.random.default_rng(seed)
    found = np.empty(resamples)
    for at in range(resamples):
        drawn = random.integers(len(members), size=len(members))
        found[at] = statistic(data[np.concatenate([members[i] for i in drawn])])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(statistic(data)), float(low), float(high)


def paired_interval(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Mean difference ours - theirs on the same items, with the paired bootstrap.

    The pair is drawn, not its halves: what makes an item hard for both cancels out. `groups` as
    for `bootstrap_interval`. Raises ValueError for unequal lengths.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} and {len(theirs)} values: pairs need the same items on both")
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    return bootstrap_interval(
        differences, groups=groups, level=level, resamples=resamples, seed=seed
    )


def _check(n: int, level: float) -> None:
    if n < 1:
        raise ValueError("no values came: at least one replicate is needed")
    if not 0 < level < 1:
        raise ValueError(f"level={level}: choose 0 < level < 1, for example 0.95")
