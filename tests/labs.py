"""A JupyterLab of its own and a browser to look at it with: see test_browser.py."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lessons.present import SETTINGS
from lessons.sweeps import write_json

TOKEN = "test"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def jupyterlab(folder: Path, *, settings: Path | None = None) -> Iterator[str]:
    """A server on `folder` that shows all of a notebook's cells; yields its address.

    Raises RuntimeError with what it said if it does not start within a minute.
    """
    own = folder.parent / "jupyter"
    if settings is None:
        settings = own / "settings"
        for name, content in SETTINGS.items():
            if "themes" not in name:  # all cells in the page, not only those that are in sight
                (settings / name).parent.mkdir(parents=True, exist_ok=True)
                write_json(settings / name, content)
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "OMP_NUM_THREADS": "1",
    }
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    own.mkdir(exist_ok=True)
    log = own / "log.txt"
    with log.open("wb") as out:
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).read()
                break
            if server.poll() is not None:
                raise RuntimeError(f"JupyterLab ended: {log.read_text()[-2000:]}")
            time.sleep(0.5)
        else:
            raise RuntimeError(f"JupyterLab does not answer: {log.read_text()[-2000:]}")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES])
        try:
            yield chromium
        finally:
            chromium.close()


def open_notebook(page: Any, address: str, name: str) -> None:
    """Show a notebook, all its cells drawn, with a kernel that is ready."""
    page.goto(f"{address}/lab/tree/{quote(name)}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function("window.jupyterapp !== undefined", timeout=60_000)
    page.wait_for_function(
        """() => {
            const panel = window.jupyterapp.shell.currentWidget;
            if (!panel || !panel.context || !panel.context.isReady) return false;
            const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
            if (!kernel || kernel.connectionStatus !== 'connected') return false;
            if (!['idle', 'unknown'].includes(kernel.status)) return false;
            const drawn = document.querySelectorAll('.jp-Notebook .jp-Cell').length;
            return drawn === panel.content.model.cells.length;
        }""",
        timeout=60_000,
    )


# Outputs of the notebook in front that are errors; the page does not tell them from warnings.
ERRORS = """[...window.jupyterapp.shell.currentWidget.content.model.cells]
    .filter((cell) => cell.type === 'code').flatMap((cell) => cell.outputs.toJSON())
    .filter((output) => output.output_type === 'error')"""
PROMPTS = (
    "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(one => one.textContent)"
)


def run_all(page: Any, seconds: float) -> None:
    """Run all cells, and wait until the last one has run or one has stopped with an error.

    What is stored of an earlier run is cleared first: its numbers would look like the end.
    """
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_function(
        f"""() => {PROMPTS}.every((text) => !/\\d/.test(text))
            && document.querySelectorAll('.jp-OutputArea-output').length === 0""",
        timeout=20_000,
    )
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        f"""() => {{
            const texts = {PROMPTS};
            return texts.length > 0 && texts.every((text) => /\\[\\d+\\]/.test(text))
                || {ERRORS}.length > 0;
        }}""",
        timeout=1000 * seconds,
    )


def errors(page: Any) -> list[str]:
    """The errors that cells ended with."""
    said = "(one) => `${one.ename}: ${one.evalue}`"
    return [str(one) for one in page.evaluate(f"{ERRORS}.map({said})")]


PICTURES = ".jp-OutputArea img"


def pictures_without_text(page: Any) -> int:
    """How many pictures of outputs have no alt text."""
    return sum(not alt.strip() for alt, _ in pictures(page, PICTURES))


def pictures(page: Any, which: str = "img") -> list[tuple[str, bool]]:
    """Alt text of each picture, and whether something is drawn: it was read, and has a size."""
    found = page.evaluate(
        """async (which) => {
            const all = [...document.querySelectorAll(which)];
            for (const image of all) image.loading = 'eager';
            await Promise.allSettled(all.map((image) => image.decode()));
            return all.map((image) => [image.alt || '',
                image.naturalWidth > 0 && image.getBoundingClientRect().width > 0]);
        }""",
        which,
    )
    return [(alt, drawn) for alt, drawn in found]


def inaccessible(page: Any, context: str, rules: Sequence[str]) -> list[tuple[str, str, str]]:
    """What axe finds within `context`: rule, element, what is wrong."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "rule", "values": [*rules]}}
    found = Axe().run(page, context=context, options=options)
    return [
        (one["id"], node["html"][:200], node["failureSummary"][:200])
        for one in found.response["violations"]
        for node in one["nodes"]
    ]
