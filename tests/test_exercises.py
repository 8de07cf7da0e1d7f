"""The check framework: what students hear, and for every lesson its solutions and wrong answers."""

from __future__ import annotations

import functools
import importlib
import re
from collections import Counter

import pytest
import torch

from lessons import exercises
from lessons.course import read_course
from lessons.exercises import NotRight, describe, expect, expect_close, load_attempt, outcome
from lessons.source import EXERCISE_TAG, solutions, student_notebook, tags


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(exercises, "_EXERCISES", dict(exercises._EXERCISES))


@pytest.fixture
def double():
    @exercises.exercise("double", hint="Twice x is x + x.", seconds=0.3)
    def check(attempt):
        expect_close(attempt(3.0), 6.0, what="double(3.0)", think="Is it twice the number?")
        expect_close(attempt(torch.ones(2, 3)), [[2.0] * 3] * 2, what="double(x)", think="Shapes?")

    return exercises._EXERCISES["double"]


def said(entry, code):
    result = outcome(entry.name, load_attempt(entry, code))
    assert "Traceback" not in result.message
    assert max(len(line) for line in result.message.splitlines()) < 400
    return result


def test_right(double, capsys):
    assert said(double, "def double(x): return 2 * x").status == "right"
    assert exercises.check("double", lambda x: x + x) is None
    assert capsys.readouterr().out == "✓ double: right\n"


@pytest.mark.parametrize(
    "code",
    [
        'def double(x):\n    raise NotImplementedError("your turn")  # replace this line',
        "def double(x):\n    y = x\n    raise NotImplementedError",
        "double = ...",
        "double = None",
    ],
)
def test_the_stub_is_not_attempted_and_gets_the_first_hint(double, code):
    result = said(double, code)
    assert result.status == "not attempted"
    assert "first hint: Twice x is x + x." in result.message


WRONG = [
    (
        "def double(x): return x",
        "expected: double(3.0) to be 6\n  came:     3\n  think:    Is it twice",
    ),
    ("def double(x): return torch.ones(3) * 2 if torch.is_tensor(x) else 2 * x", "shape (3,)"),
    ("def double(x): return 2 * x if x is 3.0 else 'x' * 5000", "to be a number"),
    ("def double(x):\n    y = 2 * x", "without `return`"),
    ("def double(x):\n    print(2 * x)", "`print` shows a value, only `return` hands it back"),
    ("def double(): return 6", "callable as double(…)"),
    ("def double(x, y): return 6", "missing a required argument: 'y'"),
    ("def double(x):\n    return x / 0", "ZeroDivisionError: float division by zero, in line 2"),
    ("def double(x):\n    return y", "NameError: name 'y' is not defined, in line 2 of your code"),
    ("def double(x):\n    while True:\n        pass", "still running and was stopped"),
    (
        "def double(x):\n    while True:\n        try: pass\n        except Exception: pass",
        "within 0.3 seconds",
    ),
    ("def double(x): return double(x)", "RecursionError"),
    ("def double(x): exit()", "SystemExit"),
    ("def double(x): raise ValueError('long' * 5000)", "ValueError: longlong"),
    ("def double(x): return torch.ones(2, 2) @ torch.ones(3, 3)", "cannot be multiplied"),
    ("double = 6", "expected: a function called double"),
    ("class double:\n    def __init__(self, x):\n        x.nothing", "line 3"),
    ("def double(x): return {}", "dict"),
    ("def double(x): return float('nan')", "came:     nan"),
    ("def double(x): return torch.zeros(0)", "shape (0,)"),
]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("code", "says"), WRONG)
def test_every_mistake_is_answered(double, code, says):
    result = said(double, code)
    assert result.status == "not right"
    for part in ("  expected: ", "  came:     ", "  think:    "):
        assert part in result.message
    assert says in result.message


def test_what_a_student_printed_is_shown_short(double):
    result = said(
        double, "def double(x):\n    print('here', x)\n    print('x' * 5000)\n    return x"
    )
    assert "  printed:  here 3.0 xxx" in result.message


def test_a_text_that_cannot_be_shown_is_harmless(double):
    class Nasty(str):
        pass

    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    for value in (Broken(), Nasty("a\x1b[2J\n\u2028b")):
        result = outcome("double", lambda x, value=value: value)
        assert result.status == "not right"
        assert "\x1b" not in result.message
        assert len(result.message.splitlines()) == 4


def test_an_error_in_what_the_check_does_with_a_value_is_no_traceback(double):
    @exercises.exercise("word", hint="A word.")
    def check(attempt):
        expect(attempt().upper() == "A", expected="a", came=attempt(), think="?")

    result = outcome("word", lambda: 3)
    assert "a value that the check can work with" in result.message


def test_a_not_implemented_error_from_a_library_is_an_attempt(double):
    def attempt(x):
        return library(x)

    namespace = {}
    exec(
        compile("def library(x): raise NotImplementedError('no kernel')", "lib.py", "exec"),
        namespace,
    )
    library = namespace["library"]
    assert outcome("double", attempt).status == "not right"


def test_interrupting_the_kernel_still_works(double):
    def attempt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome("double", attempt)


def test_an_exercise_may_allow_none():
    @exercises.exercise("fill", hint="Fill it.", returns=False)
    def check(attempt):
        box = []
        attempt(box)
        expect(box == [1], expected="[1]", came=box, think="What is in the box?")

    assert outcome("fill", lambda box: box.append(1)).status == "right"
    assert "came:     [] (list)" in outcome("fill", lambda box: None).message


def test_a_value_can_be_an_answer():
    @exercises.exercise("bet", hint="Any number between 0 and 8.")
    def check(attempt):
        expect(0 < attempt < 8, expected="between 0 and 8", came=attempt, think="Bits?")

    assert outcome("bet", ...).status == "not attempted"
    assert outcome("bet", 3).status == "right"
    assert "came:     9" in outcome("bet", 9).message
    assert outcome("bet", "three").status == "not right"


def test_names_are_unique_and_known(double):
    def other(attempt):
        pass

    other.__module__ = "lessons.elsewhere"
    with pytest.raises(ValueError, match="choose another name"):
        exercises.exercise("double", hint="")(other)
    with pytest.raises(ValueError, match="no exercise is called 'duoble'"):
        outcome("duoble", abs)


def test_expect_close_compares_shape_then_values():
    expect_close(torch.tensor([1, 2]), [1.0, 2.0], what="x", think="")
    expect_close(1.0 + 1e-7, 1.0, what="x", think="")
    with pytest.raises(NotRight) as error:
        expect_close([[1.0, 2.0]], [[1.0, 3.0]], what="the sum", think="Why?")
    assert (error.value.expected, error.value.came) == ("the sum to be 3 at [0, 1]", "2 at [0, 1]")


def test_values_are_described_short():
    assert describe(torch.zeros(2, 3, 4)) == "tensor of shape (2, 3, 4), float32"
    assert describe(torch.tensor([1, 2])) == "tensor of shape (2,), int64: [1, 2]"
    assert describe("a\nb") == "'a\\nb'"
    assert len(describe(list(range(10_000)))) < 200


def test_a_solution_opens_after_two_attempts(capsys, monkeypatch):
    monkeypatch.setattr(exercises, "_TRIED", Counter())
    exercises.check("hold_out", ...)
    exercises.solution("hold_out")
    assert "after 2 more attempt(s)" in capsys.readouterr().out
    exercises.check("hold_out", lambda documents, fraction, seed: 1)
    assert "stuck?" not in capsys.readouterr().out
    exercises.check("hold_out", lambda documents, fraction, seed: 2)
    assert 'stuck?    from lessons.exercises import solution; solution("hold_out")' in (
        capsys.readouterr().out
    )
    exercises.solution("hold_out")
    shown = capsys.readouterr().out
    assert shown.count("def hold_out(") == 1
    assert said(exercises._EXERCISES["hold_out"], shown).status == "right"
    with pytest.raises(ValueError, match="no exercise is called 'hold_on'"):
        exercises.solution("hold_on")


# Every exercise of every lesson: the solution passes, the stub waits, known mistakes get hints.


LESSONS = [lesson for lesson in read_course() if (lesson.folder / "exercises.py").is_file()]
for lesson in LESSONS:  # now: what is registered within a test is forgotten after it
    importlib.import_module(f"lessons.{lesson.slug}.exercises")


def attempts(entries, cells):
    """Name of an exercise -> the code that defines it."""
    return {
        entry.name: code
        for entry in entries
        for code in cells
        if re.search(rf"^(def|class) {entry.name}\b", code, flags=re.MULTILINE)
    }


def registered(lesson):
    found = exercises.registered(f"lessons.{lesson.slug}.exercises")
    assert found, f"{lesson.slug}/exercises.py registers nothing"
    return found


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_every_exercise_of_a_lesson_is_registered_and_stands_in_a_notebook(lesson):
    cells = [code for source in lesson.sources for code in solutions(source)]
    entries = registered(lesson)
    assert set(attempts(entries, cells)) == {entry.name for entry in entries}
    assert len(entries) == len(cells), "an exercise cell defines what its check is called"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_solutions_pass_stubs_wait_and_wrong_answers_get_their_own_hint(lesson):
    entries = registered(lesson)
    for source in lesson.sources:
        cells = [c.source for c in student_notebook(source).cells if EXERCISE_TAG in tags(c)]
        stubs = attempts(entries, cells)
        for name, code in attempts(entries, solutions(source)).items():
            triple(next(entry for entry in entries if entry.name == name), code, stubs[name])


@pytest.mark.parametrize("secret", ["1", "20261"])
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_other_hidden_inputs_tell_right_from_wrong_too(lesson, secret, monkeypatch):
    monkeypatch.setenv(exercises.GRADE_SEED, secret)
    entries = registered(lesson)
    cells = [code for source in lesson.sources for code in solutions(source)]
    for name, code in attempts(entries, cells).items():
        entry = next(entry for entry in entries if entry.name == name)
        right = outcome(name, load_attempt(entry, code))
        assert right.status == "right", right.message
        for wrong in entry.wrong:
            assert outcome(name, load_attempt(entry, wrong.code)).status == "not right", wrong.code


NO_INPUTS = {"breaking_texts"}  # exercises that ask for something, and have no inputs to draw


def frozen(value):
    """A value as text; of what is no plain data (a function, a model) the type only."""
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)} {value.tolist()}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{frozen(k)}: {frozen(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(frozen, value))}]"
    if value is None or isinstance(value, str | bytes | int | float):
        return repr(value)
    return type(value).__name__


def watched(attempt, calls):
    """`attempt`, which notes what it is called with."""

    @functools.wraps(attempt)
    def watching(*args, **kwargs):
        calls.append(frozen((args, kwargs)))
        return attempt(*args, **kwargs)

    return watching


def fitted(attempt, calls):
    """An answer fitted to `calls`: as `attempt` for these, and of no use for others."""

    @functools.wraps(attempt)
    def fitting(*args, **kwargs):
        return attempt(*args, **kwargs) if frozen((args, kwargs)) in calls else "not learnt"

    return fitting


def status_with(monkeypatch, secret, name, attempt):
    if secret is None:
        monkeypatch.delenv(exercises.GRADE_SEED, raising=False)
    else:
        monkeypatch.setenv(exercises.GRADE_SEED, secret)
    return outcome(name, attempt).status


def solved():
    """Every exercise with its solution."""
    for lesson in LESSONS:
        cells = [code for source in lesson.sources for code in solutions(source)]
        entries = registered(lesson)
        for name, code in attempts(entries, cells).items():
            entry = next(entry for entry in entries if entry.name == name)
            yield name, load_attempt(entry, code)


def test_a_secret_draws_other_inputs_for_every_exercise_that_has_some(monkeypatch):
    fixed, without = set(), set()
    for name, attempt in solved():
        inputs = {}
        for secret in (None, "1", "20261"):
            calls = inputs[secret] = []
            status = status_with(monkeypatch, secret, name, watched(attempt, calls))
            assert status == "right", name
            assert calls, name
        if len({str(calls) for calls in inputs.values()}) < len(inputs):
            fixed.add(name)
        if {call for calls in inputs.values() for call in calls} == {frozen(((), {}))}:
            without.add(name)
    assert fixed == NO_INPUTS, "draw with `hidden` or `graded`; who draws is no exception"
    assert without == NO_INPUTS, "an exception has no inputs"


@pytest.mark.parametrize(("learnt", "graded"), [(None, "1"), ("1", "20261"), ("20261", None)])
def test_an_answer_fitted_to_the_inputs_of_one_secret_fails_under_another(
    learnt, graded, monkeypatch
):
    for name, attempt in solved():
        calls = []
        status_with(monkeypatch, learnt, name, watched(attempt, calls))
        assert status_with(monkeypatch, learnt, name, fitted(attempt, calls)) == "right", name
        wanted = "right" if name in NO_INPUTS else "not right"
        assert status_with(monkeypatch, graded, name, fitted(attempt, calls)) == wanted, name


def test_hidden_inputs_follow_the_graders_secret(monkeypatch):
    assert exercises.graded(6) == 6
    plain = torch.rand(3, generator=exercises.hidden(6))
    assert torch.equal(plain, torch.rand(3, generator=torch.Generator().manual_seed(6)))
    monkeypatch.setenv(exercises.GRADE_SEED, "77")
    secret = exercises.graded(6)
    assert secret != 6
    assert exercises.graded(7) != secret == exercises.graded(6)
    assert not torch.equal(plain, torch.rand(3, generator=exercises.hidden(6)))
    monkeypatch.setenv(exercises.GRADE_SEED, "seven")
    with pytest.raises(ValueError, match="MINIGPT_GRADE_SEED='seven': choose a whole number"):
        exercises.graded(6)


def triple(entry, solution, stub):
    right = outcome(entry.name, load_attempt(entry, solution))
    assert right.status == "right", right.message
    waiting = outcome(entry.name, load_attempt(entry, stub))
    assert waiting.status == "not attempted", waiting.message
    assert entry.hint in waiting.message
    assert len(entry.wrong) >= 2, f"{entry.name} needs two wrong answers"
    assert len({wrong.says for wrong in entry.wrong}) == len(entry.wrong), "hints of their own"
    for wrong in entry.wrong:
        result = outcome(entry.name, load_attempt(entry, wrong.code))
        assert result.status == "not right", f"passes, but is wrong:\n{wrong.code}"
        assert wrong.says in result.message, result.message
