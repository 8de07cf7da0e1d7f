"""Opening models: own checkpoints and runs, published weights, and named models."""

from __future__ import annotations

import errno
import os
import warnings
from importlib.metadata import entry_points
from pathlib import Path

import torch

from .checkpoint import MANIFEST, AnyTokenizer, load_checkpoint, save_checkpoint
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
        mappable = dtype == torch.float32 and torch.device(device).type == "cpu"
        if mappable and (copy := _shared(str(path))):
            return copy
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
    hold one copy instead of one each. It takes four bytes a parameter on the disk. A copy that is
    damaged is made anew. Raises as `load` and `save_checkpoint` do, and OSError if the folder of
    downloads cannot be written.
    """
    folder = _copy_of(name)
    with warnings.catch_warnings(action="ignore"):  # of a damaged copy: it goes now
        there = _shared(name) is not None
    if not there:
        model, tokenizer = load(find(name))
        try:
            save_checkpoint(folder, model, tokenizer, extra={"copy_of": _checksums(name)})
        except OSError as error:
            raise OSError(
                error.errno or errno.EIO,
                f"the copy cannot be kept in {folder.parent} ({error.strerror or error}): run this "
                "where you may write, with MINIGPT_HOME set to a folder with enough room",
            ) from None
    return folder


def _copy_of(name: str) -> Path:
    return home() / name / "float32"


def _checksums(name: str) -> dict[str, str]:
    return {file: expected.sha256 for file, expected in PUBLISHED[name].files.items()}


def _shared(name: str) -> tuple[GPT, AnyTokenizer | None] | None:
    """The copy of these weights, mapped; None unless one is there that was made of these files.

    A damaged one is named in a warning, and left aside.
    """
    folder = _copy_of(name)
    if name not in PUBLISHED or not (folder / MANIFEST).is_file():
        return None
    try:
        model, tokenizer, extra = load_checkpoint(folder, mapped=True)
    except (OSError, ValueError) as error:
        warnings.warn(
            f"the copy in {folder} is not used ({error}): run `minigpt download {name} --share` to "
            "make it again",
            stacklevel=3,
        )
        return None
    return (model.eval(), tokenizer) if extra.get("copy_of") == _checksums(name) else None


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
