"""Slides: what fits on one, where text is cut, what the notes hold, and that nothing is fetched."""

from __future__ import annotations

import base64
import re
import struct

import matplotlib as mpl
import nbformat
import pytest

from lessons import figures, slides
from lessons.course import choose, read_course
from lessons.slides import Block, Slide

GUIDE = """# Guide

## 50 minutes

| minutes | what |
| --- | --- |
| 0-5 | Predict |

## Live

Type "x".

## Misconceptions

- None.

## Solutions and grading

1. `one`: half for the slice.
2. `two`: all or nothing.

## What may go wrong

Everything.
"""


def markdown(text, kind="-"):
    return nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def code(text, *outputs, kind="-"):
    cell = nbformat.v4.new_code_cell(text, metadata={"slideshow": {"slide_type": kind}})
    cell.outputs = [nbformat.from_dict(output) for output in outputs]
    return cell


def made(*cells, guide=""):
    start = [markdown("# 01 · Title\n\nPromise."), code("import math")]
    return slides.slides(nbformat.v4.new_notebook(cells=[*start, *cells]), guide)


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def html_of(found):
    return "".join(block.html for slide in found for block in slide.blocks)


def test_headings_begin_slides_and_imports_are_left_out():
    found = made(
        markdown("## Predict\n\nHow many?"), code("x = 1"), markdown("### Exercise 1\n\nDo.")
    )
    assert [(slide.heading, slide.first) for slide in found] == [
        ("01 · Title", True), ("Predict", True), ("Exercise 1", False),
    ]  # fmt: skip
    assert "import" not in html_of(found)
    assert "How many?" in html_of(found[1:2])


def test_what_does_not_fit_goes_on_below():
    prose = "\n\n".join(f"Paragraph {n}. " + "word " * 40 for n in range(12))
    found = made(markdown("## Long\n\n" + prose))
    long = [slide for slide in found if slide.heading == "Long"]
    assert len(long) > 2
    assert [slide.first for slide in long] == [True, *[False] * (len(long) - 1)]
    assert all(slide.height <= slides.ROOM for slide in long)
    numbers = re.findall(r"Paragraph (\d+)", html_of(long))
    assert numbers == [str(n) for n in range(12)]


def test_code_is_cut_at_blank_lines_and_none_is_lost():
    lines = [f"a{n} = {n}" for n in range(11)] + ["", *[f"b{n} = {n}" for n in range(8)]]
    first, second = slides.cut(lines, 15)
    assert (first, second) == (lines[:11], lines[12:])
    assert slides.cut(["x"] * 40, 15) == [["x"] * 15, ["x"] * 15, ["x"] * 10]
    shown = [re.sub(r"<[^>]+>", "", block.html) for block in slides.code_blocks("\n".join(lines))]
    assert "\n".join(shown).split() == "\n".join(lines).split()


def test_output_is_shown_as_text_and_wrapped():
    hostile = "</pre><script>alert(1)</script>"
    found = made(markdown("## Out"), code("print()", printed(hostile + "\n" + "z" * 250)))
    assert "<script>" not in html_of(found)
    assert "&lt;script&gt;" in html_of(found)
    assert max(map(len, re.findall(r"z+", html_of(found)))) <= 106
    page = slides.deck("a </title><script>", found)
    assert "a </title><script>" not in page


def test_long_outputs_and_tables_go_over_several_slides():
    found = made(markdown("## Out"), code("print()", printed("\n".join(map(str, range(60))))))
    assert all(slide.height <= slides.ROOM for slide in found)
    table = "| a | b |\n| --- | --- |\n" + "".join(f"| {n} | row |\n" for n in range(40))
    pieces = list(slides.markdown_blocks(table))
    assert len(pieces) > 1
    assert all("<th>a</th>" in piece.html for piece in pieces)
    assert sum(piece.html.count("<td>row</td>") for piece in pieces) == 40


def test_lists_keep_their_numbers():
    blocks = list(slides.markdown_blocks("3. three\n4. four\n\n- dot"))
    assert [block.html[:14] for block in blocks[:2]] == ['<ol start="3">', '<ol start="4">']
    assert blocks[2].html.startswith("<ul>")
    assert blocks[2].html.endswith("</ul>")


def test_slide_types_of_the_source():
    found = made(
        markdown("## One"), code("hidden = 1", kind="skip"), markdown("say this", "notes"),
        code("later = 1", kind="fragment"), markdown("on its own", "subslide"),
    )  # fmt: skip
    one = [slide for slide in found if slide.heading == "One"]
    assert "hidden" not in html_of(one)
    assert "say this" in "".join(one[0].notes)
    assert one[0].blocks[0].fragment
    assert "on its own" in html_of(one[1:])
    assert 'class="fragment"' in slides.deck("t", found)


def test_notes_come_from_the_guide():
    found = made(
        markdown("## Experiment\n\nx"), markdown("### Exercise 2\n\nx"),
        markdown("## What went wrong on purpose\n\nx"), guide=GUIDE,
    )  # fmt: skip
    title, experiment, exercise, wrong = ("".join(slide.notes) for slide in found)
    assert "0-5" in title
    assert "Everything." in title
    assert "Type &quot;x&quot;." in experiment
    assert "all or nothing" in exercise
    assert "half for" not in exercise
    assert "None." in wrong


def picture(wide, high):
    """An output with the head of a picture of that size."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", wide, high) + bytes(40)
    data = {"image/png": base64.b64encode(head).decode(), "text/plain": "What it shows."}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_a_large_picture_has_a_slide_to_itself():
    found = made(
        markdown("## Small\n\nText."), code("a", picture(900, 400)), markdown("After it."),
        markdown("## Large\n\nText."), code("b", picture(1600, 800)), markdown("After it."),
        markdown("## Larger"), code("c", picture(1600, 1600)),
    )  # fmt: skip
    kinds = [(slide.heading, slide.alone, len(slide.blocks)) for slide in found[1:]]
    assert kinds == [
        ("Small", False, 4), ("Large", False, 2), ("Large", True, 1), ("Large", False, 1),
        ("Larger", False, 1), ("Larger", True, 1),
    ]  # fmt: skip
    assert 'width="900" height="400"' in html_of(found)
    assert 'width="1264" height="632"' in html_of(found)
    assert 'width="660" height="660"' in html_of(found)
    assert slides.deck("t", found).count('<section class="alone">') == 2


SOURCES = [source for lesson in read_course() for source in lesson.sources]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_labels_of_pictures_are_large_enough(source):
    """16 pixels or more on a slide of 1280 x 720; how they are drawn is in the picture's file."""
    with mpl.rc_context():
        figures.style()
        points = min(mpl.rcParams[f"{axis}tick.labelsize"] for axis in "xy")
    number = 0
    notebook = nbformat.read(source.notebook, as_version=4)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" not in output.get("data", {}):
            continue
        number += 1
        png = base64.b64decode(output.data["image/png"])
        drawn = struct.unpack(">I", png[16:20])[0]
        at = png.index(b"pHYs") + 4
        dpi = struct.unpack(">I", png[at : at + 4])[0] * 0.0254
        (block,) = slides.output_blocks(output)
        shown = re.search(r'alt="([^"]*)" width="(\d+)" height="(\d+)"', block.html)
        alt, wide, high = shown[1], int(shown[2]), int(shown[3])
        assert points * dpi / 72 * wide / drawn >= 16, alt
        assert wide <= (1280 if block.alone else 1200), alt
        assert high <= (720 - 48 if block.alone else 720 - 92), alt
        assert len(alt) >= figures.SHORTEST_ALT
    assert number > (1 if source.core else 0)


def test_each_notebook_has_its_part_of_the_guide(tmp_path):
    core, second = choose(["06"])[0].sources
    assert slides.guide(core).startswith("# Guide")
    assert "06b" not in slides.guide(core)
    assert slides.guide(second).startswith("## The second notebook")
    for source in (core, second):
        page = slides.write(source, tmp_path).read_text(encoding="utf-8")
        assert '<aside class="notes">' in page
    notebook = nbformat.read(second.notebook, as_version=4)
    said: dict[str, str] = {}
    for slide in slides.slides(notebook, slides.guide(second)):
        said[slide.heading] = said.get(slide.heading, "") + "".join(slide.notes)
    assert "06b" in next(text for heading, text in said.items() if heading.startswith("06b"))
    assert "choice in output" in said["Exercise"]
    assert "who would have stopped" in said["What went wrong on purpose"]
    assert "06b" not in said["Predict"]


def test_printed_lines_are_wrapped_at_blanks():
    printed_text = "probability " * 12 + "\n\n  indented\n" + "z" * 200
    found = made(markdown("## Out"), code("print()", printed(printed_text)))
    lines = re.search(r'<pre class="output">(.*?)</pre>', html_of(found), re.DOTALL)[1].split("\n")
    assert lines == [" ".join(["probability"] * 8), " ".join(["probability"] * 4), "",
                     "  indented", "z" * 106, "z" * 94]  # fmt: skip


def test_a_heading_below_a_heading_shares_its_slide():
    cells = [
        nbformat.v4.new_code_cell("import os"),
        nbformat.v4.new_markdown_cell("# Title\n\nWhat it is about."),
        nbformat.v4.new_markdown_cell(
            "## Experiment\n\n### How often\n\nText.\n\n### How sure\n\nMore."
        ),
    ]
    found = slides.slides(nbformat.v4.new_notebook(cells=cells))
    assert [one.heading for one in found] == ["Title", "Experiment: How often", "How sure"]
    assert [one.first for one in found] == [True, True, False]


@pytest.mark.parametrize(
    "lesson", [one for one in read_course() if one.exists], ids=lambda one: one.no
)
def test_every_lessons_deck(lesson, tmp_path):
    for source in lesson.sources:
        path = slides.write(source, tmp_path)
        page = path.read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in page
        formulas = re.findall(r"\$[^$<\n]*[\\_^][^$<\n]*\$", page.split("<script>")[0])
        assert not formulas, "slides do not set TeX: write formulas as code"
        assert not re.search(r'(?:src|<link[^>]*href)="?https?:', page), "something is fetched"
        notebook = nbformat.read(source.notebook, as_version=4)
        found = slides.slides(notebook, slides.guide(source))
        full = [slide.heading for slide in found if slide.height > slide.room]
        assert not full, "blocks higher than a slide: split their cells"
        for piece in re.findall(r'<pre class="code">(.*?)</pre>', page, flags=re.DOTALL):
            assert piece.count("\n") < slides.CODE_LINES
        tasks = [slide for slide in found if slide.heading.startswith("Exercise")]
        assert tasks or not source.core
        assert all(slide.notes for slide in tasks if slide.first or slide.heading != "Exercise"), (
            tasks
        )


def test_a_notebook_out_of_step_is_refused(tmp_path, monkeypatch):
    (source, *_) = choose(["06"])[0].sources
    monkeypatch.setattr(
        slides, "problems", lambda lesson: [f"{source.notebook.name}: old -> run: x"]
    )
    with pytest.raises(ValueError, match="old -> run: x"):
        slides.write(source, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_slide_with_one_block_too_many():
    found = [Slide("a", True, [Block("x", slides.ROOM)])]
    slides._add(found, [Block("y", 10)], fragment=False)
    assert [slide.height for slide in found] == [slides.ROOM, 10]
