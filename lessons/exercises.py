"""The check framework: runs a student's attempt on hidden inputs and answers in three plain lines.

A lesson registers its checks in `lessons/<slug>/exercises.py`:

    from lessons.exercises import Wrong, check, exercise, expect_close

    @exercise("double", hint="Twice x is x + x.", wrong=[Wrong("def double(x): return x", "twice")])
    def _(attempt):
        expect_close(attempt(3.0), 6.0, what="double(3.0)", think="Is it twice the number?")

and its notebook calls `exercises.check("double", double)`. The attempt has the exercise's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import linecache
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import torch

from lessons.answers import NotRight, describe, expect, expect_close, one_line, refuse_known
from lessons.timelimit import TimeLimitReached, call_within

__all__ = [
    "Attempt",
    "Exercise",
    "NotRight",
    "Outcome",
    "Wrong",
    "check",
    "describe",
    "exercise",
    "expect",
    "expect_close",
    "graded",
    "hidden",
    "load_attempt",
    "outcome",
    "refuse_known",
    "registered",
    "solution",
    "use_seed",
]

Status = Literal["right", "not right", "not attempted"]
SETUP = "import math\nimport numpy as np\nimport torch\nimport torch.nn.functional as F\n"


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that students give: its code, and a part of the message it must get."""

    code: str
    says: str


@dataclass(frozen=True)
class Exercise:
    """A registered check; `setup` is what the lesson has imported and defined where it stands."""

    name: str
    hint: str
    wrong: tuple[Wrong, ...]
    check: Callable[[Any], None]
    returns: bool
    seconds: float
    setup: str

    @property
    def module(self) -> str:
        return self.check.__module__


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt, and the text that the student reads."""

    status: Status
    message: str


_EXERCISES: dict[str, Exercise] = {}
GRADE_SEED = "MINIGPT_GRADE_SEED"
_SEED: list[str] = []  # what use_seed was given, and then it counts instead of the environment
TRIES = 2  # that are not right, before the solution can be seen
_TRIED: Counter[str] = Counter()


def exercise(
    name: str,
    *,
    hint: str,
    wrong: Iterable[Wrong] = (),
    returns: bool = True,
    seconds: float = 10.0,
    setup: str = SETUP,
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register the decorated function as the check of the exercise `name`.

    It gets the attempt, calls it on inputs of its own, and raises NotRight (or lets `expect` or
    `expect_close` do so). `hint` is the first hint, shown for the stub; `returns=False` allows an
    attempt to return None; each call of the attempt may take `seconds`; `setup` is run before a
    solution or wrong answer in the tests. Raises ValueError when another module has the name.
    """

    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        known = _EXERCISES.get(name)
        if known is not None and known.module != function.__module__:
            raise ValueError(f"exercise {name!r} stands in {known.module} too; choose another name")
        _EXERCISES[name] = Exercise(name, hint, tuple(wrong), function, returns, seconds, setup)
        return function

    return register


def registered(module: str) -> list[Exercise]:
    """The exercises that a module registered, in order."""
    return [entry for entry in _EXERCISES.values() if entry.module == module]


def graded(seed: int) -> int:
    """The seed of a check's hidden inputs: `seed`, or one mixed with what the grader keeps secret.

    That is the number of `python -m lessons grade --seed`, or in the environment's
    MINIGPT_GRADE_SEED (for nbgrader), so that answers learnt by heart from this public file do not
    pass where it counts. Raises ValueError if it is no whole number.
    """
    secret = _SEED[0] if _SEED else os.environ.get(GRADE_SEED, "")
    if not secret:
        return seed
    if not secret.isdecimal():
        raise ValueError(f"{GRADE_SEED}={secret!r}: choose a whole number, or leave it unset")
    digest = hashlib.sha256(f"{secret} {seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def use_seed(secret: str) -> None:
    """Mix hidden inputs with `secret` from now on, whatever the environment says; "" for nothing.

    The environment forgets its number, and what is started from here does not inherit it.
    """
    _SEED[:] = [secret]
    os.environ.pop(GRADE_SEED, None)


def hidden(seed: int) -> torch.Generator:
    """A generator for hidden inputs; see `graded`."""
    return torch.Generator().manual_seed(graded(seed))


def check(name: str, attempt: object) -> None:
    """Print how far `attempt` is on exercise `name`: right, not right yet, or not attempted yet.

    After TRIES attempts that are not right it says how to see a solution.
    """
    found = outcome(name, attempt)
    print(found.message)
    if found.status == "not right":
        _TRIED[name] += 1
        if _TRIED[name] >= TRIES:
            print(f'  stuck?    from lessons.exercises import solution; solution("{name}")')


def solution(name: str) -> None:
    """Print the solution of an exercise, once it was tried often enough in this session.

    Raises ValueError for an unknown exercise.
    """
    entry = _entry(name)
    if (left := TRIES - _TRIED[name]) > 0:
        print(f"… {name}: try it first; the solution opens after {left} more attempt(s)")
        return
    from lessons.course import find_lesson, read_course
    from lessons.source import solutions

    lesson = find_lesson(entry.module.split(".")[-2], read_course())
    for source in lesson.sources:
        for code in solutions(source):
            if re.search(rf"^(def|class) {name}\b", code, flags=re.MULTILINE):
                print(code)


def _entry(name: str) -> Exercise:
    if name not in _EXERCISES:
        raise ValueError(f"no exercise is called {name!r}; there are: {', '.join(_EXERCISES)}")
    return _EXERCISES[name]


def outcome(name: str, attempt: object) -> Outcome:
    """What `check` would print, with its status. Raises ValueError for an unknown exercise only."""
    entry = _entry(name)
    if attempt is ... or attempt is None:
        return _not_attempted(entry)
    guarded = Attempt(entry, attempt) if callable(attempt) else attempt
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            entry.check(guarded)
    except NotRight as not_right:
        problem = not_right
        if isinstance(guarded, Attempt) and guarded.forgot_return and printed.getvalue():
            problem.think = "`print` shows a value, only `return` hands it back."
    except TimeLimitReached:
        problem = NotRight(
            expected=f"an answer within {entry.seconds:g} seconds",
            came="none: your code was still running and was stopped",
            think="What ends the loop, and does it come nearer with every round?",
        )
    except (Exception, SystemExit) as error:
        where = _student_frame(entry, error.__traceback__, attempt)
        if isinstance(error, NotImplementedError) and where is not None and where.last:
            return _not_attempted(entry)
        problem = _from_error(entry, error, where, attempt)
    else:
        return Outcome("right", f"✓ {name}: right")
    return _not_right(entry, problem, printed.getvalue())


class Attempt:
    """The student's function as a check sees it: with a time limit and a look at call and return.

    `function` is the function itself.
    """

    def __init__(self, entry: Exercise, function: Callable[..., Any]) -> None:
        self.function = function
        self.forgot_return = False
        self._entry = entry

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_arguments(args, kwargs)
        result = call_within(self._entry.seconds, self.function, *args, **kwargs)
        if result is None and self._entry.returns:
            self.forgot_return = True
            raise NotRight(
                expected=f"{self._entry.name} to return a value",
                came="None, which is what a function returns without `return`",
                think="Does every way through your function end in `return`?",
            )
        return result

    def _check_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            given = ", ".join(["…"] * len(args) + [f"{key}=…" for key in kwargs])
            raise NotRight(
                expected=f"{self._entry.name} to be callable as {self._entry.name}({given})",
                came=f"def {self._entry.name}{signature}: {error}",
                think="Compare the line that starts with `def` with the one in the stub.",
            ) from None


def load_attempt(entry: Exercise, code: str) -> Any:
    """What `code` defines under the exercise's name, after the exercise's own set-up."""
    namespace: dict[str, Any] = {"__name__": "attempt"}
    exec(compile(entry.setup, "<setup>", "exec"), namespace)
    exec(compile(code, "<attempt>", "exec"), namespace)
    if entry.name not in namespace:
        raise ValueError(f"this code does not define {entry.name!r}:\n{code}")
    return namespace[entry.name]


@dataclass(frozen=True)
class _Where:
    """A line of the student's code in a traceback; `last` when nothing was called from it."""

    line: int
    text: str
    last: bool


def _student_frame(entry: Exercise, trace: TracebackType | None, attempt: object) -> _Where | None:
    function = inspect.unwrap(attempt) if callable(attempt) else attempt
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc]
    code = getattr(function, "__code__", None)
    file = getattr(code, "co_filename", None)
    frames = list(traceback.walk_tb(trace))
    for position, (frame, line) in reversed(list(enumerate(frames))):
        name = frame.f_code.co_filename
        if frame.f_code is entry.check.__code__:
            break
        if name == file or name.startswith("<attempt>") or "ipykernel_" in name:
            text = linecache.getline(name, line).strip()
            return _Where(line, text, last=position == len(frames) - 1)
    return None


_THINK = {
    NameError: "Is every name either an argument or defined before this line?",
    IndexError: "How long is what you index, and where does the index start?",
    KeyError: "Which keys are there, and what if one was never seen?",
    ZeroDivisionError: "When is the divisor zero, and what should come out then?",
    RecursionError: "What stops the function from calling itself?",
    AttributeError: "Is this the type you think it is? Print type(...) before the line.",
    UnicodeDecodeError: "Which bytes form no character? bytes.decode has an argument for them.",
    RuntimeError: "Print the shapes and types of what meets in this line.",
}


def _from_error(
    entry: Exercise, error: BaseException, where: _Where | None, attempt: object
) -> NotRight:
    message = f"{type(error).__name__}: {one_line(str(error))}".rstrip(": ")
    if where is None and not callable(attempt) and "not callable" in message:
        return NotRight(
            expected=f"a function called {entry.name}",
            came=describe(attempt),
            think="Did a later line give this name to something else?",
        )
    if where is None:
        return NotRight(
            expected="a value that the check can work with",
            came=f"one that led to {message}",
            think="Does the type of what you return fit what the text asks for?",
        )
    think = next((text for kind, text in _THINK.items() if isinstance(error, kind)), None)
    code = f" (`{one_line(where.text, 80)}`)" if where.text else ""
    return NotRight(
        expected=f"{entry.name} to run without an error",
        came=f"{message}, in line {where.line} of your code{code}",
        think=think or "Read that line aloud: which value in it is not what you expect?",
    )


def _not_attempted(entry: Exercise) -> Outcome:
    return Outcome(
        "not attempted", f"… {entry.name}: not attempted yet\n  first hint: {entry.hint}"
    )


def _not_right(entry: Exercise, problem: NotRight, printed: str) -> Outcome:
    lines = [
        f"✗ {entry.name}: not right yet",
        f"  expected: {one_line(problem.expected)}",
        f"  came:     {one_line(problem.came)}",
        f"  think:    {problem.think}",
    ]
    if printed.strip():
        lines.append(f"  printed:  {one_line(printed)}")
    return Outcome("not right", "\n".join(lines))
