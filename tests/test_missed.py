"""Cells run out of order: the student hears which cell was missed."""

from __future__ import annotations

import ast
import builtins
import os

import nbformat
import pytest
from nbclient import NotebookClient

from lessons import missed
from lessons.course import ROOT, choose
from lessons.source import METADATA, code_cells, student_notebook


@pytest.fixture(scope="module")
def cells():
    return [cell.source for cell in code_cells(student_notebook(choose(["06"])[0].sources[0]))]


def _that_makes(cells, name):
    return next(source for source in cells if name in missed._makes(source))


def test_names_that_a_cell_leaves_behind():
    source = """
import os.path as p, math
from a import b as c
x, (y, *z) = f(w)
for i in range(3):
    k = [u for u in i]
with open(1) as file:
    (n := 2)
def g(inner): local = 1
class K:
    attribute = 1
lambda q: q
"""
    assert {*missed._makes(source)} == {
        "p", "math", "c", "x", "y", "z", "i", "k", "file", "n", "g", "K",
    }  # fmt: skip
    assert not {*missed._makes("x = (")}


def test_the_cell_is_named_also_when_it_was_changed(cells):
    user = next(source for source in cells if "material.item" in source or "material." in source)
    said = missed.explain("material", cells[cells.index(user) + 1])
    maker = _that_makes(cells, "material")
    changed = "\n".join([*cells[cells.index(maker) + 1].splitlines(), "print('mine')"])
    assert maker.splitlines()[0] in missed.explain("material", changed)
    assert maker.splitlines()[0] in said
    assert "Run All Above" in said


def test_what_no_cell_makes_is_left_alone(cells):
    assert missed.explain("materail", cells[5]) == "", "a typing error"
    assert missed.explain("material", "print('something of my own', material, 1, 2, 3)") == ""
    assert missed.explain("material", cells[0]) == "", "made later, not above"


def _run(sources, **environment):
    """The outputs of cells run in a kernel, by cell."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources], metadata=METADATA
    )
    client = NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3")
    client.execute(env=os.environ | environment)
    return [
        "".join(str(o.get("text", "")) + str(o.get("ename", "")) for o in cell.outputs)
        for cell in notebook.cells
    ]


@pytest.mark.timeout(300)
def test_in_a_kernel(cells):
    """The first cell ran, the one that makes `words` did not."""
    at = next(n for n, source in enumerate(cells) if "words" in {*missed._makes(source)})
    first, maker = cells[0], cells[at]
    found = _run([first, "print(words[0], 'of', len(words))", maker + "\nprint(len(wrods))", maker])
    assert "NameError" in found[1]
    assert "made by a cell" not in found[1], "a cell of the student's own is not the lesson's"
    assert "NameError" in found[2]
    assert "made by a cell" not in found[2]
    broken = next(
        source for source in cells[at + 1 :] if "sentence" in source and "sentence =" not in source
    )
    said = _run([first, broken])[1]
    assert "NameError" in said
    assert "is made by a cell above" in said


@pytest.mark.timeout(300)
def test_nothing_ran_yet_but_make_lab_started_the_kernel(cells):
    startup = str(ROOT / "lessons" / "startup.py")
    user = next(source for source in cells[1:] if "torch." in source)
    said = _run([user], PYTHONSTARTUP=startup)[0]
    assert "is made by a cell above" in said
    assert "import math" in said, "the first cell, by its first line"


def _needs(source):
    """Names that a cell reads as it runs, outside of what it defines."""
    tree = ast.parse(source)
    own = {*missed._makes(source), *dir(builtins)}
    waiting, found = [*tree.body], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)):
            continue
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            waiting.append(node.generators[0].iter)  # the rest has names of its own
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return found - own


@pytest.mark.parametrize(
    "number", range(len(missed.notebooks())), ids=lambda number: f"notebook {number}"
)
def test_every_cell_of_every_lesson_names_the_cell_it_misses(number):
    cells = missed.notebooks()[number]
    asked = 0
    for at, cell in enumerate(cells):
        changed = cell.source + ("\nprint('mine')" if at % 20 == 5 else "")
        for name in _needs(cell.source):
            makers = [above for above in cells[:at] if name in above.makes]
            if makers:
                said = missed.explain(name, changed)
                assert makers[-1].source.strip().splitlines()[0] in said, (name, cell.source)
                asked += 1
    assert asked > 20
