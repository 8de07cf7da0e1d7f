"""Showing a run: one line that renews itself in a terminal, a few plain lines elsewhere.

Measured numbers stand behind "≈": a stored notebook can mask them when it is compared.
"""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from .train_config import StepInfo


class Progress:
    """For `fit(on_step=Progress())`: shows loss, held-out loss, tokens/s and remaining time."""

    def __init__(self, stream: TextIO | None = None, *, every: int | None = None) -> None:
        """`every`: a plain line each so many steps; None: after each evaluation."""
        self.stream = stream if stream is not None else sys.stdout
        self.every = every
        self.renews = self.stream.isatty()
        self.last_val: float | None = None

    def __call__(self, info: StepInfo) -> None:
        if info.val_loss is not None:
            self.last_val = info.val_loss
        last = info.step == info.steps
        due = info.step % self.every == 0 if self.every else info.val_loss is not None
        if self.renews:
            line = self._line(info)[: shutil.get_terminal_size().columns - 1]  # or it would wrap
            self.stream.write(f"\r{line}\x1b[K" + ("\n" if due or last else ""))
        elif due or last:
            self.stream.write(self._line(info) + "\n")
        self.stream.flush()

    def _line(self, info: StepInfo) -> str:
        val = "" if self.last_val is None else f"  held-out ≈ {self.last_val:.3f}"
        return (
            f"step {info.step:>{len(str(info.steps))}}/{info.steps}  "
            f"loss ≈ {info.train_loss:.3f}{val}  "
            f"≈ {info.tokens_per_second:,.0f} tokens/s  ≈ {_clock(info.remaining)} left"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
