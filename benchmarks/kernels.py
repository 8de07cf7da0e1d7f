"""How many students one machine carries: kernels that run a lesson to its end at the same time.

`python -m benchmarks.kernels --lesson 04 --kernels 20` runs all cells of the notebook in 20 kernels
of one thread each, and prints times, memory and errors. Memory is what the kernels hold together,
where pages that several share count once (PSS; on Linux alone, elsewhere shared pages count
several times). `--weights none` hides the real weights, `--weights shared` makes and takes the
copy of `minigpt download smollm2-135m --share`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from lessons.course import choose
from lessons.sweeps import cpu_name, read_json, write_json
from minigpt.download import home
from minigpt.pretrained import share

RECORD = Path(__file__).parent / "results" / "kernels.json"
WEIGHTS = ("none", "own", "shared")
NAME = "smollm2-135m"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the figures, keep them where `--record` asks for it; 1 if a kernel failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--lesson", default="04", help="number of a lesson (default: 04)")
    parser.add_argument("--kernels", type=int, default=20)
    parser.add_argument("--weights", choices=WEIGHTS, default="none")
    parser.add_argument("--record", action="store_true", help=f"add the figures to {RECORD.name}")
    a = parser.parse_args(arguments)
    if a.kernels < 1:
        parser.error(f"--kernels {a.kernels}: at least 1 is needed")
    notebook = choose([a.lesson])[0].sources[0].notebook
    with weights(a.weights) as folder:
        found = together(notebook, a.kernels, {"MINIGPT_HOME": str(folder)})
    found = {"lesson": a.lesson, "weights": a.weights, **found}
    for name, value in found.items():
        print(f"{name:28} {value}")
    if a.record:
        kept = read_json(RECORD)["runs"] if RECORD.is_file() else []
        same = ("lesson", "weights", "kernels")
        kept = [run for run in kept if any(run[k] != found[k] for k in same)]
        runs = sorted([*kept, found], key=lambda run: [run[k] for k in same])
        write_json(RECORD, {"runs": runs})
    return int(found["failed"] > 0)


@contextmanager
def weights(kind: str) -> Iterator[Path]:
    """A folder for MINIGPT_HOME: without the real weights, with them, or with the shared copy."""
    if kind != "none" and not (home() / NAME).is_dir():
        raise FileNotFoundError(f"the weights are missing: run `minigpt download {NAME}` first")
    with tempfile.TemporaryDirectory() as temporary:
        if kind != "none":
            (Path(temporary) / NAME).mkdir()
            for file in (home() / NAME).glob("*.gguf"):
                shutil.copy2(file, Path(temporary) / NAME)
        if kind == "shared":
            before = os.environ.get("MINIGPT_HOME")
            os.environ["MINIGPT_HOME"] = temporary
            try:
                share(NAME)
            finally:
                os.environ.pop("MINIGPT_HOME")
                if before is not None:
                    os.environ["MINIGPT_HOME"] = before
        yield Path(temporary)


def together(notebook: Path, kernels: int, environment: dict[str, str]) -> dict[str, Any]:
    """Run all cells of a notebook in several kernels at once; what that took."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **environment}
    sums: list[int] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sums, over))
    watcher.start()
    start = time.perf_counter()
    try:
        seconds, errors = asyncio.run(_all(notebook, kernels, variables))
    finally:
        over.set()
        watcher.join()
    return {
        "kernels": kernels,
        "failed": len(errors),
        "errors": errors[:3],
        "seconds_in_all": round(time.perf_counter() - start, 1),
        "seconds_median": round(statistics.median(seconds), 1),
        "seconds_most": round(max(seconds), 1),
        "memory_peak_mb": round(max(sums) / 1e6),
        "memory_peak_mb_a_kernel": round(max(sums) / 1e6 / kernels),
        "machine": f"{cpu_name()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "date": time.strftime("%Y-%m-%d"),
    }


async def _all(
    notebook: Path, kernels: int, environment: dict[str, str]
) -> tuple[list[float], list[str]]:
    """Seconds that each kernel took to the last cell, and the errors of those that failed."""
    errors: list[str] = []

    async def one() -> float:
        client = NotebookClient(
            nbformat.read(notebook, as_version=4), timeout=3600, kernel_name="python3",
            startup_timeout=600, resources={"metadata": {"path": str(notebook.parent)}},
        )  # fmt: skip
        start = time.perf_counter()
        try:
            await client.async_execute(env=environment)
        except (CellExecutionError, DeadKernelError) as error:
            errors.append(str(error).strip().splitlines()[-1])
        return time.perf_counter() - start

    return [*await asyncio.gather(*(one() for _ in range(kernels)))], errors


def _watch(sums: list[int], over: threading.Event) -> None:
    """Add up what the kernels hold, until all is over."""
    while not over.wait(0.2) or not sums:
        total = 0
        for child in psutil.Process().children(recursive=True):
            try:
                held = child.memory_full_info()
                total += getattr(held, "pss", held.rss)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        sums.append(total)


if __name__ == "__main__":
    raise SystemExit(main())
