"""What every recorded sweep needs: files written whole, and where their numbers came from."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from lessons.claims import read_rules
from lessons.course import ROOT, find_lesson, read_course
from lessons.models import digest
from minigpt import GPT, BPETokenizer, load
from minigpt.files import write_text


def write_csv(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, all with the keys of the first one, as a CSV file with a header, atomically.

    Floats keep 7 significant digits, so that files stay readable.
    Raises ValueError when there is no row or a row has other keys.
    """
    rows = list(rows)
    if not rows:
        raise ValueError(f"{Path(path).name}: no rows to write; a sweep must record something")
    columns = list(rows[0])
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(rows, start=1):
        if set(row) != set(columns):
            raise ValueError(
                f"{Path(path).name}, row {number}: columns {list(row)}, needed are {columns}"
            )
        writer.writerow({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, buffer.getvalue())


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """The rows that `write_csv` wrote, every value as text."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object that `write_json` wrote."""
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def write_json(path: str | os.PathLike[str], data: Any) -> None:
    """Write `data` as indented JSON, atomically; NaN and infinity are refused with ValueError."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def cpu_name() -> str:
    """The processor's model name, or its architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def open_model(name: str) -> tuple[GPT, BPETokenizer]:
    """A model that tokenizes with BPE, as all that lessons ask do, and its tokenizer.

    Raises what `minigpt.load` raises.
    """
    model, tokenizer = load(name)
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer


def parts_named(
    lesson_no: str, parts: Iterable[str], about: str | None, argv: Sequence[str] | None
) -> list[str]:
    """The parts of a sweep that the command line names, or all. Raises ValueError for others."""
    known = [*parts]
    parser = argparse.ArgumentParser(prog=f"python -m lessons sweep {lesson_no}", description=about)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(known)}; all if none is named")
    named: list[str] = parser.parse_args(argv).parts
    if unknown := sorted({*named} - {*known}):
        raise ValueError(f"no parts {unknown}; there are {', '.join(known)}")
    return named or known


def part_file(
    folder: Path,
    lesson_no: str,
    name: str,
    models: Sequence[str] = (),
    root: Path = ROOT,
    *,
    settings: str = "",
) -> Path:
    """Where a sweep keeps one finished run: its name holds a digest of what it stands under.

    That is the lesson's rules, the weights of the course's models that were asked, and `settings`
    of its own, so that no run made under others can pass for one of today.
    """
    found = hashlib.sha256(settings.encode())
    for claim in read_rules(root).values():
        if claim.lesson == lesson_no:
            found.update(claim.sha256.encode())
    for model in models:
        found.update(digest(model).encode())
    return folder / f"{name} {found.hexdigest()[:8]}.json"


def provenance(
    lesson_no: str,
    command: str,
    seconds: float,
    threads: int,
    root: Path = ROOT,
    *,
    models: Sequence[str] = (),
) -> dict[str, Any]:
    """Where a lesson's results came from; write it beside them as provenance.json.

    `lesson_no` is "06", `command` what anyone types to repeat it, `seconds` the wall time of the
    sweep, `threads` the threads each process used, `models` the course's own models that were
    asked. Holds versions, processor, date (UTC), the hash of each of the lesson's rules and of each
    model's weights. Raises ValueError for an unknown lesson.
    """
    lesson = find_lesson(lesson_no, read_course(root))
    versions = {"python": platform.python_version()}
    for package in ("torch", "numpy", "minigpt"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    rules = read_rules(root).values()
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(seconds, 1),
        "threads": threads,
        "versions": versions,
        "cpu": cpu_name(),
        "rules": {claim.id: claim.sha256 for claim in rules if claim.lesson == lesson.no},
        "models": {name: digest(name) for name in models},
    }
