"""Weights of 8 bits: a quarter of the memory traffic, which is what decoding on a CPU waits for."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .model import GPT, MLP, RMSNorm

# By its overload, so that it is not looked up at each of the hundred calls a token takes.
_PRODUCT = torch.ops.quantized.linear_dynamic.default


class Int8Linear(nn.Module):
    """A linear layer with int8 weights, one scale for each output channel.

    Inputs are rounded to 7 bits, with one scale for each token, while the layer computes; sums are
    exact. (Weights of 8 and inputs of 7 bits: PyTorch's CPU kernel adds products in pairs of 16
    bits, which would overflow with more.) It can neither be trained nor saved.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """weight: (out, in), bias: (out,), any floating dtype, on the CPU.

        Raises ValueError for another device, or if this build of PyTorch has no int8 kernels.
        """
        super().__init__()
        self.training = False
        if weight.device.type != "cpu":
            raise ValueError(f"int8 runs on the CPU, not {weight.device}: model.to('cpu') first")
        weight = weight.detach().float()
        bias = None if bias is None else bias.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp(min=torch.finfo(torch.float32).tiny)
        rounded = (weight / scale[:, None]).round().to(torch.int8)  # (out, in)
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        self.packed, self.reduce_range = _pack(rounded, scale)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in) float32 -> (..., out)."""
        if x.numel() == self.in_features:  # one token: the kernel's own scale is the token's
            y = _PRODUCT(x, self.packed, self.reduce_range)
            return y if self.bias is None else y + self.bias
        # The kernel has one scale for all tokens; make them equally large, so that it is right
        # for each, and a row does not depend on what else is in the batch.
        size = x.abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        y = _PRODUCT(x / size, self.packed, self.reduce_range) * size
        return y if self.bias is None else y + self.bias

    def train(self, mode: bool = True) -> Int8Linear:
        if mode:
            raise ValueError(
                "an int8 model cannot be trained: train the model that quantize_int8 was given"
            )
        return super().train(mode)

    def _save_to_state_dict(self, *arguments: Any, **named: Any) -> None:
        raise ValueError(
            "an int8 model cannot be saved: save the model that quantize_int8 was given, and "
            "quantise again after loading"
        )


class _Norm(nn.Module):
    """RMSNorm by fewer and cheaper operations, for one token at a time; not for training."""

    weight: Tensor
    least: Tensor

    def __init__(self, norm: RMSNorm) -> None:
        super().__init__()
        width = norm.weight.numel()
        # x / sqrt(mean(x²) + eps) · w = x · sqrt(C) w / hypot(|x|, sqrt(C · eps))
        self.register_buffer("weight", norm.weight.detach().float() * math.sqrt(width))
        self.register_buffer("least", torch.tensor(math.sqrt(width * norm.eps)))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return x * (self.weight / torch.hypot(size, self.least))


class _GatedMLP(nn.Module):
    """A SwiGLU whose first two products are one."""

    def __init__(self, mlp: MLP, project: nn.Module) -> None:
        super().__init__()
        first = (mlp.c_gate, mlp.c_fc)
        bias = None if first[0].bias is None else torch.cat([layer.bias for layer in first])
        self.both = Int8Linear(torch.cat([layer.weight for layer in first]), bias)
        self.c_proj = project
        self.hidden = mlp.c_fc.out_features

    def forward(self, x: Tensor) -> Tensor:
        gate, h = self.both(x).split(self.hidden, dim=-1)
        return self.c_proj(F.silu(gate) * h)


def quantize_int8(model: GPT) -> GPT:
    """A copy of the model whose linear layers and head have int8 weights, to write and to score.

    The model itself stays as it was; embeddings and norms are copied as float32, also the token
    embedding of a tied head, which gets int8 weights of its own. The copy is in evaluation mode.
    Raises ValueError if the model is not on the CPU, is quantised already, or has linear layers
    of another kind (LoRA).
    """
    replaced: dict[int, Any] = {}  # by id, as copy.deepcopy wants it
    modules = dict(model.named_modules())
    gated = [m for m in modules.values() if isinstance(m, MLP) and m.kind == "swiglu"]
    fused = {id(layer) for mlp in gated for layer in (mlp.c_gate, mlp.c_fc)}
    for name, module in modules.items():
        if isinstance(module, Int8Linear):
            raise ValueError("the model is quantised already: give the one it was made from")
        if isinstance(module, nn.Linear) and type(module) is not nn.Linear:
            raise ValueError(
                f"{name} is a {type(module).__name__}, which cannot be quantised: merge adapters "
                "into the model first"
            )
        if isinstance(module, nn.Linear) and id(module) not in fused:
            replaced[id(module)] = Int8Linear(module.weight, module.bias)
        elif isinstance(module, RMSNorm):
            replaced[id(module)] = _Norm(module)
    for mlp in gated:
        replaced[id(mlp)] = _GatedMLP(mlp, replaced[id(mlp.c_proj)])
    small = copy.deepcopy(model, replaced).float().eval()
    if small.lm_head is None:
        small.lm_head = Int8Linear(model.wte.weight, None)
    return small


def _pack(weight: Tensor, scale: Tensor) -> tuple[Any, bool]:
    """The kernel's own form of int8 weights (out, in), and whether inputs get 7 bits, not 8."""
    engines = torch.backends.quantized.supported_engines
    engine = next((name for name in ("fbgemm", "qnnpack") if name in engines), None)
    if engine is None:
        raise ValueError(f"this build of PyTorch has no int8 kernels, only {engines}")
    before = torch.backends.quantized.engine
    try:
        torch.backends.quantized.engine = engine
        with warnings.catch_warnings():
            # The kernel is not deprecated, but the tensor type in which it takes weights is.
            warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")
            zero = torch.zeros(len(scale), dtype=torch.int64)
            tensor = torch._make_per_channel_quantized_tensor(weight, scale.double(), zero, 0)
        return torch.ops.quantized.linear_prepack(tensor, None), engine == "fbgemm"
    finally:
        torch.backends.quantized.engine = before
