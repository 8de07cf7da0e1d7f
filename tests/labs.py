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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
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


def run_all(page: Any, seconds: float) -> None:
    """Run all cells, and wait until the last one has run."""
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const texts = prompts.map((one) => one.textContent);
            return texts.length > 0 && texts.every((text) => /\\[\\d+\\]/.test(text));
        }""",
        timeout=1000 * seconds,
    )


def errors(page: Any) -> list[str]:
    """What cells printed as errors."""
    kind = "application/vnd.jupyter.error"
    found = page.query_selector_all(f'.jp-OutputArea-output[data-mime-type="{kind}"]')
    return [one.inner_text() for one in found]


def pictures_without_text(page: Any) -> int:
    """How many pictures of outputs have no alt text."""
    return int(
        page.evaluate(
            """() => [...document.querySelectorAll('.jp-OutputArea img')]
                .filter((image) => !(image.alt || '').trim()).length"""
        )
    )
