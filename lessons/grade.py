"""Grading a folder of notebooks into a table: python -m lessons grade FOLDER --out grades.csv.

Each notebook is checked in a process of its own (grade_one.py) with limits of time and memory, in
an empty folder, with an environment that holds nothing of yours; where one ends before its time,
another does the rest. Run are imports, definitions and what these need, not the notebook. All
notebooks are read before the first is run, and the table is written anew after each. What that
keeps out, and what it does not, stands in docs/classroom.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from lessons.course import ROOT
from lessons.submission import LARGEST, Submission, asked, read_or_say, standing_in
from lessons.sweeps import write_csv

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
    return _graded(read_or_say(path), name or path.name, seconds, megabytes, seed)


def _graded(
    submission: Submission | str, name: str, seconds: float, megabytes: int, seed: str
) -> list[dict[str, Any]]:
    file = _plain(name)
    if isinstance(submission, str):
        return [_row(file, "", "", "unreadable", submission)]
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
        "cells": [[n, submission.cells[n], places] for n, places in submission.run.items()],
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
        for path in args.folder.rglob("*")
        if path.suffix.lower() == ".ipynb"
        and ".ipynb_checkpoints" not in path.parts
        and not path.is_dir()
    )
    if not files:
        raise ValueError(f"there is no notebook (*.ipynb) in {args.folder} or below")
    # All are read before the first one runs, which could change the others.
    submissions = [read_or_say(path) for path in files]
    names = [path.relative_to(args.folder).as_posix() for path in files]
    with ThreadPoolExecutor(args.processes) as pool:
        running = [
            pool.submit(_graded, submission, name, args.seconds, args.memory, args.seed)
            for submission, name in zip(submissions, names, strict=True)
        ]
        for done in as_completed(running):
            rows = done.result()
            points = sum(row["points"] for row in rows)
            _say(f"{rows[0]['file']}: {points} of {len(rows)}")
            # What is finished is kept, whatever the next one does to this process.
            write_csv(args.out, [row for one in running if one.done() for row in one.result()])
    _say(f"wrote {args.out}: {len(files)} notebooks, {len(standing_in())} exercises in the course")
    return 0


def _say(text: str) -> None:
    """Print a line that a terminal of any encoding can show: a file may have any name."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
