"""Opening models: own checkpoints and runs, folders saved by Hugging Face, and named models."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import (
    MANIFEST,
    VOCABULARY,
    AnyTokenizer,
    build_model,
    check_vocabulary,
    load_checkpoint,
    load_tensors,
    read_json,
)
from .config import GPTConfig
from .files import recover_folder
from .model import GPT
from .run_folder import RUN_FILE, newest_checkpoint
from .tokenizer_file import load_tokenizer

ENTRY_POINTS = "minigpt.models"  # name -> function that returns the model's folder


def load(
    name_or_path: str | os.PathLike[str],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[GPT, AnyTokenizer | None]:
    """Open a model by name, or from a folder; returns it (in evaluation mode) and its tokenizer.

    A folder may be a checkpoint, a run of `minigpt train` (its newest checkpoint is taken), or
    saved by Hugging Face (GPT-2 or Llama; the tokenizer is None if the folder holds none).
    Raises FileNotFoundError for an unknown name, and ValueError for a folder that does not fit.
    """
    folder = Path(name_or_path)
    recover_folder(folder)
    if not folder.exists():
        folder = _registered(str(name_or_path))
    if (folder / MANIFEST).is_file():
        model, tokenizer, _ = load_checkpoint(folder, device)
    elif (folder / RUN_FILE).is_file():
        model, tokenizer, _ = load_checkpoint(newest_checkpoint(folder), device)
    elif (folder / "config.json").is_file():
        model, tokenizer = _load_huggingface(folder, device)
    else:
        raise ValueError(
            f"{folder} is no model: expected a folder with {MANIFEST}, {RUN_FILE} or config.json"
        )
    return model.to(dtype).eval(), tokenizer


def _registered(name: str) -> Path:
    models = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in models:
        raise FileNotFoundError(
            f"there is no folder {name!r} and no model of that name; named models: "
            f"{sorted(models) or 'none'}"
        )
    return Path(models[name].load()())


def _load_huggingface(folder: Path, device: torch.device | str) -> tuple[GPT, AnyTokenizer | None]:
    settings = read_json(folder / "config.json")
    kind = settings.get("model_type")
    if kind not in FAMILIES:
        raise ValueError(f"{folder}: model_type {kind!r} is not supported; known: {[*FAMILIES]}")
    to_config, to_weights = FAMILIES[kind]
    config = to_config(settings, str(folder))
    tensors = _read_shards(folder, device)
    if not tensors.keys() - {"lm_head.weight"}:
        raise ValueError(f"{folder}: the weight files hold no weights")
    model = build_model(config, to_weights(config, tensors), str(folder))
    tokenizer = None
    if (folder / VOCABULARY).is_file():
        tokenizer = load_tokenizer(folder / VOCABULARY)
        check_vocabulary(model, tokenizer, folder)
    return model, tokenizer


def _read_shards(folder: Path, device: torch.device | str) -> dict[str, Tensor]:
    """All tensors of model.safetensors, or of the files its index names."""
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(read_json(index).get("weight_map", {}).values()))
    if missing := [n for n in names if Path(n).name != n or not (folder / n).is_file()]:
        raise ValueError(f"{folder} lacks {missing}: only safetensors files are opened")
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors |= load_tensors(folder / name, device)
    return tensors


def _expect(settings: Mapping[str, Any], source: str, **allowed: Any) -> None:
    """Refuse settings that this GPT does not compute; a missing one means the first allowed."""
    for name, values in allowed.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(f"{source}: {name}={settings[name]!r} is not supported, only {values}")


def _gpt2_config(s: Mapping[str, Any], source: str) -> GPTConfig:
    _expect(
        s,
        source,
        activation_function=("gelu_new", "gelu_pytorch_tanh"),
        scale_attn_weights=(True,),
        scale_attn_by_inverse_layer_idx=(False,),
        add_cross_attention=(False,),
    )
    return GPTConfig.gpt2(
        vocab_size=s.get("vocab_size", 50_257),
        block_size=s.get("n_positions", 1_024),
        n_layer=s.get("n_layer", 12),
        n_head=s.get("n_head", 12),
        n_embd=s.get("n_embd", 768),
        mlp_hidden=s.get("n_inner"),
        norm_eps=s.get("layer_norm_epsilon", 1e-5),
        tie_head=s.get("tie_word_embeddings", True),
    )


def _gpt2_weights(config: GPTConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask, which old files carry along
        if name == "lm_head.weight" and config.tie_head:
            continue
        if name.startswith("h.") and ".c_" in name and name.endswith(".weight"):
            tensor = tensor.t().contiguous()  # GPT-2 keeps its layers as (in, out)
        weights[name] = tensor
    return weights


def _llama_config(s: Mapping[str, Any], source: str) -> GPTConfig:
    _expect(s, source, hidden_act=("silu",), rope_interleaved=(False,))
    rope = s.get("rope_parameters") or s.get("rope_scaling") or {}
    _expect(rope, source, rope_type=("default",), type=("default",), partial_rotary_factor=(1.0,))
    return GPTConfig.llama(
        vocab_size=s.get("vocab_size", 32_000),
        block_size=s.get("max_position_embeddings", 2_048),
        n_layer=s.get("num_hidden_layers", 32),
        n_head=s.get("num_attention_heads", 32),
        n_kv_head=s.get("num_key_value_heads"),
        head_dim=s.get("head_dim"),
        n_embd=s.get("hidden_size", 4_096),
        mlp_hidden=s.get("intermediate_size", 11_008),
        norm_eps=s.get("rms_norm_eps", 1e-6),
        rope_theta=float(rope.get("rope_theta", s.get("rope_theta", 10_000.0))),
        bias=bool(s.get("attention_bias", False) or s.get("mlp_bias", False)),
        tie_head=s.get("tie_word_embeddings", False),
    )


_LLAMA_NAMES = {
    "embed_tokens.weight": "wte.weight",
    "norm.weight": "ln_f.weight",
    "lm_head.weight": "lm_head.weight",
    "input_layernorm": "ln_1",
    "post_attention_layernorm": "ln_2",
    "self_attn.o_proj": "attn.c_proj",
    "mlp.gate_proj": "mlp.c_gate",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}


def _llama_weights(config: GPTConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    if config.tie_head:
        tensors.pop("lm_head.weight", None)
    weights: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if "rotary_emb" in name:
            continue  # frequencies, which old files carry along
        parts = name.split(".")
        if parts[0] != "layers" or len(parts) < 4:
            weights[_LLAMA_NAMES.get(name, name)] = tensor
            continue
        prefix, inside, kind = f"h.{parts[1]}.", ".".join(parts[2:-1]), parts[-1]
        if inside in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
            stem = f"layers.{parts[1]}.self_attn."
            qkv = [tensors.get(f"{stem}{c}_proj.{kind}") for c in "qkv"]
            if all(part is not None for part in qkv):
                weights[f"{prefix}attn.c_attn.{kind}"] = torch.cat(qkv)  # type: ignore[arg-type]
        else:
            weights[f"{prefix}{_LLAMA_NAMES.get(inside, inside)}.{kind}"] = tensor
    if config.bias:  # Llama may have biases in attention only or in the MLP only: zero elsewhere
        for name, tensor in list(weights.items()):
            if ".c_" in name and name.endswith(".weight"):
                bias = name.removesuffix("weight") + "bias"
                weights.setdefault(bias, tensor.new_zeros(tensor.size(0)))
    return weights


FAMILIES: dict[str, tuple[Callable[..., GPTConfig], Callable[..., dict[str, Tensor]]]] = {
    "gpt2": (_gpt2_config, _gpt2_weights),
    "llama": (_llama_config, _llama_weights),
}
