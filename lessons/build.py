"""The commands of the course: python -m lessons build | check | sweep | ledger | pretrain …"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from lessons.course import ROOT, choose, find_lesson, read_course

# Commands with options of their own: lessons/NAME.py has main(arguments).
MODULES = {
    "pretrain": "train one of the course's own models; again, to resume",
    "evaluate": "score a model on every family of Fernhollow",
    "card": "write a model's card from its records",
    "solutions": "write the notebooks with their solutions in",
    "assignments": "write the exercises as assignments for nbgrader",
    "grade": "check a folder of students' notebooks into a table",
    "present": "write copies to present from: larger type, exercises folded",
    "site": "write the course as static pages with a search",
    "slides": "write the slides of the lessons, one HTML file each",
}


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run one command. Returns 0, or 1 when it found or met a problem, or 2 for misuse."""
    args, rest = _parser().parse_known_args(argv)
    if args.command not in MODULES and rest:
        args = _parser().parse_args(argv)  # says what it does not know
    args.passed = rest
    try:
        return int(args.run(args, root))
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lessons", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    build = commands.add_parser("build", help="build and run the notebooks from lessons/")
    build.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    build.set_defaults(run=_build)

    check = commands.add_parser("check", help="compare notebooks with their sources and the rules")
    check.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    check.set_defaults(run=_check)

    sweep = commands.add_parser("sweep", help="run a lesson's recorded experiments again")
    sweep.add_argument("lesson", help="06, l06 or 06_pretraining")
    sweep.add_argument(
        "rest", nargs=argparse.REMAINDER, help="passed on: NAME of one sweep, --seeds …"
    )
    sweep.set_defaults(run=_sweep)

    ledger = commands.add_parser("ledger", help="compute the verdicts; fill claims.toml and README")
    ledger.add_argument("--check", action="store_true", help="only say what would change")
    ledger.set_defaults(run=_ledger)

    for name, about in MODULES.items():
        commands.add_parser(name, help=about, add_help=False).set_defaults(run=_module)

    first = commands.add_parser("first", help="print the path of the first lesson's notebook")
    first.set_defaults(run=_first)
    return parser


def _build(args: argparse.Namespace, root: Path) -> int:
    from lessons.execute import build
    from lessons.source import LessonError

    failed = False
    for lesson in choose(args.lesson, root):
        for source in lesson.sources:
            try:
                path = build(source)
            except LessonError as error:
                print(error, file=sys.stderr)
                failed = True
            else:
                print(f"built {path.relative_to(root).as_posix()} ({path.stat().st_size:,} bytes)")
    return int(failed)


def _check(args: argparse.Namespace, root: Path) -> int:
    from lessons.checks import problems

    lessons = choose(args.lesson, root)
    found = [problem for lesson in lessons for problem in problems(lesson)]
    for problem in found:
        print(problem)
    if not found:
        print(f"{len(lessons)} lesson(s) checked, no problem found")
    return int(bool(found))


def _sweep(args: argparse.Namespace, root: Path) -> int:
    lesson = find_lesson(args.lesson, read_course(root))
    if not (lesson.folder / "sweep.py").is_file():
        raise ValueError(f"lesson {lesson.no} has no sweep: lessons/{lesson.slug}/sweep.py")
    module = importlib.import_module(f"lessons.{lesson.slug}.sweep")
    return int(module.main(args.rest) or 0)


def _module(args: argparse.Namespace, root: Path) -> int:
    module = importlib.import_module(f"lessons.{args.command}")
    return int(module.main(args.passed))


def _ledger(args: argparse.Namespace, root: Path) -> int:
    from lessons import ledger

    if args.check:
        changed = ledger.outdated(root)
        for path in changed:
            name = path.relative_to(root).as_posix()
            print(f"{name} is not up to date -> run: python -m lessons ledger")
        return int(bool(changed))
    for path in ledger.update(root):
        print(f"wrote {path.relative_to(root).as_posix()}")
    return 0


def _first(args: argparse.Namespace, root: Path) -> int:
    for lesson in read_course(root):
        if lesson.exists:
            print(Path(os.path.relpath(lesson.notebook)).as_posix())
            return 0
    raise ValueError("no lesson is written yet: lessons/<slug>/lesson.md")
