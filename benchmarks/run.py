"""The run: which modules of rows there are, the command line, and the order of the work."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from minigpt.files import write_text

from .pairs import Curve, Failed, Result, Row, Settings, Skipped, failed
from .report import from_json, number, run_record, table, to_json

MODULES = ("step_time", "decoding", "real", "time_to_loss", "growth")
RESULTS = Path(__file__).parent / "results"
JSON, PICTURE = "bench.json", "bench.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; returns 1 if a row failed, else 0."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    try:
        pairs = args.pairs
        if pairs is None:
            pairs = 2 if args.short else Settings.pairs
        settings = Settings(threads=args.threads, pairs=pairs, short=args.short)
    except ValueError as error:
        parser.error(str(error))
    if unknown := sorted(set(args.modules) - set(MODULES)):
        parser.error(f"unknown {unknown}: choose from {', '.join(MODULES)}")
    names = [name for name in MODULES if not args.modules or name in args.modules]
    whole = len(names) == len(MODULES) and not args.short
    results, runs = [], {}
    for name in names:
        start = time.perf_counter()
        for result in module_results(name, settings):
            results.append((name, result))
            print(progress(name, result), file=sys.stderr, flush=True)
        runs[name] = run_record(settings, time.perf_counter() - start)
    print(table(results))
    folder = args.out or (RESULTS if whole else None)
    if folder is None:
        print("\nNo files were written, for this is a part of the rows: name a folder by --out.")
    else:
        write(folder, results, runs)
        print(f"\nWritten: {folder / JSON}, {folder / PICTURE}")
    return int(any(isinstance(result, Failed) for _, result in results))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help=f"any of {', '.join(MODULES)} (default: all)"
    )
    parser.add_argument("--short", action="store_true", help="tiny models: a test of the harness")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    parser.add_argument(
        "--pairs", type=int, help=f"measurements of each side (default: {Settings.pairs})"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of bench.json and bench.png (all rows: benchmarks/results)"
    )
    return parser


def module_results(name: str, settings: Settings) -> Iterator[Result]:
    """All results of one module; an error outside its rows becomes a `Failed` of its name."""
    try:
        settings.apply()
        module = importlib.import_module(f"benchmarks.{name}")
        found = False
        for result in module.rows(settings):
            found = True
            yield result
            settings.apply()
        if not found:
            yield Failed(name, "the module gave no rows")
    except Exception as error:
        yield failed(name, error)


def progress(name: str, result: Result) -> str:
    """One line that says what was just measured."""
    if isinstance(result, Row):
        return f"{name}: {result.what} against {result.peer}: {result.ratio:.2f}"
    if isinstance(result, Curve):
        points = ", ".join(number(y) for y in result.y)
        return f"{name}: {result.quantity} against {result.against}: {points} {result.unit}"
    word = "SKIPPED" if isinstance(result, Skipped) else "FAILED"
    return f"{name}: {word} {result.what}: {result.reason}"


def write(
    folder: Path, results: Sequence[tuple[str, Result]], runs: dict[str, dict[str, Any]]
) -> None:
    """Write the JSON and the picture, each whole or not at all.

    What the folder's JSON holds of modules that were not run now is kept.
    """
    from .picture import draw  # matplotlib only where a picture is wanted

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / JSON).exists():
        before = json.loads((folder / JSON).read_text(encoding="utf-8"))
        kept = [(module, result) for module, result in from_json(before) if module not in runs]
        results = sorted([*kept, *results], key=lambda found: MODULES.index(found[0]))
        runs = before["runs"] | runs
    text = json.dumps(to_json(results, runs), indent=2, ensure_ascii=False)
    write_text(folder / JSON, text + "\n")
    draw(folder / PICTURE, results)
