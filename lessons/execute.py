"""Runs a notebook with this interpreter and stores what came out, without the kernel's noise."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from lessons.course import Source
from lessons.source import METADATA, LessonError, student_notebook
from minigpt.files import write_text

CELL_SECONDS = 300


class _ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that builds, whatever kernels the user has installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        launcher = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR"]
        command = [*launcher, "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


class _KernelManager(AsyncKernelManager):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(kernel_spec_manager=_ThisPython(), **kwargs)


def build(source: Source) -> Path:
    """Build, run and write one notebook; returns its path.

    The old notebook stays until the new one has run to its end. Raises LessonError that names the
    lesson, the cell and the error when a cell fails.
    """
    notebook = student_notebook(source)
    run(notebook, source.notebook.parent, f"lesson {source.lesson.no}, {source.path.name}")
    clean(notebook)
    nbformat.validate(notebook)
    write_text(source.notebook, nbformat.writes(notebook) + "\n")
    return source.notebook


def run(notebook: NotebookNode, folder: Path, name: str) -> None:
    """Execute every cell in `folder`, with one thread, filling the outputs of `notebook`.

    Raises LessonError when a cell raises, takes longer than 5 minutes, or kills the kernel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    running: list[int] = []
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        kernel_manager_class=_KernelManager,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: running.append(cell_index),
    )
    try:
        client.execute(env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
    except CellExecutionError as error:
        raise _failed(notebook, running, name, f"{error.ename}: {error.evalue}", error) from None
    except CellTimeoutError:
        message = f"it ran longer than {CELL_SECONDS} s"
        raise _failed(notebook, running, name, message) from None
    except DeadKernelError:
        raise _failed(notebook, running, name, "the kernel died (out of memory?)") from None


def clean(notebook: NotebookNode) -> None:
    """Take out what a kernel adds and no reader needs; join the pieces of each stream."""
    minigpt = notebook.metadata.get("minigpt", {})
    notebook.metadata = nbformat.from_dict({**METADATA, "minigpt": minigpt})
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in ("tags", "slideshow")}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    result: list[NotebookNode] = []
    for output in outputs:
        before = result[-1] if result else None
        if (
            before is not None
            and output.output_type == before.output_type == "stream"
            and output.name == before.name
        ):
            before.text += output.text
        else:
            result.append(output)
    return result


def _failed(
    notebook: NotebookNode,
    running: list[int],
    name: str,
    message: str,
    error: CellExecutionError | None = None,
) -> LessonError:
    cell = notebook.cells[running[-1]]
    first = cell.source.strip().splitlines()[0]
    number = sum(c.cell_type == "code" for c in notebook.cells[: running[-1] + 1])
    lines = [f"{name}, code cell {number} ({first}): {message}"]
    if error is not None:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
        lines += [f"    {line}" for line in plain.strip().splitlines()[-12:]]
    lines.append("The notebook was not written; what was there before is unchanged.")
    return LessonError("\n".join(lines))
