"""The page of recorded figures: `python -m benchmarks.page` writes results/README.md anew.

Its tables come from the JSON files beside it; nothing on the page is typed by hand.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from minigpt.files import write_text

from .kernels import RECORD as KERNELS
from .report import number
from .run import JSON, PICTURE, RESULTS

PAGE, ABLATION, INT8 = "README.md", "ablation.json", "int8_loss.json"


def page(folder: Path) -> str:
    """The page as Markdown. Raises FileNotFoundError if a record is missing."""
    bench = json.loads((folder / JSON).read_text(encoding="utf-8"))
    ablation = json.loads((folder / ABLATION).read_text(encoding="utf-8"))
    parts = [
        "# Recorded figures",
        "Made by `python -m benchmarks.page` from the files beside it. "
        "[The page above](../README.md) says what is measured, and how to repeat it.",
        _origin(bench["runs"]["time_to_loss"])
        + f"{_other_dates(bench['runs'])}; {_minutes(bench):.0f} minutes in all.",
        f"![Ratios against peers, with spread and targets, and how cost grows]({PICTURE})",
        *_ratios(bench),
        "## What each part of the recipe saves",
        *_ablation(ablation),
        "## What int8 weights cost in loss",
        _int8(json.loads((folder / INT8).read_text(encoding="utf-8"))),
        "## Kernels that run a lesson at the same time",
        *_kernels(json.loads((folder / KERNELS.name).read_text(encoding="utf-8"))["runs"]),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(record: dict[str, Any]) -> str:
    p = record["provenance"]
    load = f", load {p['load_average'][0]:.1f} at the end" if p["load_average"] else ""
    bf16 = "with" if p["bf16_in_hardware"] else "without"
    return (
        f"{p['date'][:10]}, {p['cpu']}, {p['cores']} cores, {p['cpu_capability']}, {bf16} bfloat16 "
        f"in hardware, torch {p['torch']}, transformers {p['transformers']}{load}"
    )


def _other_dates(runs: dict[str, Any]) -> str:
    dates = {name: run["provenance"]["date"][:10] for name, run in runs.items()}
    others = {name: date for name, date in dates.items() if date != dates["time_to_loss"]}
    return "".join(f" (`{name}`: {date})" for name, date in others.items())


def _minutes(bench: dict[str, Any]) -> float:
    return sum(run["seconds"] for run in bench["runs"].values()) / 60


def _ratios(bench: dict[str, Any]) -> list[str]:
    heads = ["what", "peer", "unit", "ours", "peer's", "ratio", "middle half", "target", "reached"]
    rows = []
    for row in bench["rows"]:
        reached = {None: "", True: "yes", False: "**no**"}[row["reached"]]
        target = "" if row["target"] is None else f"{row['target']:.1f}"
        spread = f"{row['low']:.2f} to {row['high']:.2f}"
        what = f"{row['what']} ({row['dtype']})" if row["dtype"] != "float32" else row["what"]
        cells = [what, row["peer"], row["unit"], number(row["ours"]), number(row["theirs"])]
        rows.append([*cells, f"**{row['ratio']:.2f}**", spread, target, reached])
    left = [f"- Left out: {each['what']}: {each['reason']}." for each in bench["skipped"]]
    failed = [f"- Failed: {each['what']}: {each['reason']}." for each in bench["failed"]]
    notes = [f"- {row['what']}: {row['note']}." for row in bench["rows"] if row["note"]]
    (threads,) = {run["settings"]["threads"] for run in bench["runs"].values()}
    return [
        "## Against peers",
        f"{threads} thread{'s' * (threads > 1)}. A ratio above 1: ours is better. It is the median "
        "of the pairs, which are run in turn.",
        _table(heads, rows),
        "\n".join([*left, *failed, *notes]),
    ]


def _ablation(record: dict[str, Any]) -> list[str]:
    variants = record["variants"]
    full = statistics.fmean(variants["full recipe"]["steps"])
    rows = []
    for name, found in variants.items():
        steps = statistics.fmean(found["steps"])
        spread = f"{min(found['steps']):.0f} to {max(found['steps']):.0f}"
        ratio, low, high = found["step_time"]
        cells = [name, f"{steps:.0f}", spread, f"{steps / full:.2f}"]
        time = [f"{ratio:.2f} ({low:.2f} to {high:.2f})", f"{steps / full * ratio:.2f}"]
        rows.append((steps / full * ratio, [*cells, *time]))
    rows.sort(key=lambda row: -row[0])
    heads = ["what is changed", "steps", "of the seeds", "steps, ratio", "time of a step, ratio"]
    return [
        f"Steps to a loss of {record['target']} on the 9 % of the text that are kept for choosing, "
        f"mean of {len(variants['full recipe']['steps'])} seeds, and time against the full recipe. "
        "Last column above 1: the part that was taken out saves time; about 1: it does not matter "
        f"here; below 1: without it training would be faster here. ({_origin(record)})",
        _table([*heads, "time to the loss, ratio"], [cells for _, cells in rows]),
    ]


def _int8(record: dict[str, Any]) -> str:
    return (
        f"The fast preset, {record['steps']} steps on {record['text']}: "
        f"{record['float32']:.4f} nats a character with float32 weights, "
        f"{record['int8']:.4f} with int8, on "
        f"{record['characters']:,} characters. Paired difference {record['change']:+.5f}, 95 % "
        f"interval {record['low']:+.5f} to {record['high']:+.5f}. ({_origin(record)})"
    )


def _kernels(runs: list[dict[str, Any]]) -> list[str]:
    heads = ["lesson", "real weights", "kernels", "failed", "seconds, the last one"]
    heads += ["GB in all", "MB a kernel", "machine", "date"]
    rows = [
        [
            run["lesson"],
            run["weights"],
            str(run["kernels"]),
            str(run["failed"]),
            f"{run['seconds_in_all']:.0f}",
            f"{run['memory_peak_mb'] / 1000:.1f}",
            f"{run['memory_peak_mb_a_kernel']:.0f}",
            run["machine"],
            run["date"],
        ]
        for run in runs
    ]
    return [
        "All cells of a notebook, one thread a kernel; pages that kernels share count once. "
        "Again: `python -m benchmarks.kernels --lesson 04 --kernels 20`, with `--weights shared` "
        "for the real weights.",
        _table(heads, rows),
    ]


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    write_text(RESULTS / PAGE, page(RESULTS))
    print(f"Written: {RESULTS / PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
