"""Notebooks, widgets and slides in a real browser; skipped where there is none.

MINIGPT_BROWSER=all runs every notebook to its end, too (minutes each).
"""

from __future__ import annotations

import os
import shutil

import labs
import nbformat
import pytest
from nbformat.sign import NotebookNotary

from lessons import present, site, slides
from lessons.course import ROOT, read_course
from lessons.source import METADATA

pytest.importorskip("playwright", reason="needs the extra browser: pip install -e .[browser]")
pytestmark = [
    pytest.mark.skipif(labs.CHROMIUM is None, reason="no Chromium: apt install chromium"),
    pytest.mark.xdist_group("browser"),
]

SOURCES = [source for lesson in read_course() if lesson.exists for source in lesson.sources]
ALL = os.environ.get("MINIGPT_BROWSER") == "all"
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'

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
        forgetting_view({"before": shares, "full": {"sums": 0.1, HOSTILE: 0}, "LoRA": shares})
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_a_notebook_opens_with_its_pictures_described(lab, page, source):
    """As stored, and not trusted: what it shows needs neither a kernel nor a script."""
    labs.open_notebook(page, lab, source.notebook.name)
    stored = nbformat.read(source.notebook, as_version=4)
    assert page.locator(".jp-Cell").count() == len(stored.cells)
    assert labs.errors(page) == []
    assert labs.pictures_without_text(page) == 0
    pictures = sum(
        any(kind == "image/png" for kind in output.get("data", {}))
        for cell in stored.cells
        for output in cell.get("outputs", [])
    )
    assert page.locator(".jp-OutputArea img").count() == pictures


SHOWN = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
    const code = [...Array(cells.length).keys()].map((at) => cells.get(at))
        .filter((cell) => cell.type === 'code' && cell.outputs.length > 0);
    const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
    return {
        trusted: code.map((cell) => cell.trusted),
        shown: outputs.map((output) => output.innerText),
        pictures: document.querySelectorAll('.jp-OutputArea img').length,
        harmed: window.harmed === undefined ? 0 : window.harmed,
    };
}"""


@pytest.mark.timeout(300)
def test_a_trusted_and_an_untrusted_notebook_show_the_same(lab, lab_folder, page):
    """Ours hold text and pictures alone, which Jupyter shows without a signature; a hostile output
    that somebody put into a file is not trusted, and does nothing."""
    name = SOURCES[0].notebook.name
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    for title in ("strange", "signed"):
        nbformat.write(notebook, lab_folder / f"{title}.ipynb")
    signer = NotebookNotary(data_dir=str(lab_folder.parent / "jupyter" / "data"))
    signer.sign(nbformat.read(lab_folder / "signed.ipynb", as_version=4))
    labs.open_notebook(page, lab, "strange.ipynb")
    strange = page.evaluate(SHOWN)
    labs.open_notebook(page, lab, "signed.ipynb")
    signed = page.evaluate(SHOWN)
    assert all(strange["trusted"])
    assert strange == signed
    assert len(signed["shown"]) > 10

    hostile = nbformat.v4.new_output("display_data", {"text/html": HOSTILE, "text/plain": "calm"})
    cell = nbformat.v4.new_code_cell("1", outputs=[hostile], execution_count=1)
    altered = nbformat.v4.new_notebook(cells=[cell], metadata=METADATA)
    nbformat.write(altered, lab_folder / "altered.ipynb")
    labs.open_notebook(page, lab, "altered.ipynb")
    page.wait_for_timeout(500)
    found = page.evaluate(SHOWN)
    assert found["trusted"] == [False]
    assert found["harmed"] == 0


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
    from axe_playwright_python.sync_playwright import Axe

    rules = ["label", "image-alt", "color-contrast", "aria-input-field-name", "select-name"]
    found = Axe().run(
        widgets,
        context=".jp-OutputArea-output",
        options={"runOnly": {"type": "rule", "values": rules}},
    )
    problems = [
        (one["id"], node["html"][:200], node["failureSummary"][:200])
        for one in found.response["violations"]
        for node in one["nodes"]
    ]
    assert problems == []


# --- slides and presenting ----------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.notebook.stem)
def test_no_slide_overflows(page, tmp_path, source):
    page.set_viewport_size({"width": 1280, "height": 720})
    outside: list[str] = []
    page.on("request", lambda one: outside.append(one.url) if "://" in one.url else None)
    path = slides.write(source, tmp_path)
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    total = page.evaluate("Reveal.getTotalSlides()")
    assert total > 10
    full = page.evaluate(
        """() => {
            const full = [];
            while (true) {
                const slide = Reveal.getCurrentSlide();
                const room = slide.querySelector('.room');
                const over = [...room.querySelectorAll('*')].some((one) => {
                    const box = one.getBoundingClientRect();
                    return box.width > 0 && (box.bottom > 721 || box.right > 1281);
                });
                const small = room.style.zoom && Number(room.style.zoom) < 0.8;
                if (over || small) full.push(slide.querySelector('h1, h2').textContent);
                if (Reveal.isLastSlide()) return full;
                Reveal.next();
            }
        }"""
    )
    assert full == []
    assert [url for url in outside if not url.startswith(("file:", "data:", "blob:"))] == []


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


@pytest.mark.timeout(400)
def test_the_site_on_a_phone_and_on_a_projector(chromium, tmp_path):
    pytest.importorskip("mkdocs")
    site.build(tmp_path / "site")
    for width, height in ((390, 800), (1280, 720)):
        page = chromium.new_page(viewport={"width": width, "height": height})
        for name in ("index", *(f"lessons/{source.notebook.stem}" for source in SOURCES)):
            page.goto((tmp_path / "site" / f"{name}.html").as_uri())
            page.wait_for_load_state()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.close()
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("decontamination")
    page.wait_for_selector(".md-search-result__link", timeout=20_000)
    assert "Pretraining" in page.locator(".md-search-result__list").inner_text()
    page.close()
