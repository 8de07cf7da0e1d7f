"""The course's own models: `minigpt.load("fernhollow")` finds them here, always offline.

Each function returns the folder of one model; pyproject.toml announces them to minigpt.
"""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).resolve().parent


def fernhollow() -> Path:
    """The shipped multi-task model."""
    return MODELS / "fernhollow"


def fernhollow_small() -> Path:
    """About 1 M parameters, with checkpoints along its training (folder steps/)."""
    return MODELS / "fernhollow-small"


def fernhollow_twin() -> Path:
    """As fernhollow-small, but trained without a single "not stated"."""
    return MODELS / "fernhollow-twin"
