"""What a run shows: in a terminal one line that renews itself, elsewhere a few plain lines."""

from __future__ import annotations

import io
import os
import re

import pytest
from small_runs import settings, small_model, stream

from minigpt import fit
from minigpt.progress import Progress
from minigpt.train_config import StepInfo


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def info(step: int, val_loss: float | None = None, **changes) -> StepInfo:
    base = {
        "step": step,
        "steps": 100,
        "train_loss": 2.34567,
        "val_loss": val_loss,
        "learning_rate": 0.01,
        "tokens_per_second": 12_345.6,
        "seconds": 1.0,
        "remaining": 83.4,
    }
    return StepInfo(**(base | changes))


def test_plain_lines_come_with_evaluations_and_at_the_end():
    out = io.StringIO()
    progress = Progress(out)
    for step in range(1, 101):
        progress(info(step, 2.5 if step % 40 == 0 else None))
    lines = out.getvalue().splitlines()
    assert [line.split("  loss")[0] for line in lines] == [
        "step  40/100",
        "step  80/100",
        "step 100/100",
    ]
    assert lines[0] == (
        "step  40/100  loss ≈ 2.346  held-out ≈ 2.500  ≈ 12,346 tokens/s  ≈ 1:23 left"
    )
    assert "\r" not in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_plain_lines_each_so_many_steps():
    out = io.StringIO()
    progress = Progress(out, every=30)
    for step in range(1, 101):
        progress(info(step))
    assert [line.split("/")[0] for line in out.getvalue().splitlines()] == [
        "step  30",
        "step  60",
        "step  90",
        "step 100",
    ]
    assert "held-out" not in out.getvalue()


def test_a_terminal_shows_every_step_on_a_line_that_renews_itself():
    out = Terminal()
    progress = Progress(out)
    for step in (1, 2, 3):
        progress(info(step, 2.0 if step == 2 else None, steps=3))
    shown = out.getvalue()
    assert shown.count("\r") == 3
    assert shown.count("\n") == 2  # the evaluation stays on the screen, and so does the end
    assert shown.endswith("\n")
    assert "step 3/3  loss ≈ 2.346  held-out ≈ 2.000" in shown  # the last one known


def test_a_line_never_wraps_in_a_narrow_terminal(monkeypatch):
    """A wrapped line could not renew itself: each step would add one."""
    monkeypatch.setattr(
        "minigpt.progress.shutil.get_terminal_size", lambda *_, **__: os.terminal_size((40, 24))
    )
    out = Terminal()
    Progress(out)(info(1, 2.0, tokens_per_second=1e7, remaining=1e6))
    assert max(map(len, re.split(r"\r|\n|\x1b\[K", out.getvalue()))) == 39


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (0.6, "0:01"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (3_599.7, "1:00:00"),
        (90_061, "25:01:01"),
    ],
)
def test_remaining_time(seconds, shown):
    out = io.StringIO()
    Progress(out)(info(1, 2.0, remaining=seconds))
    assert out.getvalue().endswith(f"≈ {shown} left\n")


def test_all_measured_numbers_can_be_masked():
    """Behind ≈ stands whatever differs from run to run; nothing else does."""
    shown = []
    for seed in (0, 1):
        out = io.StringIO()
        fit(
            small_model(seed=seed),
            stream(seed=seed),
            stream(seed=seed + 5),
            settings(seed=seed),
            on_step=Progress(out),
        )
        shown.append(re.sub(r"≈ [\d.,:]+", "≈", out.getvalue()))
    assert shown[0] == shown[1]
    assert len(shown[0].splitlines()) == 3


def test_it_writes_to_what_is_standard_output_at_the_time(capsys):
    Progress()(info(1, 2.0))
    assert capsys.readouterr().out.startswith("step   1/100")
