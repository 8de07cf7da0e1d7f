"""From lesson.md to a notebook that was not run yet: stubs or solutions in, ids and slides set."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from lessons.course import Source

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
STUB = 'raise NotImplementedError("your turn")  # replace this line'
EXERCISE_TAG = "exercise"

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
"""What a stored notebook says about its kernel: nothing that differs between Python versions."""


class LessonError(Exception):
    """A lesson cannot be built; the message names the file, the place and the remedy."""


def student_notebook(source: Source) -> NotebookNode:
    """The notebook as students get it, not run: every solution replaced by a stub.

    Raises LessonError when a solution is not marked as it must be.
    """
    text = _read(source)
    stubbed = stub(text, source.path.name)
    notebook = _notebook(stubbed)
    notebook.metadata["minigpt"] = {"source_sha256": sha256(stubbed)}
    return notebook


def solved_notebook(source: Source) -> NotebookNode:
    """The same notebook, not run, with the solutions in and their markers out."""
    return _notebook(_unmark(_read(source)))


def marked_notebook(source: Source) -> NotebookNode:
    """The same notebook, not run, with the solutions between their markers: for nbgrader."""
    return _notebook(_read(source))


def solutions(source: Source) -> list[str]:
    """The code of every exercise cell with its solution, in order."""
    cells = solved_notebook(source).cells
    return [cell.source for cell in cells if EXERCISE_TAG in tags(cell)]


def stub(text: str, name: str = "lesson.md") -> str:
    """`text` with every marked solution replaced by one line that raises NotImplementedError.

    Raises LessonError when markers do not pair, or when a solution stands outside a function: its
    stub would stop the notebook.
    """
    lines: list[str] = []
    begun = 0
    for number, line in enumerate(text.splitlines(), start=1):
        mark = line.strip()
        if mark == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            if begun or not indent:
                problem = "the one before it has no end" if begun else "it must be in a function"
                raise LessonError(f"{name}, line {number}: {BEGIN!r}: {problem}")
            begun = number
            lines.append(indent + STUB)
        elif mark == END:
            if not begun:
                raise LessonError(f"{name}, line {number}: {END!r} without {BEGIN!r} before it")
            begun = 0
        elif not begun:
            lines.append(line)
    if begun:
        raise LessonError(f"{name}, line {begun}: {BEGIN!r} without {END!r} after it")
    return "\n".join(lines) + "\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def headings(notebook: NotebookNode) -> list[tuple[int, str, int]]:
    """Level, text and cell number of every Markdown heading; code inside fences does not count."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            prose = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.MULTILINE | re.DOTALL)
            for hashes, text in re.findall(r"^(#{1,6}) +(.+?) *#*$", prose, flags=re.MULTILINE):
                found.append((len(hashes), text, number))
    return found


def _read(source: Source) -> str:
    text = source.path.read_text(encoding="utf-8").replace("\r\n", "\n")
    stub(text, source.path.name)  # refuses markers that do not pair
    for cell in jupytext.reads(text, fmt="md:myst").cells:
        marked = BEGIN in cell.source
        if marked != (EXERCISE_TAG in tags(cell)):
            what = "has a solution but no tag" if marked else "has no solution but the tag"
            first = cell.source.splitlines()[0]
            raise LessonError(f"{source.path.name}: cell {first!r} {what} {EXERCISE_TAG!r}")
    return text


def _unmark(text: str) -> str:
    kept = [line for line in text.splitlines() if line.strip() not in (BEGIN, END)]
    return "\n".join(kept) + "\n"


def _notebook(text: str) -> NotebookNode:
    read = jupytext.reads(text, fmt="md:myst")
    notebook = nbformat.v4.new_notebook(metadata=nbformat.from_dict(METADATA))
    seen: dict[str, int] = {}
    for cell in read.cells:
        slideshow: dict[str, Any] = {"slide_type": _slide_type(cell)}
        slideshow.update(cell.metadata.get("slideshow", {}))
        metadata: dict[str, Any] = {"slideshow": slideshow}
        if tags(cell):
            metadata["tags"] = tags(cell)
        cell.metadata = nbformat.from_dict(metadata)
        digest = sha256(f"{cell.cell_type}\n{cell.source}")[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        notebook.cells.append(cell)
    return notebook


def _slide_type(cell: NotebookNode) -> str:
    """Where a cell that does not say it goes: headings begin slides, the rest continues them."""
    if cell.cell_type == "markdown":
        if re.match(r"##? ", cell.source):
            return "slide"
        if cell.source.startswith("### "):
            return "subslide"
    return "-"
