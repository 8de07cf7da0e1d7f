"""The process that checks one submission; grade.py starts it, and reads what it prints."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import linecache
import os
import sys
from types import CodeType
from typing import Any


def limit(megabytes: int, seconds: float) -> None:
    """Bound this process where the system can: memory, time on the processor, size of files."""
    try:
        import resource
    except ImportError:  # Windows: the clock of the one who started this process remains
        return
    wanted = {
        "RLIMIT_AS": megabytes * 1_000_000,
        "RLIMIT_CPU": int(seconds) + 1,
        "RLIMIT_FSIZE": 10_000_000,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,
    }
    for name, most in wanted.items():
        if hasattr(resource, name):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, name), (most, most))


def main() -> int:
    """Read a job, run its definitions, print the outcome of each exercise as it is known."""
    job: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    token = job.pop("token")
    # Results go out by a copy of stdout that the student's code has no name for; what it prints
    # goes nowhere.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    checks = importlib.import_module(f"lessons.{job['slug']}.exercises")
    from lessons import exercises

    entries = {entry.name: entry for entry in exercises.registered(checks.__name__)}
    limit(job["megabytes"], job["seconds"])

    def say(name: str, status: str, message: str) -> None:
        said = {"name": name, "status": status, "message": message}
        out.write(f"{token}{json.dumps(said)}\n")
        out.flush()

    statements = [one for cell in job["cells"] for one in _statements(*cell)]
    for name in job["names"]:
        entry = entries[name]
        namespace: dict[str, Any] = {"__name__": "submission"}
        trouble = ""
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(entry.setup, "<setup>", "exec"), namespace)
            for statement in statements:
                try:
                    exec(statement, namespace)
                except (Exception, SystemExit) as error:  # an import that fails, a bad default
                    trouble = f"{type(error).__name__}: {error}"
        if name not in namespace:
            say(name, "missing", f"no function or class {name} {trouble}".strip())
            continue
        outcome = exercises.outcome(name, namespace[name])
        say(name, outcome.status, outcome.message)
    return 0


def _statements(number: int, text: str, places: list[int]) -> list[CodeType]:
    """The statements of a cell at these places, each compiled by itself, so that one that fails
    does not hide the others. A message can show their lines."""
    file = f"<attempt> code cell {number}"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    body = ast.parse(text).body
    return [compile(ast.Module([body[at]], []), file, "exec") for at in places]


if __name__ == "__main__":
    sys.exit(main())
