"""The course's own models: `minigpt.load("fernhollow")` finds them here, always offline.

Each function returns the folder of one model; pyproject.toml announces them to minigpt.
"""

from __future__ import annotations

import json
from pathlib import Path

from minigpt.checkpoint import MANIFEST, WEIGHTS

MODELS = Path(__file__).resolve().parent


def fernhollow() -> Path:
    """The shipped multi-task model."""
    return MODELS / "fernhollow"


def fernhollow_small() -> Path:
    """A model of 1.7 M parameters, with checkpoints along its training (see `along`)."""
    return MODELS / "fernhollow-small"


def fernhollow_twin() -> Path:
    """As fernhollow-small, but trained without a single "not stated"."""
    return MODELS / "fernhollow-twin"


def fernhollow_chat() -> Path:
    """fernhollow after instruction tuning (lesson 08, the part `assistant` of its sweep)."""
    return MODELS / "fernhollow-chat"


def digest(name: str, file: str = WEIGHTS) -> str:
    """SHA-256 of a course model's weights, by the name minigpt.load knows: "fernhollow-small".

    `file`: of another of its files, such as "tokenizer.json".

    Raises FileNotFoundError for a model that is not there.
    """
    manifest = json.loads((MODELS / name / MANIFEST).read_text(encoding="utf-8"))
    return str(manifest["sha256"][file])


def along(folder: Path) -> dict[int, Path]:
    """The checkpoints kept along a model's training, by step, and the finished model as the last.

    Raises FileNotFoundError if `folder` holds no model of the course.
    """
    found = {}
    for place in [*(folder / "steps").glob("step-*"), folder]:
        about = json.loads((place / "extra.json").read_text(encoding="utf-8"))
        found[int(about.get("step", about.get("steps")))] = place
    return dict(sorted(found.items()))
