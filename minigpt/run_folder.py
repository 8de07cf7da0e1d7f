"""The folder of a training run: what is trained on what, its checkpoints, and how to resume.

run.json says what the run is; step-000200/ and so on are checkpoints; log.csv is the history.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .checkpoint import read_json
from .files import remove_leftovers, write_text

RUN_FILE = "run.json"


def checkpoints(folder: Path) -> list[Path]:
    """The run's checkpoint folders, oldest first."""
    found = (p for p in folder.glob("step-*") if p.name[5:].isdecimal() and p.is_dir())
    return sorted(found, key=lambda p: int(p.name[5:]))


def newest_checkpoint(folder: Path) -> Path:
    """The last checkpoint of a run. Raises FileNotFoundError if there is none yet."""
    if not (found := checkpoints(folder)):
        raise FileNotFoundError(
            f"{folder} holds a run without a checkpoint so far: let it train until its first one"
        )
    return found[-1]


def open_run(folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> Path | None:
    """Begin a run in `folder`, or find the checkpoint from which it goes on (None: from step 0).

    `identity` is what decides the run's result. Raises ValueError if the folder holds another
    run or something else, and names every difference.
    """
    folder = Path(folder)
    refuse_other_folder(folder)
    if (folder / RUN_FILE).is_file():
        there = read_json(folder / RUN_FILE)
        if differences := _differences(there, identity):
            raise ValueError(
                f"{folder} holds another run ({'; '.join(differences)}): choose another folder, "
                "or repeat the settings of that run to resume it"
            )
        remove_leftovers(folder)
        found = checkpoints(folder)
        return found[-1] if found else None
    remove_leftovers(folder)
    write_text(folder / RUN_FILE, json.dumps(identity, indent=1))
    return None


def refuse_other_folder(folder: Path) -> None:
    """Raise ValueError if `folder` is a file, or holds something but no run."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise ValueError(f"{place} is a file: name a folder for the run")
    if not folder.is_dir() or (folder / RUN_FILE).exists():
        return
    if any(not p.name.startswith(f".{RUN_FILE}.tmp-") for p in folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no run: choose a new or empty folder")


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], path: str = "") -> list[str]:
    found = []
    for key in sorted({*there, *here}):
        old, new = there.get(key), here.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{path}{key}.")
        elif json.loads(json.dumps(old)) != json.loads(json.dumps(new)):
            if key.endswith("sha256"):
                found.append(f"{path}{key} differs: other data")
            else:
                found.append(f"{path}{key} is {old!r} there and {new!r} here")
    return found


def checkpoint_path(folder: str | os.PathLike[str], step: int) -> Path:
    """Where the checkpoint after `step` updates stands."""
    return Path(folder) / f"step-{step:06d}"


def prune(folder: str | os.PathLike[str], keep: int) -> None:
    """Delete all but the last `keep` checkpoints of a run."""
    for old in checkpoints(Path(folder))[:-keep]:
        doomed = old.with_name(f".{old.name}.tmp-old")  # never half a checkpoint under its name
        old.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def write_log(folder: str | os.PathLike[str], columns: Mapping[str, list[Any]]) -> None:
    """Write log.csv: one row a step."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(Path(folder) / "log.csv", table.getvalue())
