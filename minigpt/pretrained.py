"""Opening models: own checkpoints and runs, published weights, and named models."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

import torch

from .checkpoint import EXTRA, MANIFEST, AnyTokenizer, load_checkpoint, read_json, save_checkpoint
from .download import PUBLISHED, find, home
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
    before (a copy that `share` made is taken where it serves). A path: a checkpoint, a run of
    `minigpt train` (its newest checkpoint is taken), a folder saved by Hugging Face (GPT-2 or
    Llama; the tokenizer is None if it holds none), or a GGUF file (Llama). Raises
    FileNotFoundError for a name that is unknown or not downloaded, and ValueError for a file or
    folder that does not fit.
    """
    path = Path(name_or_path)
    recover_folder(path)
    tokenizer: AnyTokenizer | None
    if not path.exists():
        if dtype == torch.float32 and torch.device(device).type == "cpu" and _shared(str(path)):
            model, tokenizer, _ = load_checkpoint(_copy_of(str(path)), mapped=True)
            return model.eval(), tokenizer
        path = _named(str(name_or_path))
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


def share(name: str) -> Path:
    """Keep published weights once more, in float32; returns that folder.

    `load(name)` then maps the copy into memory: it opens faster, and the processes of a whole class
    hold one copy instead of one each. It takes four bytes a parameter on the disk. Raises as `load`
    and `save_checkpoint` do.
    """
    folder = _copy_of(name)
    if not _shared(name):
        model, tokenizer = load(find(name))
        save_checkpoint(folder, model, tokenizer, extra={"copy_of": _checksums(name)})
    return folder


def _copy_of(name: str) -> Path:
    return home() / name / "float32"


def _checksums(name: str) -> dict[str, str]:
    return {file: expected.sha256 for file, expected in PUBLISHED[name].files.items()}


def _shared(name: str) -> bool:
    """Whether there is a copy of these weights that was made of the files that are published."""
    if name not in PUBLISHED or not (_copy_of(name) / MANIFEST).is_file():
        return False
    return read_json(_copy_of(name) / EXTRA).get("copy_of") == _checksums(name)


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
