"""Grading a folder of notebooks into a table: python -m lessons grade FOLDER --out grades.csv.

Each notebook is checked in a process of its own (grade_one.py) with limits of time and memory, in
an empty folder, with an environment that holds nothing of yours; where one ends before its time,
another does the rest. Run are definitions and imports alone, not the notebook. What that keeps out,
and what it does not, stands in docs/classroom.md.
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
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from lessons.course import ROOT, Lesson, Source, read_course
from lessons.source import EXERCISE_TAG, solved_notebook, student_notebook, tags
from lessons.sweeps import write_csv

LARGEST = 20_000_000  # bytes of a notebook
SECONDS, MEGABYTES = 120.0, 4096
PROCESSES = 20  # that one notebook may have at a time
LOOK = 0.25  # seconds between two looks at them
MARK = "MINIGPT_GRADE_RUN"
# The seed goes to the process by its input: what stands in its environment or its command line
# can be read in /proc for as long as it lives.
START = """\
import sys
from lessons import exercises, grade_one
exercises.use_seed(sys.stdin.buffer.readline().decode().strip())
sys.exit(grade_one.main())
"""
COLUMNS = ("file", "lesson", "exercise", "status", "points", "message")


class Unreadable(Exception):
    """A file that cannot be graded; the message says why in one line."""


@dataclass(frozen=True)
class Submission:
    """What is graded of one notebook: the code of its definitions, and which notebook it is."""

    source: Source
    definitions: str
    problems: tuple[str, ...]  # cells that do not parse


@cache
def _wanted() -> dict[str, tuple[Source, ...]]:
    """Each exercise of the course and the notebooks that it stands in."""
    found: dict[str, tuple[Source, ...]] = {}
    for lesson in read_course():
        for source in lesson.sources:
            for name in asked(source):
                found[name] = (*found.get(name, ()), source)
    return found


@cache
def _given_out(source: Source) -> str:
    """What the metadata of the students' notebook says of its source."""
    return str(student_notebook(source).metadata["minigpt"]["source_sha256"])


def asked(source: Source) -> list[str]:
    """The exercises of one notebook, in order."""
    found = []
    for cell in solved_notebook(source).cells:
        if EXERCISE_TAG in tags(cell):
            found += re.findall(r"^(?:def|class) (\w+)", cell.source, flags=re.MULTILINE)[-1:]
    return found


def names(lesson: Lesson) -> list[str]:
    """The exercises of a lesson, in order; none if it is not written."""
    return [name for source in lesson.sources for name in asked(source)]


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
    counts: dict[Source, int] = {}
    for name in set(re.findall(r"^(?:def|class) (\w+)", "\n".join(cells), flags=re.MULTILINE)):
        for source in _wanted().get(name, ()):
            counts[source] = counts.get(source, 0) + 1
    if not counts:
        raise Unreadable("it defines none of the course's exercises")
    about = notebook.metadata.get("minigpt")
    given = about.get("source_sha256") if isinstance(about, dict) else None

    def fits(source: Source) -> tuple[bool, bool, int]:
        named = source.notebook.stem in path.stem
        return given == _given_out(source), named, counts[source]

    return Submission(max(counts, key=fits), code, tuple(problems))


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
    """A row for each exercise of the notebook (one alone, if it cannot be graded).

    Which of the course's notebooks it is say its metadata, else its name, else what it defines; it
    has to define an exercise of that one. `seed`: see lessons.exercises.graded.
    """
    file = _plain(name or path.name)
    try:
        submission = read(path)
    except (Unreadable, OSError) as error:
        return [_row(file, "", "", "unreadable", str(error))]
    wanted = asked(submission.source)
    number = submission.source.notebook.stem.split("_")[0]  # 06, or 06b for a second notebook
    found = _outcomes(submission, wanted, seconds, megabytes, seed)
    rows = []
    for exercise in wanted:
        status, message = found[exercise]
        if status == "missing" and submission.problems:
            message = f"{message}; {'; '.join(submission.problems)}"
        rows.append(_row(file, number, exercise, status, message))
    return rows


def _row(file: str, lesson: str, exercise: str, status: str, message: str) -> dict[str, Any]:
    values = (file, lesson, exercise, status, int(status == "right"), _plain(message))
    return dict(zip(COLUMNS, values, strict=True))


def _plain(text: str) -> str:
    """One line for a table: a cell that begins like a formula would be run by a spreadsheet."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    line = "".join(c for c in line if c.isprintable())[:500]
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def _outcomes(
    submission: Submission, wanted: Sequence[str], seconds: float, megabytes: int, seed: str
) -> dict[str, tuple[str, str]]:
    """Status and message of each exercise; one that ends its process costs no other.

    No process has more than `seconds`, and all of a notebook no more than twice that.
    """
    found: dict[str, tuple[str, str]] = {}
    left, until = [*wanted], time.monotonic() + 2 * seconds
    end = ""
    while left:
        if (most := min(seconds, until - time.monotonic())) < min(10.0, seconds / 2):
            return found | dict.fromkeys(left, ("stopped", f"no time was left for it: {end}"))
        said, end = _run(submission, left, most, megabytes, seed)
        found |= {name: said[name] for name in left if name in said}
        left = [name for name in left if name not in found]
        if left:
            found[left.pop(0)] = ("stopped", end)
    return found


def _run(
    submission: Submission, wanted: Sequence[str], seconds: float, megabytes: int, seed: str
) -> tuple[dict[str, tuple[str, str]], str]:
    """What one process said of each exercise, and how it ended."""
    token = secrets.token_hex(16)  # so that a line which the student's code prints is no result
    mark = secrets.token_hex(16)
    job = {
        "slug": submission.source.lesson.slug,
        "names": [*wanted],
        "code": submission.definitions,
        "megabytes": megabytes,
        "seconds": seconds,
        "token": token,
    }
    # What a process left running may still write here while the folders are removed.
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own,
    ):
        # A file: a pipe would stay open for as long as any process that inherited it.
        results = Path(own) / "results"
        with results.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", START],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(folder) | {MARK: mark},
                start_new_session=True,
            )
        try:
            stopped = _watch(process, f"{seed}\n{json.dumps(job)}".encode(), mark, seconds)
        finally:
            _end(process, mark)
        with results.open("rb") as file:
            lines = file.read(LARGEST).decode("utf-8", "replace").splitlines()
    found = {}
    for line in lines:
        if line.startswith(token):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line.removeprefix(token))
                found[str(said["name"])] = (str(said["status"]), str(said["message"]))
    return found, stopped or _how_it_ended(process.returncode)


def _watch(process: subprocess.Popen[bytes], job: bytes, mark: str, seconds: float) -> str:
    """Give the process its job and wait for its end; why it has to be stopped, if it has to be."""
    until = time.monotonic() + seconds
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it ended before it read
        process.stdin.write(job)
    with contextlib.suppress(OSError):
        process.stdin.close()
    while (left := until - time.monotonic()) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(left, LOOK))
            return ""
        if len(_marked(mark)) > PROCESSES:
            return f"stopped: it had started more than {PROCESSES} processes"
    return f"stopped after {seconds:.0f} seconds"


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"the process ended with status {code}"
    try:
        return f"the process was ended by {signal.Signals(-code).name}"
    except ValueError:  # the real-time signals have no names
        return f"the process was ended by signal {-code}"


def _marked(mark: str) -> list[int]:
    """The processes with this mark in their environment, as their children have; Linux alone."""
    entry = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdecimal():
            with contextlib.suppress(OSError):  # of another user, or ended meanwhile
                if entry in Path("/proc", name, "environ").read_bytes():
                    found.append(int(name))
    return found


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the process and what it started: its group, and on Linux all that have its mark."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while (alive := _marked(mark)) and time.monotonic() < until:
        for number in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)


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
