"""Grading: right, stub, wrong, and what students (and others) hand in besides."""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

import nbformat
import pytest

from lessons import build, grade, solutions
from lessons.course import find_lesson, read_course
from lessons.source import EXERCISE_TAG, solved_notebook, student_notebook, tags

LESSON = find_lesson("06", read_course())
NAMES = grade.names(LESSON)


def notebook(path: Path, *cells: str) -> Path:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(made, path)
    return path


def solved() -> list[str]:
    """The code cells of lesson 06 with its solutions."""
    return [
        c.source
        for source in LESSON.sources
        for c in solved_notebook(source).cells
        if c.cell_type == "code"
    ]


def solution(name: str) -> str:
    return next(cell for cell in solved() if f"def {name}(" in cell)


def statuses(path: Path, **limits: float) -> dict[str, str]:
    rows = grade.grade(path, **limits)  # type: ignore[arg-type]
    assert all(row["points"] == (row["status"] == "right") for row in rows)
    return {row["exercise"]: row["status"] for row in rows}


def test_the_solutions_are_right_and_nothing_else_of_the_notebook_runs(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", *solved(), "open('ran', 'w')", "1 / 0")
    assert statuses(path) == dict.fromkeys(NAMES, "right")
    assert not (tmp_path / "ran").exists()


def test_the_students_notebook_as_it_came_is_not_attempted(tmp_path: Path) -> None:
    made = student_notebook(LESSON.sources[0])
    nbformat.write(made, tmp_path / "b.ipynb")
    found = statuses(tmp_path / "b.ipynb")
    core = [c.source for c in made.cells if EXERCISE_TAG in tags(c)]
    asked = [name for name in NAMES if any(f"def {name}(" in cell for cell in core)]
    assert {name: found[name] for name in asked} == dict.fromkeys(asked, "not attempted")


def test_a_wrong_answer_gets_its_hint_and_helpers_of_ones_own_count(tmp_path: Path) -> None:
    name, other = NAMES[0], NAMES[1]
    renamed = solution(name).replace(f"def {name}(", "def helper(")
    path = notebook(
        tmp_path / "c.ipynb",
        "%matplotlib inline\nimport torch\n!ls\ntorch.nn?",
        renamed,
        f"def {name}(*args):\n    return helper(*args)",
        f"def {other}(*args):\n    return 42",
        "def broken(:\n    pass",
    )
    rows = {row["exercise"]: row for row in grade.grade(path)}
    assert rows[name]["status"] == "right"
    assert rows[other]["status"] == "not right"
    assert "think:" in rows[other]["message"]
    missing = [row for row in rows.values() if row["status"] == "missing"]
    assert all("code cell 5, line 1: SyntaxError" in row["message"] for row in missing)


ATTACKS = {
    "endless": "def {name}(*args):\n    while True:\n        pass",
    "endless at import": "class Trap:\n    while True:\n        pass\n",
    "exit": "def {name}(*args):\n    import os\n    os._exit(0)",
    "crash": "def {name}(*args):\n    import ctypes\n    ctypes.string_at(0)",
    "fake": 'def {name}(*args):\n    print(\'{{"name": "{name}", "status": "right"}}\')',
    "deep": "def {name}(*args):\n    return {name}(*args)",
    "quits": "def {name}(*args):\n    raise SystemExit",
    "keys": "def {name}(*args):\n    raise KeyboardInterrupt",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_code_is_survived(tmp_path: Path, attack: str) -> None:
    name = NAMES[0]
    code = ATTACKS[attack].format(name=name)
    path = notebook(tmp_path / "d.ipynb", code, f"{name} = {name}" if "def" in code else "")
    if "def" not in code:
        path = notebook(tmp_path / "d.ipynb", code, solution(name))
    start = time.perf_counter()
    rows = grade.grade(path, seconds=25)
    assert time.perf_counter() - start < 60
    row = next(row for row in rows if row["exercise"] == name)
    assert row["status"] != "right", row
    assert row["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS binds on Linux alone")
def test_memory_and_files_are_bounded(tmp_path: Path) -> None:
    name, other = NAMES[:2]
    path = notebook(
        tmp_path / "e.ipynb",
        f"def {name}(*args):\n    return bytearray(50_000_000_000)",
        f"def {other}(*args):\n    with open('big', 'wb') as f:\n        f.write(bytes(50**5))",
    )
    rows = {row["exercise"]: row for row in grade.grade(path)}
    assert "MemoryError" in rows[name]["message"]
    assert rows[other]["status"] in ("not right", "stopped")
    assert not list(tmp_path.glob("big"))


def test_the_graders_secrets_are_out_of_reach_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    name = NAMES[0]
    path = notebook(
        tmp_path / "f.ipynb",
        f"def {name}(*args):\n    import os\n"
        "    raise ValueError(' '.join(os.environ) + ' ' + os.path.expanduser('~') + os.getcwd())",
    )
    row = next(row for row in grade.grade(path) if row["exercise"] == name)
    assert "API_KEY" not in row["message"]
    assert str(Path.home()) not in row["message"]
    assert os.getcwd() not in row["message"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no notebook"),
        (b"\xff\xfe\x00", "no notebook"),
        (b'{"cells": 1}', "no notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "none of the"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_named(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "x.ipynb").write_bytes(content)
    (row,) = grade.grade(tmp_path / "x.ipynb")
    assert row["status"] == "unreadable"
    assert says in row["message"]


def test_a_secret_seed_gives_other_inputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = notebook(tmp_path / "a.ipynb", *solved())
    rows = grade.grade(path, seed="12345")
    assert all(row["status"] == "right" for row in rows)
    peeking = (
        "def {}(*args):\n    import os\n    raise ValueError(os.environ['MINIGPT_GRADE_SEED'])"
    )
    path = notebook(tmp_path / "b.ipynb", peeking.format(NAMES[0]))
    row = next(r for r in grade.grade(path, seed="12345") if r["exercise"] == NAMES[0])
    assert "12345" in row["message"]  # as the page for instructors says: code that runs can look
    assert build.main(["grade", str(tmp_path), "--seed", "mine"]) == 2
    assert "choose a whole number" in capsys.readouterr().err


def test_a_folder_becomes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "handed in é"
    (folder / "deep" / ".ipynb_checkpoints").mkdir(parents=True)
    notebook(folder / "=cmd.ipynb", solution(NAMES[0]))
    notebook(folder / "deep" / "ben.ipynb", "x = 1")
    notebook(folder / "deep" / ".ipynb_checkpoints" / "ben.ipynb", "x = 1")
    assert build.main(["grade", str(folder), "--out", str(tmp_path / "g.csv")]) == 0
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == [*grade.COLUMNS]
    assert {row["file"] for row in rows} == {"'=cmd.ipynb", "deep/ben.ipynb"}
    assert sum(int(row["points"]) for row in rows) == 1
    assert f"'=cmd.ipynb: 1 of {len(NAMES)}" in capsys.readouterr().out
    assert build.main(["grade", str(tmp_path / "none")]) == 2
    assert build.main(["grade", str(folder / "deep" / ".ipynb_checkpoints")]) == 2
    assert "there is no notebook" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("import os\nprint(1)\nx = 3\ny = x + 1", "import os\nx = 3"),
        ("%time\n!rm -rf /\n?x\nx?\ndef f():\n    return 1", "def f():\n    return 1"),
        ("@print\ndef f(): pass", "@print\ndef f():\n    pass"),
        ("for i in range(3):\n    pass", ""),
        ("model = load('x')", ""),
    ],
)
def test_definitions_are_what_is_run(cell: str, kept: str) -> None:
    assert grade.definitions(cell) == kept


def test_solutions_are_written_and_pass(tmp_path: Path) -> None:
    assert build.main(["solutions", "06", "--out", str(tmp_path)]) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(source.notebook.name for source in LESSON.sources)
    text = (tmp_path / LESSON.notebook.name).read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert 'NotImplementedError(\\"your turn' not in text
    assert solutions.FOLDER.name == "solutions"
