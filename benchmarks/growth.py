"""How cost grows with parameters, context and batch, beside what arithmetic predicts.

Each point is measured in a fresh process, so that its peak memory is its own.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minigpt import GPTConfig

from .flops import SQUARE, decoding_bytes, decoding_flops, training_bytes, training_flops
from .pairs import Curve, Line, Result, Settings, Skipped, attempt, failed, middle_half

VOCAB = 1024
BASE = {"n_layer": 4, "n_embd": 128, "length": 128, "batch": 8}
SWEEPS: dict[str, list[dict[str, int]]] = {
    "parameters": [
        {"n_layer": 2, "n_embd": 64},
        {"n_layer": 4, "n_embd": 96},
        {"n_layer": 4, "n_embd": 192},
        {"n_layer": 5, "n_embd": 288},
        {"n_layer": 6, "n_embd": 384},
        {"n_layer": 8, "n_embd": 512},
    ],
    "context": [{"length": length} for length in (32, 64, 128, 256, 512, 1024)],
    "batch": [{"batch": batch} for batch in (1, 2, 4, 8, 16, 32)],
}
SHORT = {"n_layer": 1, "n_embd": 32, "length": 8, "batch": 2}
SHORT_SWEEPS = {"batch": [{"batch": 1}, {"batch": 2}]}
TITLES = {"context": "context (tokens)", "batch": "batch (rows)"}
OPERATIONS = "predicted: operations, at a big matrix product's rate"

Point = dict[str, Any]


def rows(settings: Settings) -> Iterator[Result]:
    """Three curves for each sweep: time of a step, peak memory of a step, time of a token."""
    sweeps = SHORT_SWEEPS if settings.short else SWEEPS
    if importlib.util.find_spec("resource") is None:
        yield Skipped("growth of cost", "memory is read in a way that Windows lacks")
        return
    for against, changes in sweeps.items():
        base = SHORT if settings.short else BASE
        try:
            points = [measured(base | change, settings) for change in changes]
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            yield failed(f"growth with {against}", error)
            continue
        for make in (step_time, memory, token_time):
            curve = functools.partial(make, against, points, settings)
            yield attempt(f"growth with {against}: {make.__name__}", curve)


def measured(setting: dict[str, int], settings: Settings) -> Point:
    """One point, from a fresh process. Raises RuntimeError with what the process said."""
    shape = {name: setting[name] for name in ("n_layer", "n_embd")}
    shape |= {"n_head": setting["n_embd"] // 32, "vocab_size": VOCAB}
    request = {
        "shape": shape,
        "length": setting["length"],
        "batch": setting["batch"],
        "threads": settings.threads,
        "steps": 3 if settings.short else 6,
        "side": 64 if settings.short else SQUARE,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.point", json.dumps(request)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": str(settings.threads)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise RuntimeError(f"the process of point {setting} ended with {ran.returncode}: {last[0]}")
    config = GPTConfig.gpt2(**shape, block_size=setting["length"])
    return setting | json.loads(ran.stdout) | {"config": config}


def step_time(against: str, points: list[Point], settings: Settings) -> Curve:
    rate = statistics.median(point["flops_per_second"] for point in points)
    work = [training_flops(p["config"], p["batch"], p["length"]) for p in points]
    line = Line(OPERATIONS, tuple(1000 * w / rate for w in work))
    samples = [[1000 * s for s in point["step_seconds"]] for point in points]
    return _curve("time of a training step", against, "ms", points, samples, [line], settings)


def memory(against: str, points: list[Point], settings: Settings) -> Curve:
    needed = [
        training_bytes(p["config"], p["parameters"], p["batch"], p["length"]) / 2**20
        for p in points
    ]
    line = Line("predicted: bytes to hold", tuple(needed))
    samples = [[point["peak_bytes"] / 2**20] for point in points]
    return _curve("peak memory of a step", against, "MiB", points, samples, [line], settings)


def token_time(against: str, points: list[Point], settings: Settings) -> Curve:
    rate = statistics.median(point["flops_per_second"] for point in points)
    stream = statistics.median(point["bytes_per_second"] for point in points)
    work = [decoding_flops(p["config"], p["batch"], p["length"]) for p in points]
    read = [decoding_bytes(p["config"], p["batch"], p["length"]) for p in points]
    lines = [
        Line(OPERATIONS, tuple(1000 * w / rate for w in work)),
        Line(
            "predicted: bytes to read, at a matrix-vector product's rate",
            tuple(1000 * b / stream for b in read),
        ),
    ]
    samples = [[1000 * s for s in point["token_seconds"]] for point in points]
    return _curve("time of a decoded token", against, "ms", points, samples, lines, settings)


def _curve(
    quantity: str,
    against: str,
    unit: str,
    points: list[Point],
    samples: list[list[float]],
    lines: list[Line],
    settings: Settings,
) -> Curve:
    spreads = [middle_half(values) for values in samples]
    key = {"context": "length"}.get(against, against)
    return Curve(
        quantity=quantity,
        against=TITLES.get(against, against),
        unit=unit,
        x=tuple(float(point[key]) for point in points),
        y=tuple(statistics.median(values) for values in samples),
        low=tuple(low for low, _ in spreads),
        high=tuple(high for _, high in spreads),
        lines=tuple(lines),
        threads=settings.threads,
    )
