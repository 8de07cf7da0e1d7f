"""Deep stacks with and without residual stream and normalisation: gradients, and training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lessons.l01_next_token.text import prepare
from minigpt import GPTConfig
from minigpt.data import Batches
from minigpt.model import MLP, SelfAttention, make_norm

WIDTH, DEPTH, BLOCK = 64, 24, 64


@dataclass(frozen=True)
class Kind:
    """What a stack has: a residual stream, and a norm before each part."""

    residual: bool
    norm: bool

    @property
    def name(self) -> str:
        return f"{'' if self.residual else 'no '}residual, {'' if self.norm else 'no '}norm"


KINDS = (Kind(True, True), Kind(True, False), Kind(False, True), Kind(False, False))


class Layer(nn.Module):
    """Attention and MLP, with or without residual stream and norms."""

    def __init__(self, kind: Kind, config: GPTConfig, number: int) -> None:
        super().__init__()
        self.kind = kind
        self.norm_1, self.norm_2 = make_norm(config), make_norm(config)
        self.attention, self.mlp = SelfAttention(config, number), MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, C) -> (B, T, C)."""
        x = self._add(x, self.attention(self._norm(self.norm_1, x), None, None, None))
        return self._add(x, self.mlp(self._norm(self.norm_2, x)))

    def _norm(self, norm: nn.Module, x: Tensor) -> Tensor:
        return norm(x) if self.kind.norm else x

    def _add(self, x: Tensor, new: Tensor) -> Tensor:
        return x + new if self.kind.residual else new


class Stack(nn.Module):
    """A GPT whose blocks may lack residual stream or norms; all weights drawn alike."""

    def __init__(self, kind: Kind, vocab_size: int, depth: int = DEPTH, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        config = GPTConfig(
            vocab_size=vocab_size,
            block_size=BLOCK,
            n_layer=depth,
            n_head=4,
            n_embd=WIDTH,
            bias=False,
        )
        self.kind = kind
        self.wte, self.wpe = nn.Embedding(vocab_size, WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.layers = [Layer(kind, config, number) for number in range(depth)]
        self.blocks = nn.ModuleList(self.layers)
        self.ln_f = make_norm(config)
        self.head = nn.Linear(WIDTH, vocab_size, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and name.startswith("blocks"):  # keeps a vector's size, roughly
                nn.init.normal_(weight, std=1 / math.sqrt(weight.size(1)))

    def forward(self, idx: Tensor) -> Tensor:
        """idx: (B, T) -> logits (B, T, V)."""
        x = self.wte(idx) + self.wpe.weight[: idx.size(1)]  # (B, T, C)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.ln_f(x) if self.kind.norm else x)


def gradients_by_depth(kind: Kind, idx: Tensor, vocab_size: int, seed: int = 0) -> list[float]:
    """The size of the loss's gradient at each block's MLP, from the first block to the last."""
    model = Stack(kind, vocab_size, seed=seed)
    logits = model(idx[:, :-1])
    F.cross_entropy(logits.flatten(0, 1), idx[:, 1:].flatten()).backward()
    found = [layer.mlp.c_fc.weight.grad for layer in model.layers]
    # Sizes up to 1e28 come without norms, whose squares only float64 holds.
    return [float(gradient.double().norm()) for gradient in found if gradient is not None]


def train(kind: Kind, seed: int, steps: int, depth: int = 12) -> dict[str, Any]:
    """Mean training loss over the last tenth of `steps`, on characters of Fernhollow; AdamW."""
    tokenizer, ids, _ = prepare()
    model = Stack(kind, tokenizer.vocab_size, depth=depth, seed=seed)
    batch = Batches(ids, block_size=BLOCK, batch_size=16, seed=seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for step in range(steps):
        x, y = batch(step)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    last = losses[-max(1, steps // 10) :]
    return {"kind": kind.name, "seed": seed, "steps": steps, "loss": sum(last) / len(last)}
