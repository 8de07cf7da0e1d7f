"""The build of notebooks: what it makes, what strict nbval says of it, what `check` finds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest

from lessons.build import main
from lessons.checks import problems
from lessons.course import ROOT, find_lesson, read_course
from lessons.execute import build
from lessons.source import LessonError, headings, solved_notebook, stub, student_notebook

TESTS = Path(__file__).parent
LESSON = "lessons/l01_sample/lesson.md"
NOTEBOOK = "notebooks/01_sample.ipynb"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A clone of the sample course with its notebook built."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(TESTS / "sample_course", root, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        build(sample(root).sources[0])
    return root


@pytest.fixture
def root(built, tmp_path, monkeypatch):
    """A copy of that clone to break."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def sample(root):
    return find_lesson("01", read_course(root))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# What the build makes.


def test_the_notebook_is_built_and_clean(built):
    notebook = nbformat.read(built / NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "minigpt"}
    assert "version" not in notebook.metadata.language_info
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    assert all(set(cell.metadata) <= {"tags", "slideshow"} for cell in notebook.cells)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert str(ROOT) not in (built / NOTEBOOK).read_text(encoding="utf-8")


def test_the_student_gets_stubs_and_no_solution(built):
    text = (built / NOTEBOOK).read_text(encoding="utf-8")
    assert "twice = x + x" not in text
    assert "SOLUTION" not in text
    assert text.count("raise NotImplementedError") == 3
    assert "… double: not attempted yet" in text


def test_stubs_stand_at_the_indentation_of_what_they_replace(built):
    cells = student_notebook(sample(built).sources[0]).cells
    square = next(cell.source for cell in cells if "def square" in cell.source)
    assert '\n        raise NotImplementedError("your turn")  # replace this line\n' in square
    assert square.endswith("return x * x")


def test_the_solved_notebook_has_the_solutions_and_no_marks(built):
    text = nbformat.writes(solved_notebook(sample(built).sources[0]))
    assert "twice = x + x" in text
    assert "SOLUTION" not in text
    assert "NotImplementedError" not in text


def test_building_again_changes_nothing(root):
    before = (root / NOTEBOOK).read_bytes()
    build(sample(root).sources[0])
    assert (root / NOTEBOOK).read_bytes() == before


def test_an_edit_changes_only_the_id_of_its_cell(root):
    before = [cell.id for cell in student_notebook(sample(root).sources[0]).cells]
    edit(root / LESSON, "How many?", "How many are there?")
    after = [cell.id for cell in student_notebook(sample(root).sources[0]).cells]
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_headings_begin_slides_and_the_source_may_say_otherwise(built):
    cells = student_notebook(sample(built).sources[0]).cells
    kinds = {cell.source.splitlines()[0]: cell.metadata.slideshow.slide_type for cell in cells}
    assert kinds["## Predict"] == "slide"
    assert kinds["### Exercise 1"] == "subslide"
    assert kinds["double_of_three = 3 + 3"] == "fragment"
    assert kinds["loss = 2.3149"] == "-"


def test_a_failing_cell_is_named_and_the_old_notebook_stays(root, capsys):
    before = (root / NOTEBOOK).read_bytes()
    edit(root / LESSON, "loss = 2.3149", "loss = 2.3149 / 0")
    assert main(["build", "01"], root) == 1
    error = capsys.readouterr().err
    assert re.search(r"lesson 01, lesson\.md, code cell 7 \(loss = 2\.3149 / 0\): ZeroDiv", error)
    assert (root / NOTEBOOK).read_bytes() == before
    assert [path.name for path in (root / "notebooks").iterdir()] == ["01_sample.ipynb"]


def test_a_kernel_that_dies_is_named(root):
    edit(root / LESSON, "loss = 2.3149", "import os; os._exit(1)")
    with pytest.raises(LessonError, match=r"code cell 7 .*: the kernel died"):
        build(sample(root).sources[0])


def test_a_lesson_may_have_a_deeper_notebook(root):
    lesson = sample(root)
    (lesson.folder / "deeper.md").write_text("# Deeper\n", encoding="utf-8")
    names = [(source.notebook.name, source.core) for source in lesson.sources]
    assert names == [("01_sample.ipynb", True), ("01b_sample_deeper.ipynb", False)]
    pretraining = find_lesson("06", read_course())
    assert pretraining.notebook.name == "06_pretraining.ipynb"


def test_a_planned_lesson_cannot_be_built(root, capsys):
    assert main(["build", "02"], root) == 2
    assert "planned but not written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("    ### BEGIN SOLUTION\n    x\n", "line 1.*without '### END SOLUTION'"),
        ("a\n    ### END SOLUTION\n", "line 2.*without '### BEGIN SOLUTION'"),
        ("### BEGIN SOLUTION\nx\n### END SOLUTION\n", "line 1.*must be in a function"),
        ("  ### BEGIN SOLUTION\n  ### BEGIN SOLUTION\n", "line 2.*the one before it has no end"),
    ],
)
def test_solution_marks_must_pair(text, message):
    with pytest.raises(LessonError, match=message):
        stub(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":tags: [exercise]\n\ndef double", "\ndef double", "has a solution but no tag"),
        (
            ":tags: [nbval-check-output]",
            ":tags: [exercise]",
            "has no solution but the tag 'exercise'",
        ),
    ],
)
def test_solutions_and_exercise_tags_go_together(root, old, new, message):
    edit(root / LESSON, old, new)
    with pytest.raises(LessonError, match=message):
        student_notebook(sample(root).sources[0])


def test_headings_inside_fences_are_no_headings():
    text = "## One\n\n```python\n# a comment\n## two\n```\n\n### Three\n"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    assert [(level, name) for level, name, _ in headings(notebook)] == [(2, "One"), (3, "Three")]


# What strict nbval says.

INSIDE_MASKS = [
    ("≈│ Python", "≈│ Python 4, not"),
    ("≈ 2.315", "≈ 12.9"),
    ("≈ -1.2e-05", "≈ 3.0e+00"),
    ("≈ 12.3%", "≈ 9.0%"),
    ("≈│ live", "≈│ a\\n≈│ b\\n≈│ c"),
    ("ends at ≈ 0.00", "ends at ≈ 1.23"),
]
OUTSIDE_MASKS = [
    ("exact 6\\n", "exact 7\\n"),
    ("a fixed line\\n", "a changed line\\n"),
    ("The loss falls from", "The loss rises from"),
]
OUTSIDE_CELLS = {"Cell 1", "Cell 6", "Cell 7"}


def outputs_altered(text, changes):
    """The text of a notebook with changes in its outputs; sources must stay as they are."""
    notebook = nbformat.reads(text, as_version=4)
    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    raw = nbformat.writes(nbformat.v4.new_notebook(cells=[], metadata={"o": outputs}))
    for old, new in changes:
        assert old in raw, old
        raw = raw.replace(old, new)
    changed = nbformat.reads(raw, as_version=4).metadata.o
    for cell, output in zip(notebook.cells, changed, strict=True):
        if cell.cell_type == "code":
            cell.outputs = output
    return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def nbval(built, tmp_path_factory):
    """The cells that strict nbval refuses as built, altered inside masks, and outside them."""
    folder = tmp_path_factory.mktemp("nbval")
    text = (built / NOTEBOOK).read_text(encoding="utf-8")
    for name, changes in [("same", []), ("inside", INSIDE_MASKS), ("outside", OUTSIDE_MASKS)]:
        (folder / f"{name}.ipynb").write_text(outputs_altered(text, changes), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", "--nbval-kernel-startup-timeout=120"]
    command += [f"--nbval-sanitize-with={TESTS / 'nbval_sanitize.cfg'}", "--junitxml=out.xml", "."]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env.pop("PYTEST_ADDOPTS", None)
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=500)
    assert (folder / "out.xml").is_file(), run.stdout + run.stderr
    refused = {name: set() for name in ("same", "inside", "outside")}
    cases = list(ElementTree.parse(folder / "out.xml").iter("testcase"))
    assert len(cases) == 3 * 8, run.stdout
    for case in cases:
        if len(case):  # holds a <failure> or an <error>
            name = next(name for name in refused if name in case.get("classname", ""))
            refused[name].add(case.get("name"))
    return refused


@pytest.mark.slow
def test_strict_nbval_masks_live_numbers_and_text_and_compares_everything_else(nbval):
    assert nbval == {"same": set(), "inside": set(), "outside": OUTSIDE_CELLS}


# What `check` finds.


def test_a_fresh_notebook_has_no_problem(built, capsys):
    assert main(["check"], built) == 0
    assert "no problem found" in capsys.readouterr().out


def first_code(notebook):
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def picture(notebook):
    return next(
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    )


def no_count(notebook):
    first_code(notebook).execution_count = None


def wrong_count(notebook):
    first_code(notebook).execution_count = 7


def no_html(notebook):
    del picture(notebook)["text/html"]


def empty_alt(notebook):
    data = picture(notebook)
    data["text/html"] = re.sub('alt="[^"]*"', 'alt=" "', data["text/html"])


def stored_error(notebook):
    first_code(notebook).outputs = [nbformat.v4.new_output("error", ename="NameError", evalue="x")]


def stored_path(notebook):
    text = "/home/someone/lib/python3.11/site-packages/x.py:1: UserWarning"
    first_code(notebook).outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)]


def stored_root(notebook):
    text = "see /root/x"
    first_code(notebook).outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]


def widgets(notebook):
    notebook.metadata["widgets"] = {}


def heavy(notebook):
    picture(notebook)["image/png"] = "A" * 1_500_000


def edited_source(notebook):
    first_code(notebook).source += "\n# edited"


def edited_prose(notebook):
    notebook.cells[0].source += " More."


def edited_tags(notebook):
    first_code(notebook).metadata["tags"] = ["nbval-ignore-output"]


def lost_slides(notebook):
    del notebook.cells[0].metadata["slideshow"]


def lost_cell(notebook):
    del notebook.cells[-1]


def other_hash(notebook):
    notebook.metadata.minigpt["source_sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (no_count, "has no execution count"),
        (wrong_count, "was run as number 7, not 1"),
        (no_html, "picture without alt text"),
        (empty_alt, "picture without alt text"),
        (stored_error, "stored error NameError"),
        (stored_path, "output names a path of this machine"),
        (stored_root, "output names a path of this machine: '/root/x'"),
        (widgets, "metadata.widgets"),
        (heavy, "at most 1,500,000"),
        (edited_source, "differs from the source in its source"),
        (edited_prose, "differs from the source in its source"),
        (edited_tags, "differs from the source in its metadata"),
        (lost_slides, "differs from the source in its metadata"),
        (lost_cell, "cells, the source has"),
        (other_hash, "its source_sha256 is not the source's"),
    ],
)
def test_check_finds_what_is_wrong_with_a_notebook(root, capsys, break_it, message):
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    break_it(notebook)
    (root / NOTEBOOK).write_text(nbformat.writes(notebook), encoding="utf-8")
    assert main(["check", "01"], root) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert lines[0].endswith("-> run: python -m lessons build 01")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## Predict\n", "## Guess\n", "heading '## Predict' is missing"),
        ("## Recap\n", "## Predict again\n\n+++\n\n## Summary\n", "heading '## Recap' is missing"),
        ("## Predict\n", "## Experiment\n\n+++\n\n## Predict\n", "stands too early"),
        ("+++\n\n## Recap", "## Recap", "stands inside a cell"),
        ("### Exercise 3", "### Task 3", "heading '### Exercise 3' is missing"),
        ("### Terms", "### Words", "heading '### Terms' is missing"),
        ("# 01 · A sample", "# 01 · Something else", "must begin with '# 01 · A sample'"),
        ("**Time:**", "Time:", "the first cell lacks '**Time:**'"),
        ("You will be able to", "You may", "the first cell lacks 'You will be able to'"),
        ("The loss falls.", "![](loss.png)", "picture without alt text"),
        ("The loss falls.", '<img src="loss.png">', "picture without alt text"),
        ('"slide_type": "fragment"', '"slide_type": "fragmnt"', "slide type 'fragmnt'"),
        ("loss = 2.3149\n", "loss = 2.3149\n" + "loss\n" * 25, "has 30 lines, at most 25"),
        ("loss = 2.3149\n", "x\n```\n\n```{code-cell}\n" * 30 + "x\n", "code cells, at most 35"),
        ("twice\n    ### END", "twice\n    ### end", "the one before it has no end"),
        ("def half(x):", "exercises.check('half', half)\ndef half(x):", "also checks"),
        (":tags: [exercise]\n\ndef half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n"
         "    ### END SOLUTION", "\nx", "2 cells tagged 'exercise'"),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong_with_a_lesson(root, capsys, old, new, message):
    edit(root / LESSON, old, new)
    assert main(["check", "01"], root) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if message in line]
    assert len(lines) == 1
    assert lines[0].endswith("-> edit it, then run: python -m lessons build 01") or (
        "-> edit lessons/l01_sample/lesson.md, then run: python -m lessons build 01" in lines[0]
    )


def test_check_finds_long_cells_by_their_median(root):
    text = (root / LESSON).read_text(encoding="utf-8")
    text = re.sub(r"(\{code-cell\} ipython3\n(?::.*\n)*\n?)", r"\g<1>" + "0\n" * 9, text)
    (root / LESSON).write_text(text, encoding="utf-8")
    assert any("have a median of" in problem for problem in problems(sample(root)))


def test_check_finds_a_notebook_that_is_missing_or_damaged(root):
    (root / NOTEBOOK).write_text("{", encoding="utf-8")
    assert "no valid notebook" in problems(sample(root))[0]
    (root / NOTEBOOK).unlink()
    assert "not built yet -> run: python -m lessons build 01" in problems(sample(root))[0]


def test_check_finds_what_the_guide_lacks(root):
    guide = root / "lessons" / "l01_sample" / "guide.md"
    edit(guide, "## Misconceptions", "## Mistakes")
    assert "heading '## Misconceptions' is missing" in problems(sample(root))[0]
    guide.unlink()
    assert "guide.md: missing" in problems(sample(root))[0]


def test_check_finds_what_the_guide_says_of_a_second_notebook(root):
    guide = root / "lessons" / "l01_sample" / "guide.md"
    lesson = sample(root)
    (lesson.folder / "deeper.md").write_text("# Deeper\n\n## One\n", encoding="utf-8")

    def found():
        return [problem for problem in problems(lesson) if "guide.md" in problem]

    assert ["heading '## The second notebook' is missing" in problem for problem in found()] == [
        True
    ]
    edit(
        guide,
        "## What may go wrong",
        "## The second notebook\n\n### One\n\n### Two\n\n## What may go wrong",
    )
    assert ["no second notebook has the heading 'Two'" in problem for problem in found()] == [True]
    edit(guide, "### Two", "Two")
    assert not found()


# The course itself.


EXISTING = [lesson for lesson in read_course() if lesson.exists]


@pytest.mark.parametrize("lesson", EXISTING, ids=lambda lesson: lesson.stem)
def test_every_lesson_is_built_and_in_step(lesson):
    assert problems(lesson) == []


def test_every_notebook_has_a_source():
    wanted = {source.notebook for lesson in read_course() for source in lesson.sources}
    assert set((ROOT / "notebooks").glob("*.ipynb")) == wanted
