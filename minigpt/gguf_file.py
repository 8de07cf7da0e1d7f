"""GGUF files (llama.cpp): settings, vocabulary and tensors, often of few bits, in one file.

The header is read here: the gguf package makes an array of every token's every part, which takes
longer than all the rest. What its numbers mean (types, sizes, dequantising) comes from gguf.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from .checkpoint import AnyTokenizer, build_model, check_vocabulary
from .files import INSTALL_REAL
from .hf_folder import llama_config, llama_weights
from .model import GPT
from .tokenizer import BPETokenizer
from .tokenizer_file import byte_level

# Value types, in GGUF's order, as struct's letters; 8 is a string and 9 an array.
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_PATTERNS = {"smollm": "smollm", "gpt-2": "gpt2"}  # llama.cpp's pre-tokenizer -> PATTERNS
_NORMAL, _CONTROL = 1, 3  # kinds of tokens
_PART = 1 << 18  # numbers dequantised at once, so that little stands in memory twice

# GGUF's names of a Llama's tensors -> Hugging Face's.
_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


@dataclass(frozen=True)
class Place:
    """Where a tensor lies in its file: torch's shape, ggml's type, bytes from `start`."""

    shape: tuple[int, ...]
    kind: int
    start: int


class _Reader:
    """Takes values from the front of a file; raises EOFError behind its end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size = file, os.fstat(file.fileno()).st_size

    def take(self, count: int) -> bytes:
        if count > self.size:  # before so much memory is asked for
            raise EOFError
        found = self.file.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def number(self, letter: str) -> Any:
        return struct.unpack("<" + letter, self.take(struct.calcsize("<" + letter)))[0]

    def text(self) -> str:
        return self.take(self.number("Q")).decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.number("I"), self.number("Q")
            if inner in _SCALARS:
                size = struct.calcsize("<" + _SCALARS[inner])
                return np.frombuffer(self.take(size * count), "<" + _SCALARS[inner]).tolist()
            return [self.value(inner) for _ in range(count)]
        if kind not in _SCALARS:
            raise ValueError(f"unknown value type {kind}")
        return self.number(_SCALARS[kind])


def read_header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Place]]:
    """A GGUF file's settings, and where its tensors lie.

    Raises EOFError if it is cut short, and ValueError if it is no GGUF file of version 2 or 3.
    """
    reader = _Reader(file)
    if file.read(4) != b"GGUF":
        raise ValueError("it is no GGUF file, and no other single file is opened")
    if (version := reader.number("I")) not in (2, 3):
        raise ValueError(f"GGUF version {version} is not supported, only 2 and 3")
    n_tensors, n_settings = reader.number("Q"), reader.number("Q")
    settings = {}
    for _ in range(n_settings):
        key = reader.text()
        settings[key] = reader.value(reader.number("I"))
    found = []
    for _ in range(n_tensors):
        name = reader.text()
        shape = [reader.number("Q") for _ in range(reader.number("I"))]
        found.append((name, tuple(reversed(shape)), reader.number("I"), reader.number("Q")))
    alignment = settings.get("general.alignment", 32)
    base = math.ceil(file.tell() / alignment) * alignment
    return settings, {name: Place(shape, kind, base + at) for name, shape, kind, at in found}


def _read_tensor(file: BinaryIO, place: Place, dtype: torch.dtype) -> Tensor:
    """A tensor as numbers of `dtype`. Raises EOFError if the file ends before it does."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        kind = GGMLQuantizationType(place.kind)
    except ValueError:
        raise ValueError(f"numbers of the kind {place.kind} are not known to gguf") from None
    block, size = GGML_QUANT_SIZES[kind]
    columns, rows = place.shape[-1], math.prod(place.shape[:-1])
    if columns % block:
        raise ValueError(f"rows of {columns} are no multiple of {kind.name}'s {block}")
    width = columns // block * size  # bytes of a row
    if place.start + rows * width > os.fstat(file.fileno()).st_size:
        raise EOFError  # before so much memory is asked for
    out = torch.empty(rows, columns, dtype=dtype)
    file.seek(place.start)
    step = max(1, _PART // columns)
    for at in range(0, rows, step):
        part = out[at : at + step]
        raw = np.frombuffer(bytearray(file.read(len(part) * width)), np.uint8)
        try:
            numbers = dequantize(raw.reshape(len(part), width), kind)
        except NotImplementedError:
            raise ValueError(f"numbers of the kind {kind.name} are not supported") from None
        part.copy_(torch.from_numpy(numbers))
    return out.view(place.shape)


def _unpermute(weight: Tensor, n_head: int) -> Tensor:
    """Undo GGUF's order of a head's rows (H * D, C), in which rotary pairs are neighbours."""
    if weight.size(0) % (2 * n_head):
        return weight  # a wrong shape: told apart by name later
    pairs = weight.view(n_head, -1, 2, weight.size(1))  # (H, D/2, 2, C)
    return pairs.transpose(1, 2).reshape(weight.shape)


def load_gguf(
    path: Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[GPT, AnyTokenizer]:
    """A Llama from a GGUF file, and its byte-level BPE vocabulary; weights become `dtype`.

    Raises ValueError if the file is something else or cut short, for settings that are not
    supported, and for tensors that are missing, superfluous or of the wrong shape; and if the
    package gguf is not there.
    """
    try:
        import gguf  # noqa: F401 - said here, before the work starts
    except ImportError:
        raise ValueError(
            f"{path}: opening GGUF files needs the package gguf: {INSTALL_REAL}"
        ) from None
    try:
        with path.open("rb") as file:
            settings, places = read_header(file)
            config = _config(settings, "output.weight" not in places)
            _check_names(places, settings["llama.block_count"])
            tokenizer = _tokenizer(settings)
            del settings
            heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
            tensors = {}
            for name, place in places.items():
                tensor = _read_tensor(file, place, dtype)
                for letter, count in heads.items():
                    if name.endswith(f".attn_{letter}.weight"):
                        tensor = _unpermute(tensor, count)
                tensors[_theirs(name)] = tensor.to(device)
        shape = llama_config(config)
        weights = llama_weights(shape, config, tensors)
    except (EOFError, struct.error):
        raise ValueError(f"{path} is cut short: get it again") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except KeyError as error:
        raise ValueError(f"{path}: the setting {error.args[0]!r} is missing") from None
    tensors.clear()
    model = build_model(shape, weights, str(path))
    check_vocabulary(model, tokenizer, path)
    return model, tokenizer


def _config(settings: dict[str, Any], tied: bool) -> dict[str, Any]:
    """The settings under the names of a Hugging Face config.json."""
    if (kind := settings.get("general.architecture")) != "llama":
        raise ValueError(f"the architecture {kind!r} is not supported, only 'llama'")
    if (scaling := settings.get("llama.rope.scaling.type", "none")) != "none":
        raise ValueError(f"rotary positions scaled by {scaling!r} are not supported")
    if settings.get("llama.expert_count", 0):
        raise ValueError("mixtures of experts are not supported")
    heads, width = settings["llama.attention.head_count"], settings["llama.embedding_length"]
    head_dim = settings.get("llama.attention.key_length", width // heads)
    if (turned := settings.get("llama.rope.dimension_count", head_dim)) != head_dim:
        raise ValueError(f"rotary positions for {turned} of {head_dim} numbers are not supported")
    return {
        "vocab_size": len(settings["tokenizer.ggml.tokens"]),
        "max_position_embeddings": settings["llama.context_length"],
        "num_hidden_layers": settings["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": settings.get("llama.attention.head_count_kv", heads),
        "head_dim": head_dim,
        "hidden_size": width,
        "intermediate_size": settings["llama.feed_forward_length"],
        "rms_norm_eps": settings["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": settings.get("llama.rope.freq_base", 10_000.0),
        "tie_word_embeddings": tied,
    }


def _theirs(name: str) -> str:
    """Hugging Face's name of a tensor of a layer or of those outside them."""
    if name in _TENSORS:
        return _TENSORS[name]
    _, layer, part, end = name.split(".")
    return f"model.layers.{layer}.{_LAYER[part]}.{end}"


def _check_names(places: dict[str, Place], n_layer: int) -> None:
    """Refuse a file with other tensors than a Llama has; its own names tell more than ours."""
    expected = {f"blk.{layer}.{part}.weight" for layer in range(n_layer) for part in _LAYER}
    expected |= _TENSORS.keys() - {"output.weight"}
    wrong = [f"{name} is missing" for name in expected - places.keys()]
    superfluous = places.keys() - expected - {"output.weight"}
    wrong += [f"{name} is not part of the model" for name in superfluous]
    if wrong:
        raise ValueError("; ".join(sorted(wrong)))


def _tokenizer(settings: dict[str, Any]) -> BPETokenizer:
    prefix = "tokenizer.ggml."
    if (kind := settings.get(f"{prefix}model")) != "gpt2":
        raise ValueError(f"a {kind!r} tokenizer is not supported, only 'gpt2' (byte-level BPE)")
    if (cut := settings.get(f"{prefix}pre")) not in _PATTERNS:
        raise ValueError(f"the pre-tokenizer {cut!r} is not supported, only {[*_PATTERNS]}")
    if settings.get(f"{prefix}add_space_prefix"):
        raise ValueError("add_space_prefix is not supported: it changes the text")
    names, kinds = settings[f"{prefix}tokens"], settings[f"{prefix}token_type"]
    if len(kinds) != len(names) or {*kinds} - {_NORMAL, _CONTROL}:
        raise ValueError(
            f"{len(names)} tokens of the kinds {sorted({*kinds})} ({len(kinds)} told): only "
            f"{_NORMAL} (normal) and {_CONTROL} (control) are supported"
        )
    special = {name: i for i, name in enumerate(names) if kinds[i] != _NORMAL}
    ids = {name: i for i, name in enumerate(names)}
    return byte_level(ids, settings[f"{prefix}merges"], _PATTERNS[cut], special)
