"""What is graded of a notebook that was handed in: which one it is, and which statements are run.

Imports and definitions are, and of other assignments those that an exercise's answer needs; see
grade.py, which runs them.
"""

from __future__ import annotations

import ast
import contextlib
import re
import symtable
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from lessons.course import Lesson, Source, read_course
from lessons.source import EXERCISE_TAG, solved_notebook, student_notebook, tags

LARGEST = 20_000_000  # bytes of a notebook
_PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


class Unreadable(Exception):
    """A file that cannot be graded; the message says why in one line."""


@dataclass(frozen=True)
class Submission:
    """What is graded of one notebook, and which notebook it is."""

    source: Source
    cells: dict[int, str]  # number -> Python
    run: dict[int, list[int]]  # number of a cell -> which of its statements are run
    problems: tuple[str, ...]  # cells that do not parse


@cache
def standing_in() -> dict[str, tuple[Source, ...]]:
    """Each exercise of the course and the notebooks that it stands in."""
    found: dict[str, tuple[Source, ...]] = {}
    for lesson in read_course():
        for source in lesson.sources:
            for name in asked(source):
                found[name] = (*found.get(name, ()), source)
    return found


@cache
def _given_out(source: Source) -> str:
    """What the metadata of the students' notebook says of its source."""
    return str(student_notebook(source).metadata["minigpt"]["source_sha256"])


def asked(source: Source) -> list[str]:
    """The exercises of one notebook, in order."""
    found = []
    for cell in solved_notebook(source).cells:
        if EXERCISE_TAG in tags(cell):
            found += re.findall(r"^(?:def|class) (\w+)", cell.source, flags=re.MULTILINE)[-1:]
    return found


def names(lesson: Lesson) -> list[str]:
    """The exercises of a lesson, in order; none if it is not written."""
    return [name for source in lesson.sources for name in asked(source)]


def read(path: Path) -> Submission:
    """What is graded of a notebook. Raises Unreadable for what is none of the course's."""
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"larger than {LARGEST:,} bytes")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        cells = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    except Exception as error:  # whatever is in the file
        first = str(error).splitlines()[0] if str(error) else ""
        raise Unreadable(f"no notebook: {type(error).__name__}: {first}"[:200]) from None
    python: dict[int, str] = {}
    parsed: dict[int, list[ast.stmt]] = {}
    problems = []
    for number, cell in enumerate(cells, start=1):
        try:
            text = plain(cell)
            compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # as notebooks do
            parsed[number] = ast.parse(text).body
            python[number] = text
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f"code cell {number}" + (f", line {line}" if line else "")
            problems.append(
                f"{where}: {type(error).__name__}: {getattr(error, 'msg', error)}"[:200]
            )
    counts: dict[Source, int] = {}
    for name in set(re.findall(r"^(?:def|class) (\w+)", "\n".join(cells), flags=re.MULTILINE)):
        for source in standing_in().get(name, ()):
            counts[source] = counts.get(source, 0) + 1
    if not counts:
        raise Unreadable("it defines none of the course's exercises")
    about = notebook.metadata.get("minigpt")
    given = about.get("source_sha256") if isinstance(about, dict) else None

    def fits(source: Source) -> tuple[bool, bool, int]:
        named = source.notebook.stem in path.stem
        return given == _given_out(source), named, counts[source]

    source = max(counts, key=fits)
    return Submission(source, python, definitions(parsed, asked(source)), tuple(problems))


def read_or_say(path: Path) -> Submission | str:
    """What is graded of a notebook, or why it cannot be read."""
    try:
        return read(path)
    except (Unreadable, OSError) as error:
        return str(error)


def plain(cell: str) -> str:
    """A cell as Python, line by line: what notebooks alone understand becomes calls.

    Of a cell magic (%%) that runs Python the rest of the cell is kept, of another one nothing.
    """
    if cell.lstrip().startswith("%%"):
        first, _, rest = cell.lstrip().partition("\n")
        cell = f"\n{rest}" if first.split()[0] in _PYTHON_MAGICS else ""
    # The notebook's own rules: a line that looks like a magic may stand inside a text.
    return str(TransformerManager().transform_cell(cell))


def definitions(
    parsed: Mapping[int, Sequence[ast.stmt]], roots: Sequence[str]
) -> dict[int, list[int]]:
    """Which statements of each cell are run, by number of the cell and place in it.

    Imports, functions (lambda too), classes and constants; of other assignments those whose names
    the functions and classes called `roots` use, by way of others too.
    """
    kept: dict[int, list[int]] = {}
    makers: dict[str, list[tuple[int, int]]] = {}  # name -> statements that define it
    for number, statements in parsed.items():
        for place, node in enumerate(statements):
            if _is_kept(node):
                kept.setdefault(number, []).append(place)
            for name in _defined(node):
                makers.setdefault(name, []).append((number, place))
    left, seen = [*roots], set(roots)
    while left:
        for number, place in makers.get(left.pop(), ()):
            if place not in kept.setdefault(number, []):
                kept[number].append(place)
            new = _used(parsed[number][place]) - seen
            seen |= new
            left += new
    return {number: sorted(places) for number, places in kept.items() if places}


def _is_kept(node: ast.stmt) -> bool:
    if isinstance(
        node,
        (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    ):
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            ast.literal_eval(node.value)
            return True
        return isinstance(node.value, ast.Lambda)
    return False


def _defined(node: ast.stmt) -> set[str]:
    """The names that a definition or an assignment gives; none of another statement."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return set()


def _used(node: ast.stmt) -> set[str]:
    """The names that a statement takes from its module, inside of functions too."""
    try:
        tables = [symtable.symtable(ast.unparse(node), "<statement>", "exec")]
    except (RecursionError, SyntaxError, ValueError, MemoryError):  # too deep: rather too many
        return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    found: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
    return found
