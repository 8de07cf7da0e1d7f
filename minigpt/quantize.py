"""Weights of 8 bits: a quarter of the memory traffic, which is what decoding on a CPU waits for."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from .model import GPT


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
            y = torch.ops.quantized.linear_dynamic(x, self.packed, self.reduce_range)
            return y if self.bias is None else y + self.bias
        # The kernel has one scale for all tokens; make them equally large, so that it is right
        # for each, and a row does not depend on what else is in the batch.
        size = x.abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        y = torch.ops.quantized.linear_dynamic(x / size, self.packed, self.reduce_range) * size
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


def quantize_int8(model: GPT) -> GPT:
    """A copy of the model whose linear layers and head have int8 weights, to write and to score.

    The model itself stays as it was; embeddings and norms are copied as float32, also the token
    embedding of a tied head, which gets int8 weights of its own. The copy is in evaluation mode.
    Raises ValueError if the model is not on the CPU, is quantised already, or has linear layers
    of another kind (LoRA).
    """
    replaced: dict[int, Any] = {}  # by id, as copy.deepcopy wants it
    for name, module in model.named_modules():
        if isinstance(module, Int8Linear):
            raise ValueError("the model is quantised already: give the one it was made from")
        if type(module) is nn.Linear:
            replaced[id(module)] = Int8Linear(module.weight, module.bias)
        elif isinstance(module, nn.Linear):
            raise ValueError(
                f"{name} is a {type(module).__name__}, which cannot be quantised: merge adapters "
                "into the model first"
            )
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
