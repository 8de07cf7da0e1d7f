"""Assignments for nbgrader from the lessons: python -m lessons assignments [LESSON].

Writes OUT/source/<lesson>/<lesson>.ipynb, which `nbgrader generate_assignment <lesson> --course-dir
OUT` takes from there. Each exercise becomes an answer cell and a test cell of one point, which asks
the same checks as the lesson does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons.course import ROOT, Source, choose
from lessons.source import EXERCISE_TAG, marked_notebook, tags
from minigpt.files import write_text

FOLDER = ROOT / "assignments"
SCHEMA = 3  # of nbgrader's cell metadata
TEST = """from lessons import exercises as lesson_checks
from lessons.{slug} import exercises as _  # registers the checks
outcome = lesson_checks.outcome("{name}", {name})
assert outcome.status == "right", outcome.message"""


def assignment(source: Source, *, whole: bool = False) -> NotebookNode:
    """The notebook of a lesson as an assignment, solutions in and marked as nbgrader wants them.

    By default the title, the imports, and each exercise with its text; `whole`: all of the lesson.
    """
    notebook = marked_notebook(source)
    if not whole:
        notebook.cells = _exercises_alone(notebook.cells)
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        cells.append(cell)
        if cell.cell_type == "code" and "### BEGIN SOLUTION" in cell.source:
            name = re.findall(r"^(?:def|class) (\w+)", cell.source, flags=re.MULTILINE)[-1]
            cell.metadata["nbgrader"] = _about(name, solution=True)
            test = nbformat.v4.new_code_cell(TEST.format(slug=source.lesson.slug, name=name))
            test.metadata["nbgrader"] = _about(f"{name}-test", solution=False)
            cells.append(test)
    notebook.cells = cells
    nbformat.validate(notebook)
    return notebook


def _about(grade_id: str, *, solution: bool) -> NotebookNode:
    about = {
        "grade": not solution,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": SCHEMA,
        "solution": solution,
        "task": False,
    }
    return nbformat.from_dict(about if solution else about | {"points": 1})


def _exercises_alone(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    """The title, the first code cell, and each exercise from its heading to its code."""
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == "code")
    kept = [cells[0], cells[first]]
    section: list[NotebookNode] = []
    for cell in cells[first + 1 :]:
        if cell.cell_type == "markdown":
            if re.match(r"#{1,4} ", cell.source):
                section = []
            section.append(cell)
        elif EXERCISE_TAG in tags(cell):
            kept += [*section, cell]
            section = []
    return kept


def write(source: Source, folder: Path, *, whole: bool = False) -> Path | None:
    """Write a lesson's assignment below `folder`; None for a notebook without an exercise."""
    notebook = assignment(source, whole=whole)
    if not any("nbgrader" in cell.metadata for cell in notebook.cells):
        return None
    path = folder / "source" / source.notebook.stem / source.notebook.name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, nbformat.writes(notebook) + "\n")
    return path


def main(arguments: Sequence[str]) -> int:
    """Write the assignments of the lessons named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m lessons assignments", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the course folder of nbgrader")
    parser.add_argument(
        "--whole", action="store_true", help="the whole lesson, not exercises alone"
    )
    args = parser.parse_args(arguments)
    for lesson in choose(args.lesson):
        for source in lesson.sources:
            if path := write(source, args.out, whole=args.whole):
                print(f"wrote {path}")
    print(f"next: nbgrader generate_assignment NAME --course-dir {args.out}")
    return 0
