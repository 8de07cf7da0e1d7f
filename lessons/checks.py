"""What every built notebook and its lesson must have; each problem is one line with its remedy."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from lessons.course import Lesson, Source
from lessons.figures import APPROX_LINE
from lessons.source import (
    EXERCISE_TAG,
    LessonError,
    code_cells,
    headings,
    student_notebook,
    tags,
)

LARGEST_BYTES = 1_500_000
MOST_CODE_CELLS = 35
LONGEST_CELL = 25
MEDIAN_CELL = 8
SLIDE_TYPES = ("slide", "subslide", "fragment", "skip", "notes", "-")

SKELETON = (
    "Predict",
    "Build it naively",
    "Build it properly",
    "Experiment",
    "In a real model",
    "What went wrong on purpose",
    "Recap",
)
"""Headings `## …` of a core notebook, in order; words may follow, as in `## Predict: a bet`."""

OPENING = ("**Time:**", "**Prerequisites:**", "You will be able to")
"""What the first cell says below its title."""

PARTS = ("Exercise 1", "Exercise 2", "Exercise 3", "Discuss", "Terms", "Go further")
"""Headings `### …` of a core notebook, wherever they belong."""

GUIDE = (
    "50 minutes",
    "90 minutes",
    "Live",
    "Questions for the room",
    "Misconceptions",
    "Solutions and grading",
    "What may go wrong",
)
"""Headings `## …` of guide.md."""

SECOND = "The second notebook"
"""A heading of guide.md where a lesson has two; `### …` below it are headings of the notebook."""

MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users)/\w|\b[A-Z]:\\Users\\|site-packages[/\\]|ipykernel_\d"
)
"""Paths as warnings and tracebacks print them."""


def problems(lesson: Lesson) -> list[str]:
    """Every problem of a lesson, its notebooks and its guide, one line each."""
    found = list(_guide(lesson))
    for source in lesson.sources:
        found += _source_problems(source)
    return found


def _source_problems(source: Source) -> list[str]:
    place = f"lessons/{source.lesson.slug}/{source.path.name}"
    rebuild = f"python -m lessons build {source.lesson.no}"
    try:
        wanted = student_notebook(source)
    except LessonError as error:
        return [f"{error} -> edit {place}, then run: {rebuild}"]
    found = [
        f"{place}: {text} -> edit it, then run: {rebuild}" for text in _content(source, wanted)
    ]
    built = f"notebooks/{source.notebook.name}"
    return found + [f"{built}: {text} -> run: {rebuild}" for text in _built(source, wanted)]


def _content(source: Source, notebook: NotebookNode) -> Iterator[str]:
    """Problems that an author solves."""
    yield from _sizes(notebook, source.core)
    for cell in notebook.cells:
        kind = cell.metadata.slideshow.slide_type
        if kind not in SLIDE_TYPES:
            yield f"slide type {kind!r} of cell {_name(cell)}; allowed are {', '.join(SLIDE_TYPES)}"
        if cell.cell_type == "markdown" and re.search(
            r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")", cell.source
        ):
            yield f"picture without alt text in cell {_name(cell)}"
        if EXERCISE_TAG in tags(cell) and "exercises.check(" in cell.source:
            yield f"exercise cell {_name(cell)} also checks; put exercises.check in the next cell"
    for level, text, number in headings(notebook):
        if level <= 2 and not notebook.cells[number].source.startswith(f"{'#' * level} {text}"):
            yield f"heading {text!r} stands inside a cell; write +++ before it, for the slides"
    if source.core:
        yield from _skeleton(source.lesson, notebook)


def _sizes(notebook: NotebookNode, core: bool) -> Iterator[str]:
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(notebook)}
    if not lengths:
        yield "no code cell"
        return
    if core and len(lengths) > MOST_CODE_CELLS:
        yield f"{len(lengths)} code cells, at most {MOST_CODE_CELLS} fit a core notebook"
    for cell in code_cells(notebook):
        if lengths[cell.id] > LONGEST_CELL:
            yield f"code cell {_name(cell)} has {lengths[cell.id]} lines, at most {LONGEST_CELL}"
    median = statistics.median(lengths.values())
    if median > MEDIAN_CELL:
        yield f"code cells have a median of {median:g} lines, at most {MEDIAN_CELL}"


def _skeleton(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    found = headings(notebook)
    first = notebook.cells[0].source if notebook.cells else ""
    if not first.startswith("# ") or lesson.title not in first.splitlines()[0]:
        yield f"the first cell must begin with '# {lesson.no} · {lesson.title}' (from course.toml)"
    for text in OPENING:
        if text not in first:
            yield f"the first cell lacks {text!r}"
    position = -1
    for name in SKELETON:
        places = [i for i, (level, text, _) in enumerate(found) if level == 2 and _is(text, name)]
        if not places:
            yield f"heading '## {name}' is missing"
        elif places[0] < position:
            yield f"heading '## {name}' stands too early; the order is {', '.join(SKELETON)}"
        else:
            position = places[0]
    for name in PARTS:
        if not any(level == 3 and _is(text, name) for level, text, _ in found):
            yield f"heading '### {name}' is missing"
    exercises = sum(EXERCISE_TAG in tags(cell) for cell in notebook.cells)
    if exercises != 3:
        yield f"{exercises} cells tagged {EXERCISE_TAG!r}, a core notebook has 3"


def _built(source: Source, wanted: NotebookNode) -> Iterator[str]:
    """Problems of the stored notebook."""
    if not source.notebook.is_file():
        yield "not built yet"
        return
    text = source.notebook.read_text(encoding="utf-8")
    try:
        notebook = nbformat.reads(text, as_version=4)
    except (nbformat.reader.NotJSONError, json.JSONDecodeError, nbformat.ValidationError):
        yield "no valid notebook"
        return
    if len(text.encode("utf-8")) > LARGEST_BYTES:
        yield f"{len(text.encode('utf-8')):,} bytes, at most {LARGEST_BYTES:,}"
    if "widgets" in notebook.metadata:
        yield "metadata.widgets is stored, which GitHub refuses to show"
    yield from _in_step(notebook, wanted)
    for count, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count is None:
            yield f"code cell {_name(cell)} has no execution count: strict comparison skips it"
        elif cell.execution_count != count:
            yield f"code cell {_name(cell)} was run as number {cell.execution_count}, not {count}"
        for output in cell.outputs:
            yield from (f"code cell {_name(cell)}: {text}" for text in _output(output))


def _in_step(notebook: NotebookNode, wanted: NotebookNode) -> Iterator[str]:
    if len(notebook.cells) != len(wanted.cells):
        yield f"{len(notebook.cells)} cells, the source has {len(wanted.cells)}"
    for number, (old, new) in enumerate(zip(notebook.cells, wanted.cells, strict=False), start=1):
        for part in ("cell_type", "source", "metadata", "id"):
            if old.get(part) != new.get(part):
                yield f"cell {number} {_name(new)} differs from the source in its {part}"
                return  # the rest would only follow from it
    stored = notebook.metadata.get("minigpt", {}).get("source_sha256")
    if stored != wanted.metadata.minigpt.source_sha256:
        yield "its source_sha256 is not the source's"


def _output(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"stored error {output.ename}"
        return
    data = output.get("data", {})
    html = data.get("text/html", "")
    if any(kind.startswith("image/") for kind in data) and not re.search(
        r"<img[^>]*\balt=\"\s*[^\"\s]", html
    ):
        yield "picture without alt text; display it with lessons.figures.show"
    texts = [output.get("text", "")]
    texts += [value for kind, value in data.items() if kind.startswith("text/")]
    for text in texts:
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
        text = re.sub(rf"^{APPROX_LINE}.*$", "", text, flags=re.MULTILINE)
        if found := MACHINE_PATH.search(text):
            yield f"output names a path of this machine: {text[found.start() :][:40]!r}"


def _guide(lesson: Lesson) -> Iterator[str]:
    path = lesson.folder / "guide.md"
    place = f"lessons/{lesson.slug}/guide.md"
    if not path.is_file():
        yield f"{place}: missing -> write it; its sections are {', '.join(GUIDE)}"
        return
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^## +(.+)$", text, flags=re.MULTILINE)
    second = [source for source in lesson.sources if not source.core]
    for name in (*GUIDE, SECOND) if second else GUIDE:
        if not any(_is(text, name) for text in found):
            yield f"{place}: heading '## {name}' is missing -> add it"
    said = text.partition(f"\n## {SECOND}\n")[2].partition("\n## ")[0]
    there = "\n".join(source.path.read_text(encoding="utf-8") for source in second)
    for name in re.findall(r"^### +(.+)$", said, flags=re.MULTILINE):
        if not re.search(rf"^#+ +{re.escape(name)}$", there, flags=re.MULTILINE):
            yield f"{place}: no second notebook has the heading {name!r} -> name one that is there"


def _is(text: str, name: str) -> bool:
    return re.match(rf"{re.escape(name)}\b", text, flags=re.IGNORECASE) is not None


def _name(cell: NotebookNode) -> str:
    lines = cell.source.strip().splitlines()
    return repr(lines[0][:50]) if lines else "(empty)"
