"""Notebooks to present from: exercises folded, nothing else changed, known settings."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from lessons import present
from lessons.course import ROOT, choose
from lessons.source import EXERCISE_TAG, tags


def test_exercises_are_folded_and_nothing_else_changes(tmp_path):
    (source, *_) = choose(["06"])[0].sources
    before = source.notebook.read_bytes()
    notebook = nbformat.read(present.write(source, tmp_path), as_version=4)
    nbformat.validate(notebook)
    hidden = [cell for cell in notebook.cells if cell.metadata.pop("jupyter", None)]
    assert sum(EXERCISE_TAG in tags(cell) for cell in hidden) == 3
    assert len(hidden) == 6
    assert all("exercises.check(" in c.source for c in hidden if EXERCISE_TAG not in tags(c))
    assert notebook == nbformat.read(source.notebook, as_version=4)
    assert source.notebook.read_bytes() == before


def test_settings_are_those_of_jupyterlab(tmp_path, capsys):
    assert present.main(["06", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "06_pretraining.ipynb")
    schemas = Path(sys.prefix) / "share/jupyter/lab/schemas"
    for name, content in present.SETTINGS.items():
        assert json.loads((tmp_path / "settings" / name).read_text()) == content
        schema = json.loads(
            (schemas / name.replace(".jupyterlab-settings", ".json")).read_text(encoding="utf-8")
        )
        properties = schema["properties"]
        for key, value in content.items():
            assert key in properties
            if key == "overrides":
                known = schema["definitions"]["cssOverrides"]["properties"]
                assert set(value) <= set(known)
            else:
                choices = properties[key].get("enum") or [
                    one["const"] for one in properties[key]["oneOf"]
                ]
                assert value in choices


def test_a_notebook_that_is_not_built(tmp_path):
    (source, *_) = choose(["06"])[0].sources
    missing = dataclasses.replace(source, notebook=tmp_path / "no.ipynb")
    with pytest.raises(ValueError, match="lessons build 06"):
        present.folded(missing)


def test_what_takes_long_runs_every_week():
    """In a workflow that has a browser, which sets what the long tests ask for."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text("utf-8"))
    assert workflow[True]["schedule"]  # YAML 1.1 reads a bare `on` as true
    runs = [step["run"] for step in workflow["jobs"]["test-all"]["steps"] if "run" in step]
    assert "chromium" in runs[0]
    assert runs[1].startswith("make test-all ")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in ("BROWSER", "FAULTS"):
        assert f"test-all: export MINIGPT_{name} := all\n" in makefile
        asked = (ROOT / "tests" / f"test_{name.lower()}.py").read_text("utf-8")
        assert f'os.environ.get("MINIGPT_{name}") == "all"' in asked
    assert "make test-all " in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
