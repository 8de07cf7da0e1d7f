"""Folders that Hugging Face saved: config.json and safetensors, of the GPT-2 and Llama families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import (
    VOCABULARY,
    AnyTokenizer,
    build_model,
    check_vocabulary,
    load_tensors,
    read_json,
)
from .config import GPTConfig
from .model import GPT
from .tokenizer_file import GPT2_FILES, load_gpt2_files, load_tokenizer


def load_folder(
    folder: Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[GPT, AnyTokenizer | None]:
    """A model that Hugging Face saved, and its tokenizer, None if there is none in the folder.

    Raises ValueError for another architecture, for settings this GPT does not compute, and for
    tensors that are missing, superfluous or of the wrong shape, each by its name.
    """
    settings = read_json(folder / "config.json")
    kind = settings.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(f"{folder}: model_type {kind!r} is not supported; known: {[*FAMILIES]}")
    to_config, to_weights = FAMILIES[kind]
    tensors = _read_shards(folder, dtype, device)
    if not tensors.keys() - {"lm_head.weight"}:
        raise ValueError(f"{folder}: the weight files hold no weights")
    try:
        config = to_config(settings)
        weights = to_weights(config, settings, tensors)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    model = build_model(config, weights, str(folder))
    tokenizer: AnyTokenizer | None = None
    if (folder / VOCABULARY).is_file():
        tokenizer = load_tokenizer(folder / VOCABULARY)
    elif all((folder / name).is_file() for name in GPT2_FILES):
        tokenizer = load_gpt2_files(*(folder / name for name in GPT2_FILES))
    if tokenizer is not None:
        check_vocabulary(model, tokenizer, folder)
    return model, tokenizer


def _read_shards(folder: Path, dtype: torch.dtype, device: torch.device | str) -> dict[str, Tensor]:
    """All tensors of model.safetensors or, without it, of the files that its index names.

    So does transformers, which can leave the index of an earlier save behind.
    """
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file() and not (folder / names[0]).is_file():
        places = read_json(index).get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(n, str) for n in places.values()):
            raise ValueError(f"{index} has no weight_map from tensors to files: get it again")
        names = sorted(set(places.values()))
    if missing := [n for n in names if Path(n).name != n or not (folder / n).is_file()]:
        raise ValueError(f"{folder} lacks {missing}: only safetensors files are opened")
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors |= load_tensors(folder / name, device, dtype)
    return tensors


def _expect(settings: Mapping[str, Any], **allowed: Any) -> None:
    """Refuse settings that this GPT does not compute; a missing one means the first allowed."""
    for name, values in allowed.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(f"{name}={settings[name]!r} is not supported, only {values}")


def _gpt2_config(s: Mapping[str, Any]) -> GPTConfig:
    _expect(
        s,
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


def _gpt2_weights(
    config: GPTConfig, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    weights = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask, which old files carry along
        if name.startswith("h.") and ".c_" in name and tensor.dim() == 2:
            tensor = tensor.t().contiguous()  # GPT-2 keeps its layers as (in, out)
        weights[name] = tensor
    if config.tie_head:
        _drop_tied_head(weights, "wte.weight")
    return weights


def _drop_tied_head(weights: dict[str, Tensor], embedding: str) -> None:
    """Take out a head that is the embedding once more. Raises ValueError if it is another one."""
    head = weights.pop("lm_head.weight", None)
    if head is not None and embedding in weights and not torch.equal(head, weights[embedding]):
        raise ValueError(
            f"lm_head.weight is not {embedding}, but the configuration ties them: set "
            "tie_word_embeddings to false in config.json if this head belongs to the model"
        )


def llama_config(s: Mapping[str, Any]) -> GPTConfig:
    """The shape that a Llama's config.json tells. Raises ValueError for what is not computed."""
    _expect(s, hidden_act=("silu", "swish"), rope_interleaved=(False,))
    ropes = {name: s.get(name) or {} for name in ("rope_parameters", "rope_scaling")}
    for name, rope in ropes.items():
        if not isinstance(rope, Mapping):
            raise ValueError(f"{name}={rope!r} is not supported: names and values are expected")
        _expect(rope, rope_type=("default",), type=("default",), partial_rotary_factor=(1.0,))
    rope = ropes["rope_parameters"] or ropes["rope_scaling"]
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
        rope_theta=rope.get("rope_theta", s.get("rope_theta", 10_000.0)),
        bias=bool(s.get("attention_bias", False) or s.get("mlp_bias", False)),
        tie_head=s.get("tie_word_embeddings", False),
    )


_LLAMA_NAMES = {
    "embed_tokens.weight": "wte.weight",
    "norm.weight": "ln_f.weight",
    "lm_head.weight": "lm_head.weight",
}
_LLAMA_LAYER = {
    "input_layernorm": "ln_1",
    "post_attention_layernorm": "ln_2",
    "self_attn.o_proj": "attn.c_proj",
    "mlp.gate_proj": "mlp.c_gate",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}


def llama_weights(
    config: GPTConfig, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Our names for a Llama's tensors; queries, keys and values become one."""
    left = {  # what is not taken below stays under its own name, and build_model refuses it
        name.removeprefix("model."): tensor
        for name, tensor in tensors.items()
        if "rotary_emb" not in name  # frequencies, which old files carry along
    }
    if config.tie_head:
        _drop_tied_head(left, "embed_tokens.weight")
    weights = {ours: left.pop(name) for name, ours in _LLAMA_NAMES.items() if name in left}
    has_bias = {part: bool(settings.get(f"{part}_bias", False)) for part in ("attention", "mlp")}
    for layer in range(config.n_layer):
        theirs, ours = f"layers.{layer}.", f"h.{layer}."
        for kind in ("weight", "bias") if has_bias["attention"] else ("weight",):
            weights[f"{ours}attn.c_attn.{kind}"] = _join_qkv(config, left, theirs, kind)
        for their_name, our_name in _LLAMA_LAYER.items():
            kinds = ["weight"]
            if "_proj" in their_name and has_bias["mlp" if "mlp" in their_name else "attention"]:
                kinds.append("bias")
            for kind in kinds:
                if (tensor := left.pop(f"{theirs}{their_name}.{kind}", None)) is not None:
                    weights[f"{ours}{our_name}.{kind}"] = tensor
    for name, weight in list(weights.items()):
        absent = config.bias and not has_bias["mlp" if ".mlp." in name else "attention"]
        if absent and ".c_" in name and name.endswith(".weight"):  # ours has all biases or none
            weights[name.removesuffix("weight") + "bias"] = weight.new_zeros(weight.size(0))
    return weights | left


def _join_qkv(config: GPTConfig, left: dict[str, Tensor], layer: str, kind: str) -> Tensor:
    """Take queries, keys and values, which Llama keeps apart, out of `left`; one tensor of all."""
    parts = []
    for letter, heads in (("q", config.n_head), ("k", config.kv_heads), ("v", config.kv_heads)):
        name = f"{layer}self_attn.{letter}_proj.{kind}"
        if name not in left:
            raise ValueError(f"{name} is missing")
        part = left.pop(name)
        shape = (heads * config.head_width, config.n_embd)[: 2 if kind == "weight" else 1]
        if part.shape != shape:
            raise ValueError(f"{name} has shape {tuple(part.shape)}, expected {shape}")
        parts.append(part)
    return torch.cat(parts)


FAMILIES: dict[str, tuple[Callable[..., GPTConfig], Callable[..., dict[str, Tensor]]]] = {
    "gpt2": (_gpt2_config, _gpt2_weights),
    "llama": (llama_config, llama_weights),
}
