"""A name that is not there yet: says which cell of the lesson was missed.

Cells run out of order are the commonest error in a notebook, and "NameError" is a riddle. Importing
`lessons` in a notebook installs this; `make lab` does it for kernels in which nothing ran yet.
"""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

ALIKE = 0.6  # how much of a cell a student may have changed


@dataclass(frozen=True)
class Cell:
    """A code cell of a lesson: its text, the names that it makes, and the heading above it."""

    source: str
    makes: frozenset[str]
    heading: str


@cache
def notebooks() -> tuple[tuple[Cell, ...], ...]:
    """The code cells of every notebook of the course, in order."""
    from lessons.course import read_course
    from lessons.source import LessonError, headings, student_notebook

    found = []
    for lesson in read_course():
        for source in lesson.sources:
            try:
                notebook = student_notebook(source)
            except LessonError:  # somebody is writing at it
                continue
            titles = {number: text for _, text, number in headings(notebook)}
            heading, cells = "", []
            for number, cell in enumerate(notebook.cells):
                heading = titles.get(number, heading)
                if cell.cell_type == "code":
                    cells.append(Cell(cell.source, frozenset(_makes(cell.source)), heading))
            found.append(tuple(cells))
    return tuple(found)


def _makes(source: str) -> Iterator[str]:
    """Names that a cell leaves behind."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    inside = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
            continue  # what is inside stays inside
        if isinstance(node, inside):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        waiting += ast.iter_child_nodes(node)


@cache
def _place(source: str) -> tuple[tuple[Cell, ...], int] | None:
    """The cells of a notebook, and which of them has this text or one much like it."""
    best, place = ALIKE, None
    for cells in notebooks():
        for number, cell in enumerate(cells):
            if cell.source == source:
                return cells, number
            matcher = difflib.SequenceMatcher(None, cell.source, source, autojunk=False)
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
                ratio = matcher.ratio()
                if ratio > best:
                    best, place = ratio, (cells, number)
    return place


def explain(name: str, source: str) -> str:
    """What to run before a cell with this text, in which `name` was missing; "" if unknown."""
    place = _place(source)
    if place is None:
        return ""
    cells, number = place
    makers = [cell for cell in cells[:number] if name in cell.makes]
    if not makers:
        return ""
    first = makers[-1].source.strip().splitlines()[0]
    return (
        f"{name!r} is made by a cell above that has not been run since the kernel started:\n"
        f"    {first}\n"
        f"(under the heading {makers[-1].heading!r}). Run it, or all cells above this one: "
        "menu Run, Run All Above Selected Cell."
    )


def install() -> None:
    """Have this notebook's kernel explain missing names; nothing outside of notebooks."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or NameError in getattr(shell, "custom_exceptions", ()):
        return
    shell.set_custom_exc((NameError,), _show)


def _show(shell: Any, kind: Any, error: Any, traceback: Any, tb_offset: Any = None) -> None:
    """The usual traceback, and below it what to do."""
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    name = getattr(error, "name", None)
    if not name:
        return
    source = shell.user_ns.get("In", [""])[-1]
    try:
        said = explain(name, source)
    except (OSError, ValueError):  # an explanation that fails must not hide the error
        return
    if said:
        print(said, file=sys.stderr)
