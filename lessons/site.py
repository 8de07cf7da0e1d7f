"""The course as a site of static pages, with a search: python -m lessons site.

Made of the stored notebooks, the README and docs/ by MkDocs (Material, mkdocs-jupyter; the extra
`site`). The pages fetch nothing: serve the folder with any web server, or open site/index.html.
"""

from __future__ import annotations

import argparse
import importlib.util
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from lessons.course import ROOT, Source, read_course
from lessons.slides import WIDGET, WIDGET_NOTE
from lessons.sweeps import write_json
from minigpt.files import write_text

FOLDER = ROOT / "site"
PAGES = {
    "README.md": ("index.md", "Start"),
    "docs/syllabus.md": ("syllabus.md", "Syllabus"),
    "docs/classroom.md": ("classroom.md", "Classroom"),
    "docs/concept_test.md": ("concept_test.md", "Concept test"),
    "benchmarks/results/README.md": ("speed.md", "Speed"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
}
"""Files of the clone that become pages: their place in the site, and their name in its menu."""

CONFIG: dict[str, Any] = {
    "site_name": "minigpt",
    "site_url": "",
    "use_directory_urls": False,
    "theme": {
        "name": "material",
        "font": False,
        "features": [
            "navigation.footer",
            "navigation.top",
            "toc.integrate",
            "search.highlight",
            "content.code.copy",
        ],
        "palette": [{"scheme": "default", "primary": "blue grey"}],
    },
    "plugins": [
        "search",
        "offline",
        {
            "mkdocs-jupyter": {
                "execute": False,
                "include_requirejs": False,
                "ignore_h1_titles": True,
            }
        },
    ],
    "extra_css": ["course.css"],
    "markdown_extensions": ["tables", "toc", "md_in_html", "pymdownx.superfences"],
    "validation": {"links": {"not_found": "warn", "anchors": "warn"}},
}


STYLE = """\
/* Text that is too pale in the themes of MkDocs and of notebooks: 4.5 to 1 and more. */
.jp-Notebook .jp-InputPrompt, .jp-Notebook .jp-OutputPrompt {
  color: #616161 !important;
  opacity: 1 !important;
}
.jupyter-wrapper .highlight-ipynb .ow { color: #8800d5 !important; }
.jupyter-wrapper .highlight-ipynb :is(.mi, .mf) { color: #006e00 !important; }
.jupyter-wrapper .highlight-ipynb .c1 { color: #2f6868 !important; }
.md-typeset .highlight :is(.c1, .nv) { color: #5f5f5f; }
.md-footer-meta .md-copyright { color: #b5b5b5; }

/* On a phone cells have no margin, and what is wide keeps its size and scrolls in its own frame. */
@media (max-width: 700px) {
  .jp-Notebook .jp-InputPrompt, .jp-Notebook .jp-OutputPrompt { display: none !important; }
  .jp-Notebook .jp-OutputArea-output pre { white-space: pre !important; }
  .jp-Notebook .jp-OutputArea-output img { max-width: 760px !important; }
}
"""


def sources() -> dict[str, str]:
    """Files of the clone that are pages or pictures of the site, by their place in the clone."""
    found = {path: place for path, (place, _) in PAGES.items() if (ROOT / path).is_file()}
    for lesson in read_course():
        for source in lesson.sources:
            if source.notebook.is_file():
                found[f"notebooks/{source.notebook.name}"] = f"lessons/{source.notebook.name}"
    for folder in ("docs", "benchmarks/results"):
        for picture in sorted((ROOT / folder).glob("*.png")):
            found[f"{folder}/{picture.name}"] = f"pictures/{picture.name}"
    return found


def page(text: str, path: str, places: dict[str, str]) -> str:
    """A Markdown file of the clone as a page: links lead to pages, other files are named only.

    Comments and diagrams that a script from elsewhere would have to draw are left out; code stays
    as it is. Raises ValueError for a link to what the clone does not hold.
    """
    text = re.sub(r"^<!--.*?-->\n|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^```mermaid\n.*?^```\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = text.replace("<details>", '<details markdown="1">')
    here = posixpath.dirname(places[path]) or "."

    def link(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        file, _, anchor = target.partition("#")
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        if wanted not in places:
            if wanted.startswith("../") or not (ROOT / wanted).exists():
                raise ValueError(f"{path}: the link to {target} leads nowhere -> mend the link")
            return f"{label} (`{wanted}`)" if not mark else label
        relative = posixpath.relpath(places[wanted], here)
        return f"{mark}[{label}]({relative}{'#' + anchor if anchor else ''})"

    code = r"^```.*?^```|`[^`\n]+`"
    links = rf"{code}|(!?)\[([^\]]*)\]\(([^)\s]+)\)"
    return re.sub(links, link, text, flags=re.DOTALL | re.MULTILINE)


def write_sources(folder: Path) -> Path:
    """The site's sources and its configuration in `folder`; returns the configuration's path."""
    places = sources()
    for path, place in places.items():
        target = folder / "pages" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".md"):
            text = (ROOT / path).read_text(encoding="utf-8")
            write_text(target, page(text, path, places))
        elif path.endswith(".ipynb"):
            write_text(target, nbformat.writes(without_widgets(ROOT / path)))
        else:
            shutil.copy(ROOT / path, target)
    menu: list[Any] = [{"Start": "index.md"}]
    menu.append(
        {
            "Lessons": [
                {_title(source): places[f"notebooks/{source.notebook.name}"]}
                for lesson in read_course()
                for source in lesson.sources
                if source.notebook.is_file()
            ]
        }
    )
    menu += [
        {title: place}
        for path, (place, title) in PAGES.items()
        if path in places and place != "index.md"
    ]
    write_text(folder / "pages" / "course.css", STYLE)
    config = folder / "mkdocs.yml"  # JSON is YAML
    write_json(config, CONFIG | {"docs_dir": "pages", "nav": menu})
    return config


def without_widgets(path: Path) -> NotebookNode:
    """A notebook in which a sentence stands for what only a kernel can show."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                output.data = {"text/html": WIDGET_NOTE}
    return notebook


def _title(source: Source) -> str:
    """ "05 Building GPT" in the course's own words, "06b Pretraining, deeper" for a second one."""
    lesson = source.lesson
    if source.core:
        return f"{lesson.no} {lesson.title}"
    return f"{lesson.no}b {lesson.title}, deeper"


def build(out: Path) -> None:
    """Write the site to `out`. Raises ValueError if MkDocs is not there or finds a broken link."""
    if importlib.util.find_spec("mkdocs") is None:
        raise ValueError(
            "MkDocs is not installed -> run: pip install -c constraints.txt -e .[site]"
        )
    with tempfile.TemporaryDirectory() as folder:
        config = write_sources(Path(folder))
        made = Path(folder) / "site"
        arguments = ["--strict", "--quiet", "--config-file", str(config), "--site-dir", str(made)]
        command = [sys.executable, "-m", "mkdocs", "build", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise ValueError(f"MkDocs refused:\n{done.stdout}{done.stderr}")
        _fetch_nothing(made)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)


SHIM = Path(__file__).parent / "vendor" / "iframe-worker" / "index.js"
ELSEWHERE = "https://unpkg.com/iframe-worker/shim"


def _fetch_nothing(site: Path) -> None:
    """Give the pages their own copy of the one script that the theme takes from elsewhere.

    It lets the search run in pages that are opened as files.
    """
    shutil.copy(SHIM, site / "assets" / "iframe-worker.js")
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        depth = len(path.relative_to(site).parts) - 1
        write_text(path, text.replace(ELSEWHERE, "../" * depth + "assets/iframe-worker.js"))


def main(arguments: Sequence[str]) -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(prog="python -m lessons site", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder it is written to")
    args = parser.parse_args(arguments)
    build(args.out)
    pages = len(list(args.out.rglob("*.html")))
    print(f"wrote {args.out}: {pages} pages")
    return 0
