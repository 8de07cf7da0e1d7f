"""Notebooks to present from: larger type, exercises folded. python -m lessons present [LESSON].

Copies go to presenter/, with JupyterLab settings beside them, so that neither the notebooks nor
your own settings change. `make lab PRESENT=1` makes them and opens the first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import nbformat

from lessons.course import ROOT, Source, choose
from lessons.source import EXERCISE_TAG, tags
from lessons.sweeps import write_json
from minigpt.files import write_text

FOLDER = ROOT / "presenter"
SETTINGS = {
    "@jupyterlab/apputils-extension/themes.jupyterlab-settings": {
        "overrides": {
            "code-font-size": "20px",
            "content-font-size1": "22px",
            "ui-font-size1": "15px",
        }
    },
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
}
"""By file in JUPYTERLAB_SETTINGS_DIR."""


def folded(source: Source) -> nbformat.NotebookNode:
    """The stored notebook of a lesson; the code of exercises and of their checks is folded.

    Raises ValueError if it is not built.
    """
    if not source.notebook.is_file():
        raise ValueError(
            f"notebooks/{source.notebook.name} is not built -> run: "
            f"python -m lessons build {source.lesson.no}"
        )
    notebook = nbformat.read(source.notebook, as_version=4)
    for cell in notebook.cells:
        if EXERCISE_TAG in tags(cell) or cell.source.startswith("exercises.check("):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return notebook


def write(source: Source, folder: Path) -> Path:
    """The folded copy in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / source.notebook.name
    write_text(path, nbformat.writes(folded(source)) + "\n")
    return path


def main(arguments: Sequence[str]) -> int:
    """Write the copies of the lessons named, or of all, and the settings; print the first path."""
    parser = argparse.ArgumentParser(prog="python -m lessons present", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder they are written to")
    args = parser.parse_args(arguments)
    paths = [write(s, args.out) for lesson in choose(args.lesson) for s in lesson.sources]
    for name, content in SETTINGS.items():
        place = args.out / "settings" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, content)
    for path in paths:
        print(path)
    return 0
