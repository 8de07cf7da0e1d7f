"""The model: GPT-2, Llama and what lies between, in one class that reads top to bottom.

Shapes: B sequences, T tokens, C width, H heads, G key-value heads, D width of a head,
S keys (T plus what the cache holds), V vocabulary. Names are GPT-2's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .cache import KVCache
from .config import GPTConfig


class RMSNorm(nn.Module):
    """Divide by the root mean square, then scale (Zhang & Sennrich 2019, 1910.07467)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.size(-1),), self.weight, self.eps)


def make_norm(config: GPTConfig) -> nn.Module:
    if config.norm == "rmsnorm":
        return RMSNorm(config.n_embd, config.norm_eps)
    return nn.LayerNorm(config.n_embd, eps=config.norm_eps, bias=config.bias)


def rotary_table(config: GPTConfig, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of all positions, each (length, D) (Su et al. 2021, 2104.09864)."""
    pairs = torch.arange(0, config.head_width, 2, device=device, dtype=torch.float32)
    frequency = 1.0 / config.rope_theta ** (pairs / config.head_width)  # (D/2,)
    positions = torch.arange(length, device=device, dtype=torch.float32)
    angle = torch.outer(positions, frequency)  # (length, D/2)
    angle = torch.cat([angle, angle], dim=-1)  # (length, D)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of x: (B, H, T, D) by its position's angle."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class ScaledDotProduct(nn.Module):
    """softmax(q k^T / sqrt(D)) v: a module of its own, so that hooks can reach it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """q: (B, H, T, D); k, v: (B, G, S, D); mask: bool, broadcasts to (B, H, T, S).

        Without a mask a token sees all keys up to its own. Returns (B, H, T, D).
        """
        # is_causal is aligned to the top left, so it is right only if there are as many
        # queries as keys; one query alone may see every key.
        causal = mask is None and q.size(2) == k.size(2) and q.size(2) > 1
        dropout = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(
            q, k, v, mask, dropout, is_causal=causal, enable_gqa=q.size(1) != k.size(1)
        )


class SelfAttention(nn.Module):
    """Every token gathers from itself and the tokens before it."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        inner = config.n_head * config.head_width  # H * D, equal to C unless head_dim says else
        keys = config.kv_heads * config.head_width  # G * D
        self.c_attn = nn.Linear(config.n_embd, inner + 2 * keys, bias=config.bias)  # q, k, v
        self.c_proj = nn.Linear(inner, config.n_embd, bias=config.bias)
        self.attend = ScaledDotProduct(config.dropout)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
        cache: KVCache | None,
    ) -> Tensor:
        B, T, _ = x.shape
        H, G, D = self.config.n_head, self.config.kv_heads, self.config.head_width
        q, k, v = self.c_attn(x).split([H * D, G * D, G * D], dim=-1)
        q = q.view(B, T, H, D).transpose(1, 2)  # (B, H, T, D)
        k = k.view(B, T, G, D).transpose(1, 2)  # (B, G, T, D)
        v = v.view(B, T, G, D).transpose(1, 2)  # (B, G, T, D)
        if self.config.qk_norm:
            q, k = F.rms_norm(q, (D,)), F.rms_norm(k, (D,))
        if rope is not None:
            q, k = rotate(q, *rope), rotate(k, *rope)
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)  # (B, G, S, D)
        y = self.attend(q, k, v, mask)  # (B, H, T, D)
        y = y.transpose(1, 2).reshape(B, T, H * D)
        return self.c_proj(y)  # (B, T, C)


class MLP(nn.Module):
    """Two layers at each position alone: widen, bend, narrow."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.kind = config.mlp
        self.c_fc = nn.Linear(config.n_embd, config.hidden, bias=config.bias)
        if self.kind == "swiglu":  # Shazeer 2020, 2002.05202
            self.c_gate = nn.Linear(config.n_embd, config.hidden, bias=config.bias)
        self.c_proj = nn.Linear(config.hidden, config.n_embd, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.c_fc(x)  # (B, T, hidden)
        if self.kind == "gelu":
            h = F.gelu(h, approximate="tanh")
        elif self.kind == "relu2":  # So et al. 2021, 2109.08668
            h = F.relu(h).square()
        else:
            h = F.silu(self.c_gate(x)) * h
        return self.c_proj(h)  # (B, T, C)


class Block(nn.Module):
    """One layer: attention, then MLP, each added to the residual stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.ln_1 = make_norm(config)
        self.attn = SelfAttention(config, layer)
        self.ln_2 = make_norm(config)
        self.mlp = MLP(config)
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
        cache: KVCache | None,
    ) -> Tensor:
        x = x + self.drop(self.attn(self.ln_1(x), rope, mask, cache))
        return x + self.drop(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    """A decoder-only transformer: token ids in, logits of the next token out."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        if config.position == "learned":
            self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList([Block(config, layer) for layer in range(config.n_layer)])
        self.ln_f = make_norm(config)
        if not config.tie_head:
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self._rope: tuple[Tensor, Tensor] | None = None  # float32 whatever the weights' dtype
        self.apply(self._init_weights)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):  # what is added to the residual stream
                self._init_projection(weight)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def _init_projection(self, weight: nn.Parameter) -> None:
        if self.config.zero_init:  # every block starts as the identity (2203.03466)
            nn.init.zeros_(weight)
        else:  # GPT-2: the sum over 2 * n_layer additions keeps its size
            nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.config.n_layer))

    @property
    def device(self) -> torch.device:
        return self.wte.weight.device

    def num_parameters(self) -> int:
        """Number of trainable numbers in the model; a tied head counts once."""
        return sum(weight.numel() for weight in self.parameters())

    def new_cache(self, batch_size: int, padding: list[int] | None = None) -> KVCache:
        """An empty `KVCache` on this model's device, in its dtype."""
        dtype = self.wte.weight.dtype
        return KVCache(self.config, batch_size, device=self.device, dtype=dtype, padding=padding)

    def features(self, idx: Tensor, cache: KVCache | None = None) -> Tensor:
        """Read idx: (B, T) int64 after what the cache holds; return (B, T, C).

        Raises ValueError if idx is no (B, T) of whole numbers or does not fit the context.
        """
        past = cache.length if cache is not None else 0
        self._check(idx, past)
        if cache is not None and cache.keys.size(1) != idx.size(0):
            raise ValueError(
                f"the cache was made for {cache.keys.size(1)} rows, but {idx.size(0)} came"
            )
        T = idx.size(1)
        if cache is not None:
            positions, mask = cache.next_positions(T)  # (T,) or (B, T); None or (…, T, S)
        else:
            positions, mask = torch.arange(T, device=idx.device), None
        x = self._embed(idx)  # (B, T, C)
        rope = None
        if self.config.position == "learned":
            x = x + self.wpe(positions)
        elif self.config.position == "rope":
            rope = self._rope_at(positions, x.dtype)
        x = self.drop(x)
        for block in self.h:
            x = block(x, rope, mask, cache)
        if cache is not None:
            cache.length += T
        return self.ln_f(x)

    def head(self, h: Tensor) -> Tensor:
        """Logits (..., V) from features h: (..., C)."""
        logits = F.linear(h, self.wte.weight if self.config.tie_head else self.lm_head.weight)
        if (cap := self.config.logit_softcap) is not None:
            logits = cap * torch.tanh(logits / cap)
        return logits

    def forward(self, idx: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits (B, T, V) for idx: (B, T); position t holds the scores of token t + 1."""
        return self.head(self.features(idx, cache))

    def _embed(self, idx: Tensor) -> Tensor:
        try:
            return self.wte(idx)
        except IndexError:
            raise ValueError(
                f"token ids from {int(idx.min())} to {int(idx.max())} came, but the vocabulary "
                f"holds 0 to {self.config.vocab_size - 1}: was the text encoded by this model's "
                "tokenizer?"
            ) from None

    def _rope_at(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if self._rope is None or self._rope[0].device != positions.device:
            self._rope = rotary_table(self.config, self.config.block_size, positions.device)
        cos, sin = (table[positions].to(dtype) for table in self._rope)  # (T, D) or (B, T, D)
        if positions.dim() == 2:
            cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)  # (B, 1, T, D)
        return cos, sin

    def _check(self, idx: Tensor, past: int) -> None:
        if idx.dim() != 2 or idx.dtype not in (torch.int64, torch.int32) or idx.numel() == 0:
            raise ValueError(
                "token ids must be int64 of shape (B, T) with B, T >= 1, not "
                f"{str(idx.dtype).removeprefix('torch.')} of shape {tuple(idx.shape)}"
            )
        if past + idx.size(1) > self.config.block_size:
            raise ValueError(
                f"{past + idx.size(1)} tokens do not fit block_size={self.config.block_size}: "
                "shorten the input (minigpt.generate slides the window for you)"
            )
