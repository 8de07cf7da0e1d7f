"""The site: every link leads somewhere, nothing is fetched, everything of the course is found."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from lessons import site
from lessons.course import ROOT, read_course

pytest.importorskip("mkdocs", reason="needs the extra site: pip install -e .[site]")


class Page(HTMLParser):
    """Links, what is fetched, anchors and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.fetched.append(found["src"])
        if tag == "link" and found.get("href") and found.get("rel") != "canonical":
            self.fetched.append(found["href"])
        if tag == "img":
            self.pictures.append(found)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "site"
    site.build(folder)
    return folder


@pytest.fixture(scope="module")
def pages(built):
    return {path: Page(path.read_text(encoding="utf-8")) for path in built.rglob("*.html")}


def test_every_lesson_and_page_is_there(built):
    for lesson in read_course():
        for source in lesson.sources:
            page = built / "lessons" / f"{source.notebook.stem}.html"
            assert lesson.title in page.read_text(encoding="utf-8")
    for name in ("index", "syllabus", "classroom", "concept_test", "contributing"):
        assert (built / f"{name}.html").is_file()


def test_nothing_is_fetched_from_elsewhere(built, pages):
    for path, page in pages.items():
        outside = [one for one in page.fetched if urlsplit(one).scheme in ("http", "https")]
        assert outside == [], path.name
    for path in built.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:|@import [\"']https?:", path.read_text("utf-8"))


def test_links_lead_somewhere(built, pages):
    checked = 0
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links + page.fetched:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.name}: {link}"
            assert target.is_relative_to(built.resolve()) or target == path
            if parts.fragment and target.suffix == ".html" and parts.fragment != "__toc":
                anchors = pages[next(p for p in pages if p.resolve() == target.resolve())].anchors
                assert unquote(parts.fragment) in anchors, f"{path.name}: {link}"
            checked += 1
    assert checked > 100


def test_pictures_work_and_are_described(pages):
    number = 0
    for path, page in pages.items():
        for picture in page.pictures:
            number += 1
            assert picture.get("alt"), f"{path.name}: {str(picture)[:200]}"
    assert number > 5


def test_a_sentence_stands_for_what_only_a_kernel_can_show(built):
    found = 0
    for path in sorted((built / "lessons").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert "VBox(children" not in text, path.name
        notebook = json.loads((ROOT / "notebooks" / f"{path.stem}.ipynb").read_text("utf-8"))
        outputs = [one for cell in notebook["cells"] for one in cell.get("outputs", [])]
        views = sum(site.WIDGET in one.get("data", {}) for one in outputs)
        assert text.count(site.WIDGET_NOTE) == views, path.name
        found += views
    assert found > 10


def test_the_search_knows_the_lessons(built):
    index = json.loads((built / "search" / "search_index.json").read_text(encoding="utf-8"))
    text = " ".join(entry["text"] + entry["title"] for entry in index["docs"])
    for word in ("decontamination", "bits per byte", "Syllabus", "grade"):
        assert word.lower() in text.lower()


def test_links_of_the_readme_become_links_of_the_site():
    places = {"README.md": "index.md", "docs/a.md": "a.md", "notebooks/x.ipynb": "lessons/x.ipynb"}
    text = (
        "[one](notebooks/x.ipynb) [two](docs/a.md#part) [three](lessons/course.toml)\n"
        "[four](https://example.org) [five](#here) <!-- mark -->`[a](b)`\n"
        "```mermaid\ngraph TD\n```\n"
    )
    assert site.page(text, "README.md", places).split("\n")[:2] == [
        "[one](lessons/x.ipynb) [two](a.md#part) three (`lessons/course.toml`)",
        "[four](https://example.org) [five](#here) `[a](b)`",
    ]
    assert "mermaid" not in site.page(text, "README.md", places)
    assert site.page("[up](../README.md)", "docs/a.md", places) == "[up](index.md)"


@pytest.mark.parametrize("link", ["[a](lessons/no.md#b)", "![a](docs/no.png)", "[a](../a.md)"])
def test_a_link_that_leads_nowhere_is_refused(link):
    with pytest.raises(ValueError, match=r"^README.md: the link to [./a-z]+.* leads nowhere"):
        site.page(link, "README.md", {"README.md": "index.md"})


def test_the_menu_has_the_courses_titles(built):
    menu = html.unescape((built / "index.html").read_text(encoding="utf-8"))
    names = {" ".join(re.sub("<[^>]+>", " ", one).split()) for one in re.split("</?a\\b", menu)}
    names = {name.split(">")[-1].strip() for name in names}
    for lesson in read_course():
        for source in lesson.sources:
            title = f"{lesson.no} {lesson.title}"
            if not source.core:
                title = f"{lesson.no}b {lesson.title}, deeper"
            assert title in names


def cells_of(table):
    """Rows of a table of a page, each a list of texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.DOTALL)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]
    return [[html.unescape(re.sub("<[^>]+>", "", cell)) for cell in row] for row in cells]


def test_the_ledger_stands_on_the_site(built):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = readme.split("<!-- ledger:begin -->")[1].split("<!-- ledger:end -->")[0]
    lines = [line for line in written.splitlines() if line.startswith("|")]
    rows = [[cell.strip().replace("**", "") for cell in line.split("|")[1:-1]] for line in lines]
    del rows[1]
    page = (built / "index.html").read_text(encoding="utf-8")
    page = page[page.index('id="the-ledger"') :]
    assert len(rows) > 5
    assert cells_of(page.split("</table>")[0]) == rows
    waiting = re.findall(r"^- (.+)$", written, flags=re.MULTILINE)
    folded = page.split("<details")[1].split("</details>")[0]
    shown = re.findall(r"<li>(.*?)</li>", folded, flags=re.DOTALL)
    assert [html.unescape(one).strip() for one in shown] == waiting


def test_without_mkdocs(monkeypatch, tmp_path):
    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"-e \.\[site\]"):
        site.build(Path(tmp_path))
