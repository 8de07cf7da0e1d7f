"""A deck of slides for each lesson, from its notebook and guide: python -m lessons slides [LESSON].

A deck is one HTML file with reveal.js inside: it opens without a network. Headings `##` begin a
column of slides; what does not fit on 1280 x 720 pixels goes on below. Key S opens the notes, which
come from the guide; those of a second notebook from the guide's section on it.
"""

from __future__ import annotations

import argparse
import base64
import html
import math
import re
import struct
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from lessons.checks import SECOND, problems
from lessons.course import ROOT, Source, choose
from minigpt.files import write_text

FOLDER = ROOT / "slides"
HERE = Path(__file__).parent
REVEAL = HERE / "vendor" / "reveal"
ROOM = 580  # pixels below a slide's heading
WIDTH = 1200
LEAST_SCALE = 0.8  # of a picture; one that would be smaller gets a slide to itself
ALONE = (1264, 660)  # pixels of such a slide, below its heading in one small line
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = '<p class="widget">Interactive: run this cell in the notebook.</p>'
CODE_LINES = 15
TEXT_LINES = 18  # of a printed output

MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass
class Block:
    """Something that stays in one piece, and the pixels it is expected to take."""

    html: str
    height: int
    fragment: bool = False
    alone: bool = False  # a picture that needs a slide to itself


@dataclass
class Slide:
    """One slide; `first`: it begins a column."""

    heading: str
    first: bool
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        return sum(block.height for block in self.blocks)

    @property
    def room(self) -> int:
        """Pixels below the heading."""
        return ALONE[1] if self.alone else ROOM

    @property
    def alone(self) -> bool:
        """It holds one picture that needs all of it, under a smaller heading."""
        return any(block.alone for block in self.blocks)


# --- blocks -------------------------------------------------------------------------------------


def _lines(text: str, width: int) -> int:
    """Lines of a text that is wrapped after `width` characters."""
    return sum(max(1, math.ceil(len(line) / width)) for line in text.split("\n"))


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens of Markdown, cut where a block of the outermost level ends."""
    group: list[Token] = []
    depth = 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []


def _inline(tokens: Sequence[Token]) -> str:
    return "\n".join(token.content for token in tokens if token.type == "inline")


def _parts(group: list[Token], kind: str) -> list[list[Token]]:
    """The pieces of a list or a table that open and close with `kind`, at their own level."""
    found: list[list[Token]] = []
    level = next((t.level for t in group if t.type == f"{kind}_open"), 0)
    for token in group:
        if token.type == f"{kind}_open" and token.level == level:
            found.append([])
        if found and (token.level > level or token.type in (f"{kind}_open", f"{kind}_close")):
            found[-1].append(token)
    return found


def _render(tokens: Sequence[Token]) -> str:
    return str(MARKDOWN.renderer.render(list(tokens), MARKDOWN.options, {}))


def markdown_blocks(text: str) -> Iterator[Block]:
    """Paragraphs, items of lists, rows of tables and code of a Markdown text, in order."""
    for group in _groups(MARKDOWN.parse(text)):
        kind = group[0].type
        if kind == "fence":
            yield from code_blocks(group[0].content, python=group[0].info.startswith("python"))
        elif kind in ("bullet_list_open", "ordered_list_open"):
            first = int(group[0].attrs.get("start", 1))
            for number, item in enumerate(_parts(group, "list_item"), start=first):
                tag = "ul" if kind.startswith("bullet") else f'ol start="{number}"'
                height = 36 * _lines(_inline(item).replace("\n", " "), 86) + 10
                yield Block(f"<{tag}>{_render(item)}</{tag[:2]}>", height)
        elif kind == "table_open":
            yield from _table(group)
        else:
            yield Block(_render(group), 36 * _lines(_inline(group).replace("\n", " "), 89) + 16)


def _table(group: list[Token]) -> Iterator[Block]:
    """A table in pieces that fit on a slide, each with its head."""
    head, *rows = _parts(group, "tr")
    heights = [30 * _lines(_inline(row).replace("\n", " " * 4), 105) + 12 for row in rows]
    piece: list[Token] = []
    used = 0
    for row, height in zip(rows, heights, strict=True):
        if piece and used + height > ROOM - 60:
            yield Block(_whole_table(head, piece), used + 60)
            piece, used = [], 0
        piece, used = piece + row, used + height
    yield Block(_whole_table(head, piece), used + 60)


def _whole_table(head: list[Token], rows: list[Token]) -> str:
    return f"<table><thead>{_render(head)}</thead><tbody>{_render(rows)}</tbody></table>"


def code_blocks(code: str, *, python: bool = True) -> Iterator[Block]:
    """Code in pieces of at most 15 lines, cut where a line is blank if there is one."""
    for piece in cut(code.strip("\n").split("\n"), CODE_LINES):
        text = "\n".join(piece)
        marked = html.escape(text)
        if python:
            marked = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
        height = 25 * _lines(text, 102) + 34
        yield Block(f'<pre class="code"><code>{marked.rstrip()}</code></pre>', height)


def cut(lines: list[str], most: int) -> list[list[str]]:
    """Lines in pieces of at most `most`, cut at a blank line of the second half if there is one."""
    pieces = []
    while len(lines) > most:
        blank = [n for n in range(most // 2, most + 1) if not lines[n].strip()]
        at = blank[-1] if blank else most
        pieces.append(lines[:at])
        lines = lines[at:]
        while lines and not lines[0].strip():
            lines = lines[1:]
    return [*pieces, lines]


def output_blocks(output: NotebookNode) -> Iterator[Block]:
    """What a cell printed or displayed: text in pieces, pictures with their alt text, tables."""
    if output.output_type == "stream":
        yield from _text_blocks(output.text)
        return
    data = output.get("data", {})
    if WIDGET in data:
        yield Block(WIDGET_NOTE, 60)
    elif "image/png" in data:
        alt = html.escape(" ".join(str(data.get("text/plain", "")).split()))
        png = "".join(data["image/png"].split())
        wide, high = struct.unpack(">II", base64.b64decode(png[:64])[16:24])
        scale = min(1.0, WIDTH / wide, (ROOM - 20) / high)
        if alone := scale < LEAST_SCALE:
            scale = min(ALONE[0] / wide, ALONE[1] / high, 1.0)
        size = f'width="{round(wide * scale)}" height="{round(high * scale)}"'
        image = f'<img alt="{alt}" {size} src="data:image/png;base64,{png}">'
        yield Block(image, round(high * scale) + (0 if alone else 16), alone=alone)
    elif "text/html" in data:
        text = re.sub(r"<[^>]+>", " ", data["text/html"])
        rows = data["text/html"].count("<tr") + data["text/html"].count("<p")
        height = max(38 * rows, 30 * _lines(" ".join(text.split()), 105)) + 30
        yield Block(f'<div class="shown">{data["text/html"]}</div>', height)
    elif "text/plain" in data:
        yield from _text_blocks(data["text/plain"])


_WRAPPER = textwrap.TextWrapper(
    106, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False
)


def _text_blocks(text: str) -> Iterator[Block]:
    wrapped = [
        piece for line in text.rstrip("\n").split("\n") for piece in _WRAPPER.wrap(line) or [""]
    ]
    for piece in cut(wrapped, TEXT_LINES):
        shown = html.escape("\n".join(piece))
        yield Block(f'<pre class="output">{shown}</pre>', 24 * len(piece) + 26)


# --- slides -------------------------------------------------------------------------------------


def slides(notebook: NotebookNode, guide: str = "") -> list[Slide]:
    """The slides of a built notebook in order.

    Its first code cell, the imports, is left out; so are cells of slide type "skip". Those of type
    "notes" go to the notes.
    """
    found: list[Slide] = []
    section, checked = "", False  # the heading `##` above, and whether an exercise has just ended
    imports = next((cell.id for cell in notebook.cells if cell.cell_type == "code"), None)
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind == "skip" or cell.id == imports:
            continue
        if kind == "notes":
            if found:
                found[-1].notes.append(MARKDOWN.render(cell.source))
            continue
        if checked and not re.match("#{1,6} ", cell.source):
            found.append(Slide(section, first=False))
        checked = cell.cell_type == "code" and cell.source.startswith("exercises.check(")
        if cell.cell_type == "markdown":
            if heading := re.match(r"#{1,2} +(.+?) *#*$", cell.source, flags=re.MULTILINE):
                section = heading[1]
            _add_markdown(found, cell.source, kind)
        elif found:
            blocks = list(code_blocks(cell.source))
            blocks += [b for output in cell.outputs for b in output_blocks(output)]
            _add(found, blocks, fragment=kind == "fragment")
    for slide in found:
        slide.notes += (
            notes(slide.heading, guide) if slide.first or "xercise" in slide.heading else []
        )
    return [slide for slide in found if slide.blocks or slide.first]


def _add_markdown(found: list[Slide], source: str, kind: str) -> None:
    """Begin slides at headings, and go on with the rest of the text.

    A heading directly below another one shares its slide: "Experiment: how often".
    """
    for part in re.split(r"^(?=#{1,6} )", source, flags=re.MULTILINE):
        if heading := re.match(r"(#{1,6}) +(.+?) *#*$", part, flags=re.MULTILINE):
            first = len(heading[1]) <= 2
            if found and not found[-1].blocks and not first:
                found[-1].heading += f": {heading[2]}"
            else:
                found.append(Slide(heading[2], first or not found))
            part = part[heading.end() :]
        elif kind in ("slide", "subslide") and found and part.strip():
            found.append(Slide(found[-1].heading, kind == "slide"))
        if found and part.strip():
            _add(found, list(markdown_blocks(part)), fragment=kind == "fragment")


def _add(found: list[Slide], blocks: Sequence[Block], *, fragment: bool) -> None:
    """Put blocks on the last slide, and on further ones when it is full."""
    for block in blocks:
        block.fragment = fragment
        last = found[-1]
        full = block.alone or last.alone or last.height + block.height > ROOM
        if last.blocks and full:
            found.append(Slide(found[-1].heading, first=False))
        found[-1].blocks.append(block)


# --- notes --------------------------------------------------------------------------------------

# Which sections of the guide are read where: at the title, at headings that begin so.
AT_TITLE = ("50 minutes", "90 minutes", "What may go wrong", SECOND)
AT_HEADING = {
    "Experiment": ("Live",),
    "What went wrong on purpose": ("Misconceptions",),
    "Recap": ("Questions for the room",),
}
GRADING = "Solutions and grading"


def sections(guide: str) -> dict[str, str]:
    """The sections `## …` of a guide, by heading."""
    parts = re.split(r"^## +(.+)$", guide, flags=re.MULTILINE)
    return {name.strip(): text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def notes(heading: str, guide: str) -> list[str]:
    """What the guide says to a slide with this heading, as HTML."""
    found = sections(guide)

    def read(*names: str) -> list[str]:
        return [
            f"<h4>{html.escape(name)}</h4>{MARKDOWN.render(text)}"
            for wanted in names
            for name, text in found.items()
            if name.startswith(wanted)
        ]

    if exercise := re.match(r"Exercise (\d)", heading):
        grading = next((text for name, text in found.items() if name.startswith(GRADING)), "")
        items = re.findall(r"^(?:\d\.|-) .*(?:\n(?!\d\.|-).+)*", grading, flags=re.MULTILINE)
        return [MARKDOWN.render(item) for item in items[int(exercise[1]) - 1 :][:1]]
    if re.match(r"\d\d[a-z]? ", heading):
        return read(*AT_TITLE)
    for name, wanted in AT_HEADING.items():
        if heading.startswith(name) and (said := read(*wanted)):
            return said
    return [MARKDOWN.render(text) for name, text in found.items() if name == heading]


# Of a slide that holds one large picture.
PICTURE = """\
.reveal .slides > section > section.alone { padding: 8px 8px 0; }
.reveal .alone h1, .reveal .alone h2 { font-size: 26px; line-height: 32px; margin: 0 32px 8px; }
.reveal .alone img { margin-bottom: 0; }
.reveal:has(section.present > section.alone.present) .controls:not(:hover, :focus-within) {
  opacity: 0; /* the arrows would lie over the picture's corner */
}"""


# --- the deck -----------------------------------------------------------------------------------


def deck(title: str, found: Sequence[Slide]) -> str:
    """One HTML page with everything in it."""
    columns: list[list[str]] = []
    for slide in found:
        if slide.first or not columns:
            columns.append([])
        columns[-1].append(_section(slide))
    body = "\n".join(f"<section>\n{''.join(column)}</section>" for column in columns)

    def asset(path: Path) -> str:
        return path.read_text(encoding="utf-8").replace("</script", "<\\/script")

    sheets = (REVEAL / "reset.css", REVEAL / "reveal.css", HERE / "deck.css")
    styles = "\n".join(map(asset, sheets))
    colors = HtmlFormatter(style="default").get_style_defs(".code")
    scripts = "\n".join(
        f"<script>{asset(REVEAL / name)}</script>" for name in ("reveal.js", "notes.js")
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{styles}\n{PICTURE}\n{colors}\n</style>\n</head>\n"
        f'<body>\n<div class="reveal"><div class="slides">\n{body}\n</div></div>\n{scripts}\n'
        f"<script>{asset(HERE / 'deck.js')}</script>\n</body>\n</html>\n"
    )


def _section(slide: Slide) -> str:
    inner = "\n".join(
        f'<div class="fragment">{block.html}</div>' if block.fragment else block.html
        for block in slide.blocks
    )
    heading = MARKDOWN.renderInline(slide.heading)
    aside = f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""
    title = "h1" if slide.first else "h2"
    kind = ' class="alone"' if slide.alone else ""
    return (
        f"<section{kind}>\n<{title}>{heading}</{title}>\n"
        f'<div class="room">{inner}</div>{aside}\n</section>\n'
    )


def guide(source: Source) -> str:
    """What a lesson's guide says of a notebook.

    Of the second one its section SECOND, in which `### …` names a heading of the notebook.
    """
    path = source.lesson.folder / "guide.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    second = re.search(rf"^## {SECOND}$.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if source.core:
        return text.replace(second[0], "") if second else text
    return second[0].replace("\n### ", "\n## ") if second else ""


def write(source: Source, folder: Path) -> Path:
    """The deck of one notebook; ValueError if the notebook is not what its source builds."""
    if wrong := [text for text in problems(source.lesson) if source.notebook.name in text]:
        raise ValueError(wrong[0])
    notebook: Any = nbformat.read(source.notebook, as_version=4)
    found = slides(notebook, guide(source))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.notebook.stem}.html"
    write_text(path, deck(found[0].heading, found))
    return path


def main(arguments: Sequence[str]) -> int:
    """Write the decks of the lessons named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m lessons slides", description=__doc__)
    parser.add_argument("lesson", nargs="*", help="06, l06 or 06_pretraining; all if none is named")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder they are written to")
    args = parser.parse_args(arguments)
    for lesson in choose(args.lesson):
        for source in lesson.sources:
            path = write(source, args.out)
            print(f"wrote {path} ({path.stat().st_size:,} bytes)")
    return 0
