"""Grading a folder of notebooks into a table: python -m lessons grade FOLDER --out grades.csv.

Each notebook is checked in a process of its own (grade_one.py) with limits of time and memory, in
an empty folder, with an environment that holds nothing of yours. Run are definitions and imports
alone, not the notebook. What that keeps out, and what it does not, stands in docs/classroom.md.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from lessons.course import ROOT, Lesson, read_course
from lessons.exercises import GRADE_SEED
from lessons.source import EXERCISE_TAG, solved_notebook, tags
from lessons.sweeps import write_csv

LARGEST = 20_000_000  # bytes of a notebook
SECONDS, MEGABYTES = 120.0, 4096
COLUMNS = ("file", "lesson", "exercise", "status", "points", "message")


class Unreadable(Exception):
    """A file that cannot be graded; the message says why in one line."""


@dataclass(frozen=True)
class Submission:
    """What is graded of one notebook: the code of its definitions, and the lesson it belongs to."""

    lesson: Lesson
    definitions: str
    problems: tuple[str, ...]  # cells that do not parse


@cache
def _wanted() -> dict[str, tuple[Lesson, ...]]:
    """Each exercise of the course and the lesson that it stands in."""
    found: dict[str, tuple[Lesson, ...]] = {}
    for lesson in read_course():
        for name in names(lesson):
            found[name] = (*found.get(name, ()), lesson)
    return found


def names(lesson: Lesson) -> list[str]:
    """The exercises of a lesson, in order; none if it is not written."""
    found = []
    for source in lesson.sources:
        for cell in solved_notebook(source).cells:
            if EXERCISE_TAG in tags(cell):
                found += re.findall(r"^(?:def|class) (\w+)", cell.source, flags=re.MULTILINE)[-1:]
    return found


def read(path: Path) -> Submission:
    """What is graded of a notebook. Raises Unreadable for what is none of the course's."""
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"larger than {LARGEST:,} bytes")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        cells = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    except Exception as error:  # whatever is in the file
        first = str(error).splitlines()[0] if str(error) else ""
        raise Unreadable(f"no notebook: {type(error).__name__}: {first}"[:200]) from None
    kept, problems = [], []
    for number, cell in enumerate(cells, start=1):
        try:
            kept.append(definitions(cell))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f"code cell {number}" + (f", line {line}" if line else "")
            problems.append(
                f"{where}: {type(error).__name__}: {getattr(error, 'msg', error)}"[:200]
            )
    code = "\n".join(kept)
    counts: dict[Lesson, int] = {}
    for name in re.findall(r"^(?:def|class) (\w+)", "\n".join(cells), flags=re.MULTILINE):
        for lesson in _wanted().get(name, ()):
            counts[lesson] = counts.get(lesson, 0) + 1
    if not counts:
        raise Unreadable("it defines none of the course's exercises")
    return Submission(max(counts, key=lambda lesson: counts[lesson]), code, tuple(problems))


def definitions(cell: str) -> str:
    """The imports, functions and classes of a cell, and names for constants; the rest left out.

    Lines that only notebooks understand (%magic, !shell, ?) are left out first.
    """
    lines = [
        "" if re.match(r"\s*[%!?]", line) or line.rstrip().endswith("?") else line
        for line in cell.splitlines()
    ]
    kept: list[ast.stmt] = []
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            kept.append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                ast.literal_eval(node.value)
                kept.append(node)
    return ast.unparse(ast.Module(kept, []))


def grade(
    path: Path,
    *,
    seconds: float = SECONDS,
    megabytes: int = MEGABYTES,
    seed: str = "",
    name: str = "",
) -> list[dict[str, Any]]:
    """A row for each exercise of the notebook's lesson (one alone, if it cannot be graded).

    `seed`: see lessons.exercises.graded.
    """
    file = _plain(name or path.name)
    try:
        submission = read(path)
    except (Unreadable, OSError) as error:
        return [_row(file, "", "", "unreadable", str(error))]
    lesson = submission.lesson
    wanted = names(lesson)
    found, end = _run(submission, wanted, seconds, megabytes, seed)
    rows = []
    for exercise in wanted:
        status, message = found.get(exercise, ("stopped", end))
        if status == "missing" and submission.problems:
            message = f"{message}; {'; '.join(submission.problems)}"
        rows.append(_row(file, lesson.no, exercise, status, message))
    return rows


def _row(file: str, lesson: str, exercise: str, status: str, message: str) -> dict[str, Any]:
    values = (file, lesson, exercise, status, int(status == "right"), _plain(message))
    return dict(zip(COLUMNS, values, strict=True))


def _plain(text: str) -> str:
    """One line for a table: a cell that begins like a formula would be run by a spreadsheet."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    line = "".join(c for c in line if c.isprintable())[:500]
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def _run(
    submission: Submission, wanted: Sequence[str], seconds: float, megabytes: int, seed: str
) -> tuple[dict[str, tuple[str, str]], str]:
    """What the process said of each exercise, and how it ended."""
    token = secrets.token_hex(16)  # so that a line which the student's code prints is no result
    job = {
        "slug": submission.lesson.slug,
        "names": [*wanted],
        "code": submission.definitions,
        "megabytes": megabytes,
        "seconds": seconds,
        "token": token,
    }
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "lessons.grade_one"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder) | {GRADE_SEED: seed},
            start_new_session=True,
        )
        late = False
        try:
            out, _ = process.communicate(json.dumps(job).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            _end(process)
            out, _ = process.communicate()
        finally:
            _end(process)
    end = f"the process ended with status {process.returncode}"
    if late:
        end = f"stopped after {seconds:g} seconds"
    elif process.returncode < 0:
        end = f"the process was ended by {signal.Signals(-process.returncode).name}"
    found = {}
    for line in out.decode("utf-8", "replace").splitlines():
        if line.startswith(token):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line.removeprefix(token))
                found[str(said["name"])] = (str(said["status"]), str(said["message"]))
    return found, end


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the grader's: no keys, no home, no cache; what Python and Windows cannot lack."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "LANG", "LC_ALL")}
    return kept | {
        "HOME": folder,
        "TMPDIR": folder,
        "TEMP": folder,
        "MINIGPT_HOME": folder,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def main(arguments: Sequence[str]) -> int:
    """Grade all notebooks below a folder into a table."""
    parser = argparse.ArgumentParser(prog="python -m lessons grade", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the notebooks are, at any depth")
    parser.add_argument("--out", type=Path, default=Path("grades.csv"), help="the table")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each notebook")
    parser.add_argument("--memory", type=int, default=MEGABYTES, help="megabytes for each")
    parser.add_argument("--seed", default="", help="a secret number: inputs that no one else has")
    parser.add_argument("--processes", type=int, default=2, help="notebooks at a time")
    args = parser.parse_args(arguments)
    if args.seed and not args.seed.isdecimal():
        raise ValueError(f"--seed {args.seed}: choose a whole number that you keep to yourself")
    if not args.folder.is_dir():
        raise ValueError(f"{args.folder} is no folder: name the one with the notebooks")
    files = sorted(
        path
        for path in args.folder.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts and path.is_file()
    )
    if not files:
        raise ValueError(f"there is no notebook (*.ipynb) in {args.folder} or below")

    def one(path: Path) -> list[dict[str, Any]]:
        rows = grade(
            path,
            seconds=args.seconds,
            megabytes=args.memory,
            seed=args.seed,
            name=path.relative_to(args.folder).as_posix(),
        )
        points = sum(row["points"] for row in rows)
        print(f"{rows[0]['file']}: {points} of {len(rows)}", flush=True)
        return rows

    exercises_known = len(_wanted())  # once, before the threads ask for it
    with ThreadPoolExecutor(args.processes) as pool:
        rows = [row for some in pool.map(one, files) for row in some]
    write_csv(args.out, rows)
    print(f"wrote {args.out}: {len(files)} notebooks, {exercises_known} exercises in the course")
    return 0
