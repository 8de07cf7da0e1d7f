"""nbgrader's own commands on the assignments: a right, an untouched and a wrong submission."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from lessons import assignments, build
from lessons.course import find_lesson, read_course
from lessons.source import solutions
from lessons.submission import names

LESSON = find_lesson("06", read_course())
NAME = LESSON.stem
SEED = "48151623"


def nbgrader(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, "--course-dir", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ
        | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "MINIGPT_GRADE_SEED": SEED,
            "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def hand_in(folder: Path, student: str, answers: dict[str, str]) -> None:
    """The released notebook, with some of its answer cells filled in."""
    released = folder / "release" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            cell.source = answers[grade_id]
    place = folder / "submitted" / student / NAME
    place.mkdir(parents=True)
    nbformat.write(notebook, place / f"{NAME}.ipynb")


def scores(folder: Path) -> dict[str, float]:
    """Points of each student, from nbgrader's database."""
    with sqlite3.connect(folder / "gradebook.db") as database:
        rows = database.execute(
            "select s.student_id, sum(g.auto_score) from grade g"
            " join submitted_notebook n on g.notebook_id = n.id"
            " join submitted_assignment s on n.assignment_id = s.id group by s.student_id"
        ).fetchall()
    return {student: float(points or 0) for student, points in rows}


@pytest.mark.slow
def test_nbgrader_generates_grades_and_answers(tmp_path: Path) -> None:
    (source,) = [source for source in LESSON.sources if source.core]
    assert assignments.write(source, tmp_path) == tmp_path / "source" / NAME / f"{NAME}.ipynb"
    nbgrader(tmp_path, "generate_assignment", NAME, "--create")
    released = (tmp_path / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in released
    assert "raise NotImplementedError()" in released
    cells = dict(zip(names(LESSON), solutions(source), strict=False))
    asked = [name for name in cells if f"def {name}(" in released]
    hand_in(tmp_path, "right", {name: cells[name] for name in asked})
    hand_in(tmp_path, "untouched", {})
    wrong = {name: f"def {name}(*args, **kwargs):\n    return 42" for name in asked}
    hand_in(tmp_path, "wrong", wrong | {asked[0]: cells[asked[0]]})
    seen = cells[asked[0]] + f"\nimport os\nassert os.environ['MINIGPT_GRADE_SEED'] == '{SEED}'"
    hand_in(tmp_path, "seed", {asked[0]: seen})
    nbgrader(tmp_path, "autograde", NAME, "--create")
    assert scores(tmp_path) == {"right": len(asked), "untouched": 0, "wrong": 1, "seed": 1}
    nbgrader(tmp_path, "generate_feedback", NAME)
    feedback = tmp_path / "feedback" / "wrong" / NAME / f"{NAME}.html"
    page = feedback.read_text(encoding="utf-8")
    assert "not right yet" in page
    assert "think:" in page


def test_assignments_hold_the_exercises_with_their_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["assignments", "06", "--out", str(tmp_path)]) == 0
    assert "next: nbgrader generate_assignment" in capsys.readouterr().out
    notebook = nbformat.read(tmp_path / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    graded = [c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata]
    ids = [about.grade_id for about in graded]
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if not i.endswith("-test")] == [
        i[:-5] for i in ids if i.endswith("-test")
    ]
    assert all(about.locked == about.grade == (not about.solution) for about in graded)
    assert sum("### Exercise" in cell.source for cell in notebook.cells) == len(ids) // 2


def test_the_whole_lesson_has_the_same_exercises() -> None:
    for source in LESSON.sources:
        short, whole = (assignments.assignment(source, whole=whole) for whole in (False, True))
        ids = [
            [c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata]
            for notebook in (short, whole)
        ]
        assert ids[0] == ids[1]
        assert len(short.cells) < len(whole.cells)
