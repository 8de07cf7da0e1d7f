"""Blocks that give back what they found: a model's mode, the random state, the Ctrl-C key."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module, *, inference: bool = False) -> Iterator[None]:
    """Evaluation mode (no dropout) and no gradients inside; then each part's old mode again.

    `inference`: torch's inference mode, which costs less per operation; but tensors made inside
    cannot take part in a later training step.
    """
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.inference_mode() if inference else torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def preserved_random_state(model: nn.Module) -> Iterator[None]:
    """torch's global generators, which dropout draws from, are as before after the block."""
    devices = {w.device for w in model.parameters() if w.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        yield


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C only sets a flag, so that no update is cut in two; a second one raises."""
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) in (None, signal.SIG_IGN):
        yield lambda: False  # Python cannot, or the shell (`… &`) said that it shall not
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
