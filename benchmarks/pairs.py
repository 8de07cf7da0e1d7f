"""Measuring in pairs: ours, peer, peer, ours, ..., so that a slow minute hits both alike.

A module of rows offers `rows(settings: Settings) -> Iterator[Result]` and is named in
`benchmarks.run.MODULES`. A short row is `measure(...).row(...)`; callables that time themselves
go through `alternate`. A long row may also fill a `Pairs` with its own seconds. Wrap each
row in `attempt`, so that one that fails does not take the later ones with it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Settings:
    """What a run is told. Raises ValueError for values out of range."""

    threads: int = 1  # of torch, on both sides
    pairs: int = 7  # measurements of each side
    short: bool = False  # tiny models and few steps: tests the harness, measures nothing

    def __post_init__(self) -> None:
        for name in ("threads", "pairs"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}={value}: must be a whole number of at least 1")

    def apply(self) -> None:
        """Set torch's number of threads."""
        torch.set_num_threads(self.threads)


@dataclass(frozen=True)
class Row:
    """One line of the table. A ratio above 1 says that ours is better, whatever the unit.

    The ratio is the median of the pairwise ratios; `low` to `high` holds their middle half.
    """

    what: str
    peer: str
    unit: str
    dtype: str
    threads: int
    ours: float  # median, in `unit`
    theirs: float  # median of the peer, in `unit`
    ratio: float
    low: float
    high: float
    ratios: tuple[float, ...]  # of all pairs, in the order measured
    target: float | None = None  # smallest ratio that counts as reached; None: no target
    note: str = ""

    @property
    def pairs(self) -> int:
        return len(self.ratios)

    @property
    def reached(self) -> bool | None:
        """Whether the median ratio reaches the target; None without a target."""
        return None if self.target is None else self.ratio >= self.target


@dataclass(frozen=True)
class Line:
    """What arithmetic predicts for the points of a curve."""

    label: str  # how it was computed
    y: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """One panel of how cost grows: measured points beside predicted lines."""

    quantity: str  # what is on the vertical axis, for example "time of a training step"
    against: str  # what is on the horizontal axis, for example "parameters"
    unit: str  # of the vertical axis
    x: tuple[float, ...]
    y: tuple[float, ...]  # medians
    low: tuple[float, ...]  # the middle half of the measurements
    high: tuple[float, ...]
    lines: tuple[Line, ...]
    threads: int


@dataclass(frozen=True)
class Skipped:
    """A row that was left out on purpose, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """A row that could not be measured, and why."""

    what: str
    reason: str


Result = Row | Curve | Skipped | Failed


@dataclass
class Pairs:
    """Seconds of both sides: entry i of one list was measured next to entry i of the other."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def row(
        self,
        what: str,
        peer: str,
        settings: Settings,
        *,
        unit: str = "s",
        dtype: str = "float32",
        amount: float | None = None,
        peer_amount: float | None = None,
        target: float | None = None,
        note: str = "",
    ) -> Row:
        """Make a table row.

        With `amount` (tokens, floating-point operations, ... done in one measurement) the row
        shows rates, `amount` / seconds in `unit`; `peer_amount` is the peer's where it differs.
        Without, it shows seconds, times 1,000 if the unit is "ms". Raises ValueError for no
        measurements, or lists of unequal length.
        """
        if not self.ours or len(self.ours) != len(self.theirs):
            raise ValueError(
                f"{len(self.ours)} measurements of ours and {len(self.theirs)} of the peer came: "
                "each pair needs one of both"
            )
        if amount is None:
            scale = 1000.0 if unit == "ms" else 1.0
            ours = [scale * seconds for seconds in self.ours]
            theirs = [scale * seconds for seconds in self.theirs]
            ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        else:
            theirs_amount = amount if peer_amount is None else peer_amount
            ours = [amount / seconds for seconds in self.ours]
            theirs = [theirs_amount / seconds for seconds in self.theirs]
            ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        low, high = middle_half(ratios)
        return Row(
            what=what,
            peer=peer,
            unit=unit,
            dtype=dtype,
            threads=settings.threads,
            ours=statistics.median(ours),
            theirs=statistics.median(theirs),
            ratio=statistics.median(ratios),
            low=low,
            high=high,
            ratios=tuple(ratios),
            target=target,
            note=note,
        )


def measure(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    pairs: int,
    *,
    warmup: int = 2,
    min_seconds: float = 0.3,
    clock: Callable[[], float] = time.perf_counter,
) -> Pairs:
    """Time two callables in turn; returns seconds of one call, for each of `pairs` pairs.

    Each side is called `warmup` times first. A measurement repeats the call until it has taken
    about `min_seconds`, as often on one side as on the other. Even pairs begin with ours, odd
    ones with the peer: ours, peer, peer, ours, ... Garbage is collected between measurements.
    """
    if warmup < 1:
        raise ValueError(f"warmup={warmup}: must be at least 1, to know how long a call takes")
    for _ in range(warmup):
        slower = max(_seconds(ours, 1, clock), _seconds(theirs, 1, clock))
    calls = max(1, round(min_seconds / max(slower, 1e-9)))
    return alternate(
        lambda: _seconds(ours, calls, clock), lambda: _seconds(theirs, calls, clock), pairs
    )


def alternate(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> Pairs:
    """As `measure`, for two callables that time themselves and return seconds."""
    if pairs < 1:
        raise ValueError(f"pairs={pairs}: must be at least 1")
    found = Pairs()
    for number in range(pairs):
        if number % 2 == 0:
            found.ours.append(ours())
            found.theirs.append(theirs())
        else:
            found.theirs.append(theirs())
            found.ours.append(ours())
    return found


def middle_half(values: Sequence[float]) -> tuple[float, float]:
    """The 25th and the 75th percentile, with straight lines between the values."""
    if len(values) == 1:
        return values[0], values[0]
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    return quartiles[0], quartiles[2]


def attempt(what: str, make: Callable[[], Row | Curve]) -> Row | Curve | Failed:
    """What `make` returns, or `Failed` with the reason if it raises."""
    try:
        return make()
    except Exception as error:
        return failed(what, error)


def failed(what: str, error: Exception) -> Failed:
    """The report of an error: its kind and its text on one line."""
    return Failed(what, " ".join(f"{type(error).__name__}: {error}".split()))


def _seconds(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        for _ in range(calls):
            call()
        return (clock() - start) / calls
    finally:
        if was_on:
            gc.enable()
