"""Notebooks, widgets and slides in a real browser; skipped where there is none.

MINIGPT_BROWSER=all runs every notebook to its end, too (minutes each).
"""

from __future__ import annotations

import ast
import csv
import os
import re
import shutil
import time

import labs
import matplotlib as mpl
import nbformat
import pytest
from nbformat.sign import NotebookNotary

from lessons import figures, grade, present, site, slides
from lessons.course import ROOT, choose, read_course
from lessons.figures import SHORTEST_ALT
from lessons.source import METADATA

pytest.importorskip("playwright", reason="needs the extra browser: pip install -e .[browser]")
pytestmark = [
    pytest.mark.skipif(labs.CHROMIUM is None, reason="no Chromium: apt install chromium"),
    pytest.mark.xdist_group("browser"),
]

SOURCES = [source for lesson in read_course() if lesson.exists for source in lesson.sources]
CORE = choose(["06"])[0].sources[0]
ALL = os.environ.get("MINIGPT_BROWSER") == "all"
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'

SMALLEST = 16  # pixels of text on a slide of 1280 x 720
with mpl.rc_context():
    figures.style()
    TICKS = mpl.rcParams["xtick.labelsize"] * mpl.rcParams["savefig.dpi"] / 72  # pixels, unscaled

# What axe looks for.
RULES = (
    "label", "image-alt", "color-contrast", "aria-input-field-name", "select-name", "button-name",
)  # fmt: skip

# Every widget of the lessons, on the shipped models, each in a cell of its own.
WIDGETS = {
    "l01": """
        import torch
        from lessons.l01_next_token.widget import next_character_view
        next_character_view({"one": torch.eye(4)}, ["a", "b", "<i>", "d"])""",
    "l02": """
        from lessons.l02_tokens.widget import merge_view
        merge_view("low lower lowest", n_merges=8)""",
    "l03": """
        from lessons.l03_embeddings import space
        from lessons.l03_embeddings.widget import checkpoints, film
        film(*checkpoints(), space.categories())""",
    "l04": """
        from lessons.l04_self_attention.widget import attention_view
        from minigpt import load
        both = {name: load(name) for name in ("fernhollow", "fernhollow-small")}
        attention_view(both, "The cat eats when it is happy")""",
    "l05": """
        from lessons.l05_building_gpt.widget import shape_view
        shape_view()""",
    "l06": """
        from lessons.widgets import step_slider
        step_slider({0: "calm", 50: HOSTILE}, {0: "a", 50: HOSTILE})""".replace(
        "HOSTILE", repr(HOSTILE)
    ),
    "l07": """
        from lessons.l07_generation.widget import next_token_view
        from minigpt import load
        next_token_view(*load("fernhollow"), "Write a couplet about the sea.\\nThe sailor")""",
    "l00": """
        from lessons.l00_one_model.widget import prompt_box
        from minigpt import load
        prompt_box(*load("fernhollow"))""",
    "l08": """
        from lessons.l08_fine_tuning.widget import forgetting_view
        shares = {"sums": 0.9, HOSTILE: 0.5}
        full = {"sums": 0.1, HOSTILE: 0}
        changes = {"full": {"sums": -0.8, HOSTILE: -0.5}, "LoRA": {"sums": 0, HOSTILE: 0}}
        forgetting_view({"before": shares, "full": full, "LoRA": shares}, changes)
        """.replace("HOSTILE", repr(HOSTILE)),
    "l09": """
        from lessons.l09_few_shot.widget import shot_view
        from minigpt import load
        shot_view(*load("fernhollow"))""",
    "l13": """
        from lessons.l13_hallucination.widget import search_view
        from minigpt import load
        search_view(*load("fernhollow"))""",
    "l14": """
        from lessons.l14_grounding import papers, retrieval
        from lessons.l14_grounding.widget import ask_view
        from minigpt import load
        held = papers.library()
        bm25 = retrieval.BM25([paper.text for paper in held.papers])
        asked = papers.questions(papers.UNREAD, "stated", 1, draw=627)[0].question
        ask_view(*load("fernhollow"), held, bm25, asked)""",
    "beliefs": """
        from lessons.l00_one_model import beliefs
        beliefs.form()""",
}
SLIDERS = ("l01", "l02", "l03", "l04", "l05", "l06", "l07", "l09")
LISTS = (
    "l00",
    "l03",
    "l04",
    "l05",
    "l08",
    "l09",
    "l13",
    "beliefs",
)  # widgets with lists or buttons


@pytest.fixture(scope="module")
def chromium():
    with labs.browser() as found:
        yield found


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory):
    """Copies of the notebooks."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    return folder


@pytest.fixture(scope="module")
def lab(lab_folder):
    """A JupyterLab on copies of the notebooks and on one with all widgets."""
    folder = lab_folder
    cells = [nbformat.v4.new_code_cell(_dedented(code)) for code in WIDGETS.values()]
    made = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    nbformat.write(made, folder / "widgets.ipynb")
    with labs.jupyterlab(folder) as address:
        yield address


def _dedented(code: str) -> str:
    return "\n".join(line.removeprefix(" " * 8) for line in code.strip("\n").split("\n"))


@pytest.fixture
def page(chromium):
    made = chromium.new_page(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


# --- notebooks ----------------------------------------------------------------------------------


SHOWN = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
    const code = [...Array(cells.length).keys()].map((at) => cells.get(at))
        .filter((cell) => cell.type === 'code' && cell.outputs.length > 0);
    const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
    return {
        trusted: code.map((cell) => cell.trusted),
        shown: outputs.map((output) => output.innerText),
        harmed: window.harmed === undefined ? 0 : window.harmed,
    };
}"""


def _is_widget(output):
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def _copy(notebook, path):
    """A copy that Jupyter does not know: it signs contents, whatever the file is called."""
    altered = notebook.copy()
    altered.metadata = notebook.metadata | {"copy": path.stem}
    nbformat.write(altered, path)


def _settled(page, seconds: float = 60):
    """What a notebook shows once it shows the same for a second: outputs are drawn one by one."""
    end, same = time.monotonic() + seconds, 0
    seen = page.evaluate(SHOWN)
    while same < 4 and time.monotonic() < end:
        page.wait_for_timeout(250)
        before, seen = seen, page.evaluate(SHOWN)
        same = same + 1 if seen == before else 0
    return seen


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_a_notebook_shows_the_same_whether_trusted_or_not(lab, lab_folder, page, source):
    """As stored: what it shows needs neither a kernel nor a script nor a signature."""
    notebook = nbformat.read(source.notebook, as_version=4)
    for title in ("strange", "signed"):
        _copy(notebook, lab_folder / f"{title}.ipynb")
    signer = NotebookNotary(data_dir=str(lab_folder.parent / "jupyter" / "data"))
    signer.sign(nbformat.read(lab_folder / "signed.ipynb", as_version=4))
    stored = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    n_pictures = sum("image/png" in output.get("data", {}) for output in stored)
    seen = {}
    for title in ("strange", "signed"):
        labs.open_notebook(page, lab, f"{title}.ipynb")
        seen[title] = _settled(page)
        trusted = seen[title].pop("trusted")
        assert set(trusted) == {title == "signed"}
        seen[title]["pictures"] = labs.pictures(page, labs.PICTURES)
        assert page.locator(".jp-Cell").count() == len(notebook.cells)
        assert labs.errors(page) == []
        assert len(seen[title]["pictures"]) == n_pictures
        assert all(len(alt) >= SHORTEST_ALT and drawn for alt, drawn in seen[title]["pictures"])
        # A widget needs a kernel: its text is shown, or, with a signature, that it is missing.
        shown = zip(stored, seen[title]["shown"], strict=True)
        seen[title]["shown"] = [text for output, text in shown if not _is_widget(output)]
    assert seen["strange"] == seen["signed"]
    assert len(seen["signed"]["shown"]) > 10


@pytest.mark.timeout(300)
def test_a_hostile_output_does_nothing(lab, lab_folder, page):
    """Somebody put it into a file: it is not trusted."""
    hostile = nbformat.v4.new_output("display_data", {"text/html": HOSTILE, "text/plain": "calm"})
    cell = nbformat.v4.new_code_cell("1", outputs=[hostile], execution_count=1)
    altered = nbformat.v4.new_notebook(cells=[cell], metadata=METADATA)
    nbformat.write(altered, lab_folder / "altered.ipynb")
    labs.open_notebook(page, lab, "altered.ipynb")
    page.wait_for_timeout(500)
    found = page.evaluate(SHOWN)
    assert found["trusted"] == [False]
    assert found["harmed"] == 0


@pytest.mark.timeout(300)
def test_a_hostile_file_name_does_nothing(lab, lab_folder, page, tmp_path):
    """In JupyterLab it is text, in the table of grades one cell."""
    name = '<img src=x onerror="window.harmed=1">, =1.ipynb'
    cell = nbformat.v4.new_code_cell("x = 1")
    path = lab_folder / name
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=METADATA), path)
    labs.open_notebook(page, lab, name)
    tab = page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel, .jp-DirListing-itemText")
    page.wait_for_timeout(500)
    assert name in [text.strip() for text in tab.all_inner_texts()]
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.harmed") is None

    folder = tmp_path / "handed in"
    folder.mkdir()
    shutil.copy(path, folder)
    grade.main([str(folder), "--out", str(tmp_path / "grades.csv")])
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [name]


@pytest.mark.timeout(300)
def test_an_error_is_found_and_a_stored_number_is_no_end(lab, lab_folder, page):
    """What the next test rests on: cells that look as if they had run, one of them wrong."""
    cells = [
        nbformat.v4.new_code_cell(code, execution_count=number)
        for number, code in enumerate(("import time\ntime.sleep(3)", "1 / 0", "2"), start=1)
    ]
    cells[2].outputs = [nbformat.v4.new_output("stream", text="as stored")]
    made = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    nbformat.write(made, lab_folder / "wrong.ipynb")
    labs.open_notebook(page, lab, "wrong.ipynb")
    assert labs.errors(page) == []
    labs.run_all(page, 60)
    (error,) = labs.errors(page)
    assert error == "ZeroDivisionError: division by zero"
    assert page.locator(".jp-OutputArea-output", has_text="as stored").count() == 0


@pytest.mark.skipif(not ALL, reason="set MINIGPT_BROWSER=all: minutes a notebook")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_a_notebook_runs_to_its_end(lab, page, source):
    labs.open_notebook(page, lab, source.notebook.name)
    labs.run_all(page, 900)
    assert labs.errors(page) == []
    assert labs.pictures_without_text(page) == 0


# --- widgets ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def widgets(lab, chromium):
    """A page on which all widgets were made; the cells in order."""
    made = chromium.new_page(viewport={"width": 1280, "height": 800})
    labs.open_notebook(made, lab, "widgets.ipynb")
    labs.run_all(made, 240)
    assert labs.errors(made) == []
    yield made
    made.close()


def _cell(widgets, name):
    number = list(WIDGETS).index(name)
    return widgets.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea")


def _shown(cell):
    return cell.locator(".widget-html-content").last


def _changes(widgets, cell, act):
    """Do something to a widget; its view must become another."""
    before = _shown(cell).inner_html()
    act()
    widgets.wait_for_function(
        "([element, before]) => element.innerHTML !== before",
        arg=[_shown(cell).element_handle(), before],
        timeout=20_000,
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SLIDERS)
def test_every_slider_answers_keys_and_mouse(widgets, name):
    cell = _cell(widgets, name)
    sliders = cell.locator(".minigpt-slider input[type=range]")
    assert sliders.count() >= 1
    for number in range(sliders.count()):
        slider = sliders.nth(number)
        slider.scroll_into_view_if_needed()
        slider.focus()
        first, last = slider.input_value(), int(slider.get_attribute("max"))
        key = "ArrowRight" if int(slider.input_value()) < last else "ArrowLeft"
        _changes(widgets, cell, lambda: widgets.keyboard.press(key))  # noqa: B023
        box = slider.bounding_box()
        at = 0.05 if int(slider.input_value()) > last / 2 else 0.95
        x, y = box["x"] + at * box["width"], box["y"] + box["height"] / 2
        _changes(widgets, cell, lambda: widgets.mouse.click(x, y))  # noqa: B023
        assert slider.get_attribute("aria-valuetext")
        if slider.input_value() != first:
            _changes(widgets, cell, lambda: slider.fill(first))  # noqa: B023


# What a reader sees in a cell: its views, and the texts in its fields.
FIELDS = ".widget-html-content, textarea, input[type=text]"
SEEN = f"""cell => [...cell.querySelectorAll("{FIELDS}")]
    .map(one => one.value ?? one.innerHTML).join("\\0")"""


def _shows_another(widgets, cell, act):
    """Do something to a widget; some view or field must then hold something else."""
    element = cell.element_handle()
    before = element.evaluate(SEEN)
    act()
    widgets.wait_for_function(
        f"([cell, before]) => ({SEEN})(cell) !== before", arg=[element, before], timeout=20_000
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", LISTS)
def test_every_list_and_button_answers_keys_and_mouse(widgets, name):
    cell = _cell(widgets, name)
    lists = cell.locator("select")
    for number in range(lists.count()):
        lists.nth(number).focus()
        _shows_another(widgets, cell, lambda: widgets.keyboard.press("ArrowDown"))
        _shows_another(widgets, cell, lambda: lists.nth(number).select_option(index=0))  # noqa: B023
    buttons = cell.locator("button:not(.mod-active)")
    assert lists.count() + buttons.count() > 0
    for number in range(buttons.count()):
        button = buttons.nth(number).element_handle()  # by itself: which is active may change
        button.focus()
        _shows_another(widgets, cell, lambda: widgets.keyboard.press("Enter"))
        for other in cell.locator(".widget-toggle-buttons button:not(.mod-active)").all():
            _shows_another(widgets, cell, other.click)
        if name != "l00" or number == 0:  # the same prompt is continued by the same text
            _shows_another(widgets, cell, button.click)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["l02", "l04", "l07", "l13", "l14"])
def test_what_is_typed_is_shown_as_text(widgets, name):
    _type(widgets, _cell(widgets, name), 0, HOSTILE)


@pytest.mark.timeout(400)
def test_a_paper_of_ones_own_is_shown_as_text(widgets):
    _type(widgets, _cell(widgets, "l14"), 1, HOSTILE)


@pytest.mark.timeout(400)
def test_a_prompt_of_ones_own_is_shown_as_text(widgets):
    cell = _cell(widgets, "l00")
    write = cell.locator("button").last
    _type(widgets, cell, 0, HOSTILE, lambda: (write.focus(), widgets.keyboard.press("Enter")))
    assert "onerror" in _shown(cell).inner_text()


def _type(widgets, cell, number, text, then=lambda: None):
    """Type a text into a field of a widget; nothing of it may become an element."""
    field = cell.locator("input[type=text], textarea").nth(number)
    _changes(widgets, cell, lambda: (field.fill(text), field.press("Tab"), then()))
    assert widgets.evaluate("window.harmed") is None
    assert _shown(cell).locator("img, script").count() == 0
    assert widgets.locator("img[src=x]").count() == 0


@pytest.mark.timeout(400)
def test_what_a_model_wrote_is_shown_as_text(widgets):
    cell = _cell(widgets, "l06")
    cell.locator(".minigpt-slider input").first.focus()
    widgets.keyboard.press("End")
    widgets.wait_for_timeout(500)
    assert widgets.evaluate("window.harmed") is None
    assert "onerror" in cell.inner_text()
    assert "onerror" in _cell(widgets, "l08").inner_text()


@pytest.mark.timeout(400)
def test_widgets_have_labels_and_contrast(widgets):
    assert labs.inaccessible(widgets, ".jp-OutputArea-output", RULES) == []


@pytest.mark.timeout(300)
def test_a_notebooks_outputs_are_accessible(lab, page):
    labs.open_notebook(page, lab, CORE.notebook.name)
    assert labs.inaccessible(page, ".jp-OutputArea-output", RULES) == []


def test_every_widget_is_tested():
    """Functions of the lessons that return a box of ipywidgets, by what they say or return."""
    found = []
    for path in sorted((ROOT / "lessons").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                ends = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
                said = ast.unparse(node.returns) if node.returns else ""
                returned = " ".join(ast.unparse(end) for end in ends if end)
                if re.search(r"\b(VBox|HBox|Box|Tab|Accordion)\b", f"{said} {returned}"):
                    found.append(f"{path.relative_to(ROOT).with_suffix('').as_posix()}.{node.name}")
    assert len(found) >= 13
    cells = [_dedented(code) for code in WIDGETS.values()]
    missing = [
        name for name in found
        if not any(
            re.search(rf"\b{name.split('.')[1]}\(", cell)
            and name.split(".")[0].rsplit("/", 1)[1] in cell
            for cell in cells
        )
    ]  # fmt: skip
    assert missing == [], "add them to WIDGETS"


# How wide a notebook's pictures are on a page, and in their file.
DRAWN = """[...document.querySelectorAll('.jp-OutputArea-output img')].map((one) =>
    ({width: one.getBoundingClientRect().width, natural: one.naturalWidth}))"""


# --- slides and presenting ----------------------------------------------------------------------


# Of each slide: what stands outside it, its smallest text in pixels, how its pictures are scaled.
MEASURED = """() => {
    const found = [];
    while (true) {
        const slide = Reveal.getCurrentSlide();
        const room = slide.querySelector('.room');
        const zoom = Number(room.style.zoom || 1);
        const shown = [...slide.querySelectorAll('h1, h2, .room *')]
            .filter((one) => one.getBoundingClientRect().width > 0);
        const texts = shown.filter((one) => [...one.childNodes]
            .some((node) => node.nodeType === 3 && node.textContent.trim()));
        found.push({
            heading: slide.querySelector('h1, h2').textContent,
            outside: shown.filter((one) => {
                const box = one.getBoundingClientRect();
                return box.bottom > 721 || box.right > 1281 || box.left < -1 || box.top < -1;
            }).map((one) => one.tagName),
            covered: Boolean(slide.classList.contains('alone') && Number(getComputedStyle(
                document.querySelector('.controls')).opacity)),
            smallest: Math.min(...texts.map((one) =>
                parseFloat(getComputedStyle(one).fontSize) * (room.contains(one) ? zoom : 1))),
            pictures: [...room.querySelectorAll('img')]
                .map((one) => one.getBoundingClientRect().width / one.naturalWidth),
        });
        if (Reveal.isLastSlide()) return found;
        Reveal.next();
    }
}"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_every_slide_holds_what_is_on_it_and_can_be_read(page, tmp_path, source):
    """At 1280 x 720 pixels no text, and no label in a picture, is smaller than 16."""
    page.set_viewport_size({"width": 1280, "height": 720})
    outside: list[str] = []
    page.on("request", lambda one: outside.append(one.url) if "://" in one.url else None)
    path = slides.write(source, tmp_path)
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") > 10
    found = page.evaluate(MEASURED)
    assert len(found) > 10
    assert [slide for slide in found if slide["outside"]] == []
    assert [slide for slide in found if slide["smallest"] < SMALLEST] == []
    assert [slide for slide in found if slide["covered"]] == [], "arrows lie over a picture"
    pictures = [scale for slide in found for scale in slide["pictures"]]
    assert len(pictures) > source.core  # a second notebook may have one only
    assert [slide for slide in found if min(slide["pictures"], default=1) * TICKS < SMALLEST] == []
    assert [url for url in outside if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.timeout(400)
def test_a_decks_slides_are_accessible(page, tmp_path):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(slides.write(CORE, tmp_path).as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    problems = []
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        if number:
            page.evaluate("Reveal.next()")
        problems += labs.inaccessible(page, "body", RULES)
    assert page.evaluate("Reveal.isLastSlide()")
    assert problems == []


@pytest.mark.timeout(300)
def test_presenting_folds_exercises_and_enlarges_type(chromium, tmp_path):
    folder = tmp_path / "presenter"
    present.main(["06", "--out", str(folder)])
    with labs.jupyterlab(folder, settings=folder / "settings") as address:
        page = chromium.new_page()
        labs.open_notebook(page, address, "06_pretraining.ipynb")
        assert page.locator(".jp-CodeCell .jp-InputPlaceholder").count() == 6
        size = page.evaluate(
            """() => getComputedStyle(document.querySelector(
                '.jp-MarkdownOutput p')).fontSize"""
        )
        assert float(size.removesuffix("px")) >= 20
        page.close()


# --- the site -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The site's folder."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("made") / "site"
    site.build(folder)
    return folder


@pytest.mark.timeout(400)
def test_the_site_on_a_phone_and_on_a_projector(chromium, pages):
    pictures = 0
    for width, height in ((390, 800), (1280, 720)):
        page = chromium.new_page(viewport={"width": width, "height": height})
        for name in ("index", *(f"lessons/{source.notebook.stem}" for source in SOURCES)):
            page.goto((pages / f"{name}.html").as_uri())
            page.wait_for_load_state()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            found = labs.pictures(page)
            assert found, name
            assert [alt for alt, drawn in found if not drawn] == [], name
            pictures += len(found)
            shown = page.evaluate(DRAWN)
            assert [one for one in shown if one["width"] < 0.95 * min(one["natural"], 640)] == [], (
                name
            )
        page.close()
    assert pictures > 2 * len(SOURCES)


def test_wide_lines_of_outputs_scroll_on_a_phone(chromium, pages):
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    page.goto((pages / f"lessons/{CORE.notebook.stem}.html").as_uri())
    styles = page.evaluate(
        "[...document.querySelectorAll('.jp-OutputArea-output pre')]"
        ".map((one) => getComputedStyle(one).whiteSpace)"
    )
    page.close()
    assert {*styles} == {"pre"}


@pytest.mark.timeout(400)
def test_the_search_of_the_site_finds(page, pages):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((pages / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("decontamination")
    page.wait_for_selector(".md-search-result__link", timeout=20_000)
    assert "Pretraining" in page.locator(".md-search-result__list").inner_text()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["index", f"lessons/{CORE.notebook.stem}"])
def test_the_sites_pages_are_accessible(page, pages, name):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((pages / f"{name}.html").as_uri())
    page.wait_for_load_state()
    assert labs.inaccessible(page, "body", RULES) == []
