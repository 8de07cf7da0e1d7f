"""LoRA: learn a small change of some matrices, and leave the model itself alone (2106.09685)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .files import new_file
from .model import GPT

TARGETS = ("attn.c_attn", "attn.c_proj")
FORMAT = "minigpt-lora-1"


class LoRALinear(nn.Linear):
    """A linear layer W with a learnt change: y = x W^T + (alpha / rank) x A^T B^T.

    W is the layer's own parameter, frozen, under its old name. A: (rank, in) is random and
    B: (out, rank) zero, so that nothing changes at the start.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__(base.in_features, base.out_features, base.bias is not None, "meta")
        self.weight, self.bias = base.weight, base.bias
        like: Any = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.rank, self.alpha = rank, alpha
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features, **like))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.training = base.training
        self.register_load_state_dict_post_hook(_forgive_missing)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) -> (..., out)."""
        change = F.linear(F.linear(x, self.lora_a), self.lora_b)
        return super().forward(x) + change * (self.alpha / self.rank)

    def merged(self) -> nn.Linear:
        """A plain layer that computes the same; the sum is made in float32."""
        change = self.lora_b.float() @ self.lora_a.float() * (self.alpha / self.rank)
        plain = nn.Linear(self.in_features, self.out_features, self.bias is not None, "meta")
        plain.weight = nn.Parameter((self.weight.float() + change).detach().to(self.weight.dtype))
        plain.bias = self.bias
        return plain.train(self.training)


def _forgive_missing(module: nn.Module, incompatible: Any) -> None:
    """A checkpoint of the model without adapters may be loaded into one with them."""
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if not key.endswith((".lora_a", ".lora_b"))]


def apply_lora(
    model: GPT, *, rank: int, alpha: float, targets: Sequence[str] = TARGETS
) -> list[str]:
    """Give the layers named in `targets` LoRA changes, and freeze all else; returns their names.

    `targets` are the ends of names: "attn.c_attn" means that layer of every block (queries, keys
    and values in one), "h.3.mlp.c_fc" one of one block, "lm_head" an untied head. Call it before
    the optimizer is made. Raises ValueError for a rank or alpha out of range, a target that
    matches no linear layer, an int8 model, and a model that has adapters already.
    """
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"rank={rank!r}: must be a whole number of at least 1, usually 4 to 16")
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha={alpha!r}: must be a number greater than 0, usually 1 to 2 ranks")
    if isinstance(targets, str) or not targets:
        raise ValueError(f"targets={targets!r}: give a list of names, for example {[*TARGETS]}")
    if adapters(model):
        raise ValueError("the model has LoRA adapters already: merge_lora(model) first")
    linear = {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    chosen = []
    for target in targets:
        found = [name for name in linear if name == target or name.endswith(f".{target}")]
        if not found:
            ends = sorted({".".join(name.split(".")[2:]) or name for name in linear})
            raise ValueError(f"no linear layer's name ends in {target!r}; there are {ends}")
        chosen += [name for name in found if name not in chosen]
    model.requires_grad_(False)
    for name in chosen:
        model.set_submodule(name, LoRALinear(linear[name], rank, alpha))
    return chosen


def adapters(model: GPT) -> dict[str, LoRALinear]:
    """The layers with LoRA changes, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, LoRALinear)}


def merge_lora(model: GPT) -> None:
    """Add the changes to the weights: an ordinary model again, all of it trainable.

    Raises ValueError if there are none.
    """
    for name, layer in _need(model).items():
        model.set_submodule(name, layer.merged())
    model.requires_grad_(True)


def save_adapter(path: str | os.PathLike[str], model: GPT) -> None:
    """Write the changes alone to a safetensors file, atomically. Raises ValueError if none."""
    layers = _need(model)
    tensors = {}
    for name, layer in layers.items():
        for part in ("lora_a", "lora_b"):
            tensors[f"{name}.{part}"] = getattr(layer, part).detach().contiguous().cpu()
    ranks = {name: [layer.rank, layer.alpha] for name, layer in layers.items()}
    with new_file(path) as temporary:
        save_file(tensors, temporary, {"format": FORMAT, "layers": json.dumps(ranks)})


def load_adapter(path: str | os.PathLike[str], model: GPT) -> None:
    """Give a model the changes of `save_adapter`; adapters that it has are replaced.

    Raises FileNotFoundError, or ValueError if the file is no adapter, or belongs to a model of
    another shape; then the model stays as it was.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give what save_adapter wrote")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file ({error})") from None
    if about.get("format") != FORMAT:
        raise ValueError(f"{path} is no adapter of minigpt (format {about.get('format')!r})")
    linear = {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    try:
        said = json.loads(about["layers"]).items()
        layers = {name: (int(rank), float(alpha)) for name, (rank, alpha) in said}
    except (KeyError, ValueError, TypeError, AttributeError):
        raise ValueError(f"{path} does not say what layers it changes: save it again") from None
    wrong = []
    for name, (rank, _) in layers.items():
        if name not in linear:
            wrong.append(f"the model has no linear layer {name}")
            continue
        ours = {"lora_a": (rank, linear[name].in_features)}
        ours["lora_b"] = (linear[name].out_features, rank)
        for part, shape in ours.items():
            found = tensors.get(f"{name}.{part}")
            if found is None or tuple(found.shape) != shape:
                came = "is missing" if found is None else f"has shape {tuple(found.shape)}"
                wrong.append(f"{name}.{part} {came}, expected {shape}")
    if wrong:
        raise ValueError(f"{path} does not fit this model: {'; '.join(wrong[:4])}")
    for name, layer in adapters(model).items():
        if name not in layers:  # without its change it is a plain layer again
            nn.init.zeros_(layer.lora_b)
            model.set_submodule(name, layer.merged())
    model.requires_grad_(False)
    for name, (rank, alpha) in layers.items():
        layer = LoRALinear(linear[name], rank, alpha)
        with torch.no_grad():
            layer.lora_a.copy_(tensors[f"{name}.lora_a"])
            layer.lora_b.copy_(tensors[f"{name}.lora_b"])
        model.set_submodule(name, layer)


def _need(model: GPT) -> dict[str, LoRALinear]:
    if not (found := adapters(model)):
        raise ValueError("the model has no LoRA adapters: apply_lora(model, ...) first")
    return found
