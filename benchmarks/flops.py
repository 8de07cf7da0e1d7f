"""Arithmetic: floating-point operations and bytes of a step, and the machine's own rate."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from minigpt import GPTConfig

SQUARE = 1536  # side of the big float32 product that stands for the machine's own rate

Shape = tuple[int, int, int, int]  # n products of (m, k) by (k, n): batch, m, k, n


def matmul_weights(config: GPTConfig) -> int:
    """Number of weights that take part in matrix products, the output head among them."""
    return sum(k * n for k, n in _linear_shapes(config))


def training_flops(config: GPTConfig, batch: int, length: int) -> int:
    """Of one step: 6 N a token, and 12 L T C a token for attention (2001.08361, 2204.02311).

    N are the weights in matrix products. Attention counts the full square of scores, though
    half of it is masked. A multiplication and an addition are two operations.
    """
    inner = config.n_head * config.head_width
    per_token = 6 * matmul_weights(config) + 12 * config.n_layer * length * inner
    return batch * length * per_token


def decoding_flops(config: GPTConfig, batch: int, length: int) -> int:
    """Of one new token in each row, after `length` tokens: 2 N and 4 L T C a token."""
    inner = config.n_head * config.head_width
    return batch * (2 * matmul_weights(config) + 4 * config.n_layer * length * inner)


def decoding_bytes(config: GPTConfig, batch: int, length: int) -> int:
    """What one new token in each row must read: every weight once, each row's keys and values."""
    cached = 2 * config.n_layer * length * config.kv_heads * config.head_width
    return 4 * (matmul_weights(config) + batch * cached)


def training_bytes(config: GPTConfig, parameters: int, batch: int, length: int) -> int:
    """Float32 bytes at the peak of an AdamW step of a GPT-2: weights, moments, and then either
    activations (end of the forward pass) or gradients (end of the backward pass).

    A block keeps 16 C numbers a token: the inputs of two norms and of four linear layers (one of
    them 4 C wide), queries, keys and values, and the 4 C before the GELU. The head
    keeps the logits, their log-softmax and its gradient: 3 V, beside 2 C around the last norm.
    """
    C, V = config.n_embd, config.vocab_size
    activations = batch * length * (config.n_layer * 16 * C + 2 * C + 3 * V)
    return 4 * (3 * parameters + max(parameters, activations))


def step_shapes(config: GPTConfig, batch: int, length: int) -> list[Shape]:
    """All matrix products of a step, forward and backward; their operations sum to the formula."""
    tokens = batch * length
    shapes: list[Shape] = []
    for k, n in _linear_shapes(config):
        shapes += [(1, tokens, k, n), (1, tokens, n, k), (1, n, tokens, k)]
    heads, width = batch * config.n_head, config.head_width
    for _ in range(config.n_layer):
        shapes += 2 * [(heads, length, width, length)]  # scores; gradient of the weights
        shapes += 4 * [(heads, length, length, width)]  # output; gradients of q, k, v
    return shapes


def products(shapes: list[Shape]) -> tuple[Callable[[], None], int]:
    """A callable that multiplies matrices of all these shapes, and its number of operations.

    Equal shapes share their matrices.
    """
    pairs: dict[Shape, tuple[Tensor, Tensor]] = {}
    for b, m, k, n in set(shapes):
        left = torch.randn(b, m, k) if b > 1 else torch.randn(m, k)
        right = torch.randn(b, k, n) if b > 1 else torch.randn(k, n)
        pairs[b, m, k, n] = left, right

    def run() -> None:
        for shape in shapes:
            left, right = pairs[shape]
            left @ right

    return run, sum(2 * b * m * k * n for b, m, k, n in shapes)


def _linear_shapes(config: GPTConfig) -> list[tuple[int, int]]:
    """(inputs, outputs) of every linear layer, the head last."""
    C, inner = config.n_embd, config.n_head * config.head_width
    keys = config.kv_heads * config.head_width
    block = [(C, inner + 2 * keys), (inner, C), (C, config.hidden), (config.hidden, C)]
    if config.mlp == "swiglu":
        block.append((C, config.hidden))
    return config.n_layer * block + [(C, config.vocab_size)]
