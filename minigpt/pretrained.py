"""Opening models: own checkpoints and runs, published weights, and named models."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

import torch

from .checkpoint import MANIFEST, AnyTokenizer, load_checkpoint
from .download import PUBLISHED, find
from .files import recover_folder
from .gguf_file import load_gguf
from .hf_folder import load_folder
from .model import GPT
from .run_folder import RUN_FILE, newest_checkpoint

ENTRY_POINTS = "minigpt.models"  # name -> function that returns the model's folder


def load(
    name_or_path: str | os.PathLike[str],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[GPT, AnyTokenizer | None]:
    """Open a model by name or path; returns it (in evaluation mode) and its tokenizer.

    A name: one that an installed package announces, or one of `minigpt.download`, downloaded
    before. A path: a checkpoint, a run of `minigpt train` (its newest checkpoint is taken), a
    folder saved by Hugging Face (GPT-2 or Llama; the tokenizer is None if it holds none), or a
    GGUF file (Llama). Raises FileNotFoundError for a name that is unknown or not downloaded, and
    ValueError for a file or folder that does not fit.
    """
    path = Path(name_or_path)
    recover_folder(path)
    if not path.exists():
        path = _named(str(name_or_path))
    tokenizer: AnyTokenizer | None
    if path.is_file():
        model, tokenizer = load_gguf(path, dtype, device)
    elif (path / MANIFEST).is_file():
        model, tokenizer, _ = load_checkpoint(path, device)
    elif (path / RUN_FILE).is_file():
        model, tokenizer, _ = load_checkpoint(newest_checkpoint(path), device)
    elif (path / "config.json").is_file():
        model, tokenizer = load_folder(path, dtype, device)
    else:
        raise ValueError(
            f"{path} is no model: expected a folder with {MANIFEST}, {RUN_FILE} or config.json, "
            "or a .gguf file"
        )
    return model.to(dtype).eval(), tokenizer


def _named(name: str) -> Path:
    announced = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name in PUBLISHED and name not in announced:
        return find(name)
    if name not in announced:
        raise FileNotFoundError(
            f"there is no file or folder {name!r} and no model of that name; named models: "
            f"{sorted({*announced, *PUBLISHED})}"
        )
    try:
        folder = announced[name].load()
    except (ImportError, AttributeError) as error:
        raise FileNotFoundError(
            f"the model {name!r} belongs to {announced[name].value}, which does not open "
            f"({error}): install that package again"
        ) from None
    return Path(folder())
