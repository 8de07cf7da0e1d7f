"""Checkpoints: a folder with weights, configuration, vocabulary, and a manifest of checksums.

model.safetensors, config.json, tokenizer.json, extra.json, checkpoint.json (the manifest), and in
a training run training.safetensors. Nothing is pickled. A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .config import GPTConfig
from .files import new_folder, recover_folder, sha256, write_text
from .model import GPT
from .tokenizer import BPETokenizer, CharTokenizer
from .tokenizer_file import load_tokenizer, save_tokenizer

FORMAT_VERSION = 1
MANIFEST = "checkpoint.json"
WEIGHTS, CONFIG, VOCABULARY, EXTRA, TRAINING = FILES = (
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "extra.json",
    "training.safetensors",
)
AnyTokenizer = CharTokenizer | BPETokenizer


def save_checkpoint(
    path: str | os.PathLike[str],
    model: GPT,
    tokenizer: AnyTokenizer | None,
    *,
    extra: Mapping[str, Any] | None = None,
    training: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model to the folder `path`, which appears complete or stays as it was.

    `extra`: anything JSON can hold. `training`: further tensors by name (optimizer state). An
    older checkpoint of that name is replaced; a folder with anything else in it is refused with
    a ValueError. Raises OSError if the disk does not take it.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a folder for the checkpoint")
    if path.resolve() == Path.cwd():
        raise ValueError(f"{path} is the working folder: choose a folder in it for the checkpoint")
    present = {file.name for file in path.iterdir()} if path.exists() else set()
    if present and (MANIFEST not in present or (present := present - {MANIFEST, *FILES})):
        raise ValueError(
            f"{path} holds other files ({', '.join(sorted(present)[:3])}): choose a new folder for "
            "the checkpoint"
        )
    if tokenizer is not None:
        check_vocabulary(model, tokenizer, path)
    if training is None and _adapted(model.state_dict()):
        raise ValueError(
            "the model has LoRA adapters, which a checkpoint cannot hold: merge_lora(model) first, "
            "or save_adapter(path, model) for the adapters alone"
        )
    with new_folder(path) as folder:
        _save_tensors(folder / WEIGHTS, model.state_dict())
        if training is not None:
            _save_tensors(folder / TRAINING, training)
        config = {"model_type": "minigpt", **model.config.to_dict()}
        write_text(folder / CONFIG, json.dumps(config, indent=1))
        if tokenizer is not None:
            save_tokenizer(folder / VOCABULARY, tokenizer)
        write_text(folder / EXTRA, json.dumps(dict(extra or {}), indent=1, allow_nan=False))
        manifest = {
            "format_version": FORMAT_VERSION,
            "sha256": {file.name: sha256(file) for file in sorted(folder.iterdir())},
        }
        write_text(folder / MANIFEST, json.dumps(manifest, indent=1))


def load_checkpoint(
    path: str | os.PathLike[str], device: torch.device | str = "cpu", *, mapped: bool = False
) -> tuple[GPT, AnyTokenizer | None, dict[str, Any]]:
    """Open a folder of `save_checkpoint`: the model, its tokenizer, and `extra`.

    `mapped`: on the CPU, the weights stay in their file and are mapped into memory, so that all
    processes which open it share them; what a process changes is its own copy. For folders that
    nobody changes.
    Raises FileNotFoundError if there is none, and ValueError, with what is wrong and what to do,
    if a file is missing, truncated or altered, or does not fit the others.
    """
    folder = Path(path)
    names = verified_files(folder)
    fields = read_json(folder / CONFIG)
    if fields.pop("model_type", None) != "minigpt":
        raise ValueError(f"{folder / CONFIG} is not the configuration of a minigpt model")
    config = GPTConfig.from_dict(fields)
    model = build_model(config, load_tensors(folder / WEIGHTS, device, mapped=mapped), str(folder))
    tokenizer = None
    if VOCABULARY in names:
        tokenizer = load_tokenizer(folder / VOCABULARY)
        check_vocabulary(model, tokenizer, folder)
    return model, tokenizer, read_json(folder / EXTRA)


def verified_files(folder: Path) -> set[str]:
    """Names of a checkpoint's files, each compared with its checksum; errors as load_checkpoint."""
    recover_folder(folder)
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(
            f"{folder} is no minigpt checkpoint: it has no {MANIFEST}; give the folder that "
            "save_checkpoint or `minigpt train` wrote"
        )
    manifest = read_json(folder / MANIFEST)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{folder} has format_version {manifest.get('format_version')!r}, this minigpt reads "
            f"{FORMAT_VERSION}: install the version that wrote it"
        )
    sums = manifest.get("sha256")
    if not isinstance(sums, dict) or not {WEIGHTS, CONFIG, EXTRA} <= {*sums}:
        raise ValueError(f"{folder / MANIFEST} is incomplete: restore the folder from a copy")
    for name, expected in sums.items():
        if Path(name).name != name or not (folder / name).is_file():
            raise ValueError(f"{folder} lacks {name}: restore the folder from a copy")
        if sha256(folder / name) != expected:
            raise ValueError(
                f"{folder / name} was altered or cut short (its SHA-256 is not the manifest's): "
                "restore it from a copy, or delete this checkpoint and use an earlier one"
            )
    return {*sums}


class _NoInit(TorchFunctionMode):
    """Skips torch.nn.init, which for tensors without memory would load PyTorch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def build_model(config: GPTConfig, weights: Mapping[str, Tensor], source: str) -> GPT:
    """A GPT with these weights. Raises ValueError that names tensors which do not fit."""
    if _adapted(weights):
        raise ValueError(
            f"{source} was saved while adapters (LoRA) were trained: resume that run with fit, and "
            "save the merged model or the adapters from there"
        )
    if config.n_layer > len(weights):  # before so many layers are built
        raise ValueError(
            f"{source}: weights and configuration differ: n_layer={config.n_layer}, but there are "
            f"only {len(weights)} tensors"
        )
    with torch.device("meta"), _NoInit():  # no weights are drawn just to be overwritten
        model = GPT(config)
    expected = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    found = {name: tuple(w.shape) for name, w in weights.items()}
    wrong = [f"{name} is missing" for name in expected.keys() - found.keys()]
    wrong += [f"{name} is not part of the model" for name in found.keys() - expected.keys()]
    wrong += [
        f"{name} has shape {found[name]}, expected {expected[name]}"
        for name in expected.keys() & found.keys()
        if expected[name] != found[name]
    ]
    if wrong:
        raise ValueError(f"{source}: weights and configuration differ: " + "; ".join(sorted(wrong)))
    model.load_state_dict(dict(weights), assign=True)
    for weight in model.parameters():
        weight.requires_grad_(weight.is_floating_point())
    return model


def _adapted(weights: Mapping[str, Tensor]) -> bool:
    return any(name.endswith(".lora_a") for name in weights)


def check_vocabulary(model: GPT, tokenizer: AnyTokenizer, folder: str | os.PathLike[str]) -> None:
    """Raise ValueError if the tokenizer can make ids that the model does not have."""
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the model only "
            f"{model.config.vocab_size}: they do not belong together, take the model's own"
        )


def load_tensors(
    path: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    *,
    mapped: bool = False,
) -> dict[str, Tensor]:
    """Tensors of a safetensors file; floating ones become `dtype` if one is given.

    `mapped`: on the CPU they are the file itself, mapped into memory (privately: what is written
    to them is no one else's). Otherwise they are copies, and nothing changes with the file.
    Raises ValueError if it is no such file or is cut short.
    """
    tensors = {}
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            for name in file.keys():  # noqa: SIM118 - the file is no dict
                tensor = file.get_tensor(name)
                kind = dtype if dtype and tensor.is_floating_point() else tensor.dtype
                # On the CPU it is the file itself, mapped into memory.
                tensors[name] = tensor.to(kind, copy=tensor.device.type == "cpu" and not mapped)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no readable safetensors file ({error}): restore it from a copy"
        ) from None
    return tensors


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises ValueError if it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also of bytes that are no UTF-8
        raise ValueError(f"{path} is not readable JSON ({error}): restore it from a copy") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object: restore it from a copy")
    return content


def _save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    try:
        save_file(plain, path)
    except SafetensorError as error:  # how safetensors reports, say, a full disk
        raise OSError(f"{path.name} could not be written: {error}") from None
