"""The picture: ratios with their spread and targets, and how cost grows."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lessons.figures import COLORS

from .pairs import Curve, Failed, Result, Row

WIDTH, ROW, PANEL = 10.0, 0.34, 2.6  # inches
COLUMNS = 3  # panels beside one another
LINES = (("orange", "--"), ("green", ":"), ("purple", "-."))  # for labels, in turn


def draw(path: Path, results: Sequence[tuple[str, Result]]) -> None:
    """Draw all rows and curves into a PNG file, which appears whole or not at all."""
    rows = [result for _, result in results if isinstance(result, Row)]
    curves = [result for _, result in results if isinstance(result, Curve)]
    failures = [result for _, result in results if isinstance(result, Failed)]
    ratios_height = ROW * len(rows) + 1.5 if rows else 0.0
    growth_rows = math.ceil(len(curves) / COLUMNS)
    growth_height = PANEL * growth_rows + 1.0 if curves else 0.0
    height = max(1.0, ratios_height + growth_height)
    figure = Figure(figsize=(WIDTH, height), dpi=110, layout="constrained")
    parts = figure.subfigures(
        2, 1, height_ratios=[max(ratios_height, 0.01), max(growth_height, 0.01)], squeeze=False
    )
    if rows:
        _ratios(parts[0, 0].subplots(), rows, len(failures))
    if curves:
        threads = curves[0].threads
        parts[1, 0].suptitle(f"How cost grows ({threads} thread{'s' * (threads > 1)})", fontsize=13)
        axes = parts[1, 0].subplots(growth_rows, min(COLUMNS, len(curves)), squeeze=False)
        for axis in axes.flat[len(curves) :]:
            axis.remove()
        labels = list(dict.fromkeys(line.label for curve in curves for line in curve.lines))
        for axis, curve in zip(axes.flat, _by_quantity(curves), strict=False):
            _growth(axis, curve, labels)
        _legend(parts[1, 0], axes.flat[: len(curves)])
    _save(figure, path)


def _ratios(axis: Axes, rows: list[Row], failures: int) -> None:
    """One line a row, from the top: median, middle half, and the target where there is one."""
    for place, row in enumerate(rows):
        color = {None: "blue", True: "green", False: "vermillion"}[row.reached]
        axis.plot(
            [row.low, row.high], [place, place], color=COLORS[color], linewidth=5, alpha=0.45,
            solid_capstyle="butt",
        )  # fmt: skip
        axis.plot(row.ratio, place, "o", color=COLORS[color], markersize=6)
        if row.target is not None:
            axis.plot(
                row.target, place, "|", color=COLORS["black"], markersize=13, markeredgewidth=2
            )
        text = f"{row.ratio:.2f}" + ("" if row.reached is None else " ✓" if row.reached else " ✗")
        axis.annotate(
            text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=10
        )
    axis.axvline(1, color=COLORS["black"], linewidth=0.8)
    axis.set_xscale("log", base=2)
    values = [v for row in rows for v in (row.low, row.high, row.target or row.ratio, 1.0)]
    axis.set_xlim(min(values) / 1.15, max(values) * 1.15)
    wide = max(values) > 12 * min(values)  # no room then for labels between the powers
    axis.xaxis.set_major_locator(LogLocator(base=2, subs=(1.0,) if wide else (1.0, 1.5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=9)
    axis.tick_params(axis="x", labelsize=10)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", alpha=0.3)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.set_xlabel("ratio: to the right of 1, ours is better", fontsize=10)
    pairs = sorted({row.pairs for row in rows})
    count = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    title = f"Medians of {count} pairwise ratios, bars: their middle half, |: target"
    if failures:
        title += f"; {failures} rows failed"
    axis.set_title(title, fontsize=12, loc="right")


def _label(row: Row) -> str:
    dtype = "" if row.dtype == "float32" else f", {row.dtype}"
    return f"{row.what}{dtype}\nagainst {row.peer}"


def _by_quantity(curves: list[Curve]) -> list[Curve]:
    """One quantity a line of panels, in the order measured."""
    order = list(dict.fromkeys(curve.quantity for curve in curves))
    return sorted(curves, key=lambda curve: order.index(curve.quantity))


def _growth(axis: Axes, curve: Curve, labels: list[str]) -> None:
    below = [y - low for y, low in zip(curve.y, curve.low, strict=True)]
    above = [high - y for y, high in zip(curve.y, curve.high, strict=True)]
    for line in curve.lines:
        color, style = LINES[labels.index(line.label) % len(LINES)]
        axis.plot(curve.x, line.y, style, color=COLORS[color], linewidth=2, label=line.label)
    axis.errorbar(
        curve.x, curve.y, yerr=[below, above], fmt="o", color=COLORS["blue"], markersize=5,
        capsize=2, label="measured: median and middle half",
    )  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    if max(curve.x) < 100 * min(curve.x):  # doublings: a tick at each
        axis.set_xscale("log", base=2)
        axis.set_xticks(curve.x)
    heights = [*curve.y, *(y for line in curve.lines for y in line.y)]
    if max(heights) < 20 * min(heights):  # hardly a power of ten: label more
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_minor_formatter(NullFormatter())
        ticks.set_major_formatter(FuncFormatter(_short))
    axis.set_title(f"{curve.quantity} ({curve.unit})", fontsize=10)
    axis.set_xlabel(curve.against, fontsize=10)
    axis.tick_params(labelsize=9)
    axis.grid(alpha=0.3)


def _legend(part: SubFigure, axes: Sequence[Axes]) -> None:
    """One legend for all panels: each label once."""
    found: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    part.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=2, fontsize=9,
        frameon=False,
    )  # fmt: skip


def _short(value: float, _: object) -> str:
    """1,000,000 as 1 M, 10,000 as 10 k."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size and value % size == 0:
            return f"{value / size:g}{letter}"
    return f"{value:.6g}"


def _save(figure: Figure, path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.tmp-")
    try:
        with open(handle, "wb") as file:
            figure.savefig(file, format="png", metadata={"Software": None})
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
