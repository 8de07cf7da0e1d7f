"""What a run leaves behind: the table, and the JSON with where its figures come from."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from minigpt.train import bf16_pays

from .pairs import Curve, Failed, Line, Result, Row, Settings, Skipped

SPREAD = "middle half of the pairwise ratios"
HEADINGS = (
    *("what", "peer", "threads", "dtype", "unit", "ours", "peer's"),
    *("ratio", "middle half", "pairs", "target", "reached"),
)
LEFT = 2  # so many columns hold text; numbers stand on the right

Results = Sequence[tuple[str, Result]]  # (module, result)


def table(results: Results) -> str:
    """All rows as one aligned text table, with what was skipped or failed below it."""
    lines = [HEADINGS, *(_cells(row) for _, row in results if isinstance(row, Row))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = [_line(line, widths) for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{row.what}: {row.note}" for _, row in results if isinstance(row, Row) and row.note]
    for _, result in results:
        if isinstance(result, Skipped):
            notes.append(f"SKIPPED {result.what}: {result.reason}")
        elif isinstance(result, Failed):
            notes.append(f"FAILED {result.what}: {result.reason}")
    explanation = f"A ratio above 1: ours is better. It is a median; spread: the {SPREAD}."
    return "\n".join([*text, "", explanation, *notes])


def _cells(row: Row) -> tuple[str, ...]:
    reached = {None: "", True: "yes", False: "NO"}[row.reached]
    return (
        row.what,
        row.peer,
        str(row.threads),
        row.dtype,
        row.unit,
        number(row.ours),
        number(row.theirs),
        f"{row.ratio:.2f}",
        f"{row.low:.2f}-{row.high:.2f}",
        str(row.pairs),
        "" if row.target is None else f"{row.target:.2f}",
        reached,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.ljust(width) if column < LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def number(value: float) -> str:
    """Three figures, without an exponent: 12,345 or 12.3 or 0.0123."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def run_record(settings: Settings, seconds: float) -> dict[str, Any]:
    """What is kept of a module's run beside its results; `seconds` is how long it took."""
    return {
        "settings": dataclasses.asdict(settings),
        "seconds": round(seconds, 1),
        "provenance": provenance(),
    }


def to_json(results: Results, runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Everything that was found, ready for JSON; `runs` holds a `run_record` for each module."""
    rows, curves, skipped, failures = [], [], [], []
    for module, result in results:
        record = {"module": module} | dataclasses.asdict(result)
        if isinstance(result, Row):
            record |= {"pairs": result.pairs, "reached": result.reached}
            record |= {"lowest": min(result.ratios), "highest": max(result.ratios)}
            rows.append(record)
        elif isinstance(result, Curve):
            curves.append(record)
        elif isinstance(result, Skipped):
            skipped.append(record)
        else:
            failures.append(record)
    return {
        "format_version": 1,
        "ratio": "above 1: ours is better; median of the pairwise ratios",
        "spread": f"low to high: {SPREAD}; lowest to highest: all of them",
        "runs": runs,
        "rows": rows,
        "curves": curves,
        "skipped": skipped,
        "failed": failures,
    }


def from_json(record: dict[str, Any]) -> list[tuple[str, Result]]:
    """The results that `to_json` wrote, with their modules."""
    found: list[tuple[str, Result]] = []
    for kind, name in ((Row, "rows"), (Curve, "curves"), (Skipped, "skipped"), (Failed, "failed")):
        fields = [field.name for field in dataclasses.fields(kind)]
        for each in record[name]:
            values = {field: each[field] for field in fields}
            if kind is Row:
                values["ratios"] = tuple(values["ratios"])
            if kind is Curve:
                values["lines"] = tuple(Line(**line) for line in values["lines"])
            found.append((each["module"], kind(**values)))
    return found


def provenance() -> dict[str, Any]:
    """The machine, the versions, the commit and the date."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_in_hardware": bf16_pays(torch.device("cpu")),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(
            _git("status", "--porcelain", "--", "minigpt", "benchmarks/*.py")
        ),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def cores() -> int | None:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def version(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    return _output("git", *arguments)


def _output(*command: str) -> str | None:
    """What a command prints, or None if it cannot be run or fails."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False
        )
    except OSError:
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
