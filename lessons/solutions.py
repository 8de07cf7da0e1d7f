"""Full notebooks with the solutions in, for instructors: python -m lessons solutions [LESSON]."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import nbformat

from lessons.course import ROOT, Source, choose
from lessons.source import solved_notebook
from minigpt.files import write_text

FOLDER = ROOT / "solutions"


def write(source: Source, folder: Path, *, run: bool = False) -> Path:
    """The notebook of a lesson with its solutions in `folder`; `run`: with its outputs, too.

    Raises LessonError where a cell of it fails.
    """
    notebook = solved_notebook(source)
    if run:
        from lessons import execute

        execute.run(notebook, source.notebook.parent, f"{source.path.name} with its solutions")
        execute.clean(notebook)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / source.notebook.name
    write_text(path, nbformat.writes(notebook) + "\n")
    return path


def main(arguments: Sequence[str]) -> int:
    """Write the notebooks of the lessons named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m lessons solutions", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder they are written to")
    parser.add_argument("--run", action="store_true", help="run them, and store their outputs")
    args = parser.parse_args(arguments)
    for lesson in choose(args.lesson):
        for source in lesson.sources:
            print(f"wrote {write(source, args.out, run=args.run)}")
    return 0
