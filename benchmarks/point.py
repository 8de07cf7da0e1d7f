"""One point of growth, in a process of its own: `python -m benchmarks.point JSON`.

JSON holds the arguments of `measure_point`. Prints one JSON object: seconds of training steps and
of decoded tokens, peak memory, and the machine's rates, measured in the same process.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minigpt import GPT, GPTConfig, TrainConfig, fit

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure_point(
    shape: dict[str, Any], length: int, batch: int, threads: int, steps: int, side: int
) -> dict[str, Any]:
    """Train and decode a GPT-2 of this shape on `batch` rows of `length` tokens."""
    torch.set_num_threads(threads)
    warm = GPTConfig.gpt2(vocab_size=32, block_size=16, n_layer=1, n_head=1, n_embd=16)
    train(warm, 8, 2, 2)  # loads the code of every operation before memory is counted
    config = GPTConfig.gpt2(**(shape | {"block_size": length + steps + 1}))
    before = memory("VmRSS")
    with suppress(OSError):
        CLEAR.write_text("5")  # forget the peak that importing left
    model, seconds = train(config, length, batch, steps)
    peak = memory("VmHWM") - before
    return {
        "parameters": model.num_parameters(),
        "step_seconds": seconds,
        "peak_bytes": peak,
        "token_seconds": decode(model.eval(), length, batch, steps),
        "flops_per_second": square_rate(side),
        "bytes_per_second": stream_rate(side),
    }


def train(config: GPTConfig, length: int, batch: int, steps: int) -> tuple[GPT, list[float]]:
    """The model after `steps` updates with AdamW, and the seconds of each but the first."""
    torch.manual_seed(0)
    model = GPT(config)
    ids = torch.randint(config.vocab_size, (batch, length + 1))
    training = TrainConfig(
        steps=steps, optimizer="adamw", eval_interval=steps, checkpoint_interval=steps
    )
    history = fit(model, lambda step: (ids[:, :-1], ids[:, 1:]), None, training)
    return model, [batch * length / rate for rate in history.tokens_per_second[1:]]


@torch.no_grad()
def decode(model: GPT, length: int, batch: int, tokens: int) -> list[float]:
    """Seconds of each new token in all rows, after a prompt of `length` tokens."""
    prompt = torch.randint(model.config.vocab_size, (batch, length))
    cache = model.new_cache(batch)
    chosen = best(model, model.features(prompt, cache))
    seconds = []
    for _ in range(tokens):
        start = time.perf_counter()
        chosen = best(model, model.features(chosen, cache))
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def best(model: GPT, features: Tensor) -> Tensor:
    """The most probable next tokens (B, 1) after features (B, T, C)."""
    return model.head(features[:, -1:]).argmax(dim=-1)


def square_rate(side: int) -> float:
    """Operations per second of a float32 product of two square matrices."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    return 2 * side**3 / typical(lambda: a @ b)


def stream_rate(side: int) -> float:
    """Bytes per second that a matrix-vector product reads, from a matrix larger than caches."""
    matrix, vector = torch.randn(8 * side, 2 * side), torch.randn(2 * side)
    return matrix.nbytes / typical(lambda: matrix @ vector)


def typical(call: Callable[[], object]) -> float:
    """Median seconds of a call."""
    call()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def memory(field: str) -> int:
    """Bytes that this process holds (VmRSS) or has held at most (VmHWM).

    Without /proc, both are getrusage's peak. On Linux that figure will not do: a child starts
    with its parent's.
    """
    if STATUS.exists():
        found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    print(json.dumps(measure_point(**json.loads(sys.argv[1]))))
