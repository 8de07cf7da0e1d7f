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
    """What `rotate` multiplies with at all positions: cosines and sines, each (length, D).

    (Su et al. 2021, 2104.09864.) The first half of the sines has a minus sign.
    """
    pairs = torch.arange(0, config.head_width, 2, device=device, dtype=torch.float32)
    frequency = 1.0 / config.rope_theta ** (pairs / config.head_width)  # (D/2,)
    positions = torch.arange(length, device=device, dtype=torch.float32)
    angle = torch.outer(positions, frequency)  # (length, D/2)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of x: (B, H, T, D) by its position's angle."""
    swapped = x.roll(x.size(-1) // 2, dims=-1)  # each number's partner in its place
    return torch.addcmul(x * cos, swapped, sin)


class ScaledDotProduct(nn.Module):
    """softmax(q k^T / sqrt(D)) v: a module of its own, so that hooks can reach it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """q: (B, H, T, D); k, v: (B, G, S, D); mask: bool, (T, S) or (B, 1, T, S).

        Without a mask a token sees all keys up to its own. Returns (B, H, T, D).
        """
        # is_causal is aligned to the top left, so it is right only if there are as many
        # queries as keys; one query alone may see every key.
        T, grouped = q.size(2), q.size(1) != k.size(1)
        causal = T > 1 and mask is None and k.size(2) == T
        dropout = self.dropout if self.training else 0.0
        if grouped and T == 1:  # one query a head: a group's heads are queries of one product
            B, G, _, D = k.shape
            y = F.scaled_dot_product_attention(q.reshape(B, G, -1, D), k, v, mask, dropout)
            return y.reshape(q.shape)
        return F.scaled_dot_product_attention(
            q, k, v, mask, dropout, is_causal=causal, enable_gqa=grouped
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
        # One product makes all queries, keys and values; they are heads of one tensor.
        heads = self.c_attn(x).view(B, T, H + 2 * G, D).transpose(1, 2)  # (B, H + 2G, T, D)
        qk, v = heads.split([H + G, G], dim=1)
        if self.config.qk_norm:
            qk = F.rms_norm(qk, (D,))
        if rope is not None:
            qk = rotate(qk, *rope)
        q, k = qk.split([H, G], dim=1)  # (B, H, T, D), (B, G, T, D)
        if self.config.qk_gain != 1:
            q = q * self.config.qk_gain
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
        self.dropout = config.dropout

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
        cache: KVCache | None,
    ) -> Tensor:
        x = x + F.dropout(self.attn(self.ln_1(x), rope, mask, cache), self.dropout, self.training)
        return x + F.dropout(self.mlp(self.ln_2(x)), self.dropout, self.training)


class GPT(nn.Module):
    """A decoder-only transformer: token ids in, logits of the next token out."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wte_back = nn.ModuleList(  # of the tokens 1, 2, ... places back; last row: no token
            [nn.Embedding(config.vocab_size + 1, config.n_embd) for _ in range(config.n_gram - 1)]
        )
        if config.position == "learned":
            self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.h = nn.ModuleList([Block(config, layer) for layer in range(config.n_layer)])
        self.ln_f = make_norm(config)
        self.lm_head: nn.Module | None = None  # tied: the token embedding is the head
        if not config.tie_head:
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self._rope: tuple[Tensor, Tensor] | None = None  # made when first needed
        self.apply(self._init_weights)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):  # what is added to the residual stream
                self._init_projection(weight)
            elif name.startswith("wte") and config.embed_std != 0.02:
                nn.init.normal_(weight, std=config.embed_std)

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
        """Number of parameters, frozen ones too; a tied head counts once."""
        return sum(weight.numel() for weight in self.parameters())

    def new_cache(
        self, batch_size: int, padding: list[int] | None = None, room: int | None = None
    ) -> KVCache:
        """An empty `KVCache` on this model's device, in its dtype."""
        return KVCache(
            self.config,
            batch_size,
            device=self.device,
            dtype=self.wte.weight.dtype,
            padding=padding,
            room=room,
        )

    def features(self, idx: Tensor, cache: KVCache | None = None) -> Tensor:
        """Read idx: (B, T) int64 after what the cache holds; return (B, T, C).

        Raises ValueError if idx is no (B, T) of whole numbers or does not fit the context.
        """
        self._check(idx, cache)
        T = idx.size(1)
        if cache is None:
            positions: slice | Tensor = slice(0, T)
            mask = None
        else:
            positions, mask = cache.next_positions(T)  # index into tables; None or (..., T, S)
        x = self._embed(idx, cache)  # (B, T, C)
        rope = None
        if self.config.position == "learned":
            x = x + self.wpe.weight[positions]  # (T, C) or (B, T, C)
        elif self.config.position == "rope":
            rope = self._rope_at(positions, x)
        x = F.dropout(x, self.config.dropout, self.training)
        for block in self.h:
            x = block(x, rope, mask, cache)
        if cache is not None:
            cache.length += T
        return self.ln_f(x)

    def head(self, h: Tensor) -> Tensor:
        """Logits (..., V) from features h: (..., C)."""
        logits = F.linear(h, self.wte.weight) if self.lm_head is None else self.lm_head(h)
        if (cap := self.config.logit_softcap) is not None:
            logits = cap * torch.tanh(logits / cap)
        return logits

    def forward(self, idx: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits (B, T, V) for idx: (B, T); position t holds the scores of token t + 1."""
        return self.head(self.features(idx, cache))

    def _embed(self, idx: Tensor, cache: KVCache | None) -> Tensor:
        try:
            x = self.wte(idx)  # (B, T, C)
        except IndexError:
            raise ValueError(
                f"token ids from {int(idx.min())} to {int(idx.max())} came, but the vocabulary "
                f"holds 0 to {self.config.vocab_size - 1}: was the text encoded by this model's "
                "tokenizer?"
            ) from None
        if n := len(self.wte_back):
            no_token = self.config.vocab_size
            ids = F.pad(idx, (n, 0), value=no_token) if cache is None else cache.extend_ids(idx)
            for back, table in enumerate(self.wte_back, start=1):  # ids: (B, n + T)
                x = x + table(ids[:, n - back : ids.size(1) - back])
        return x

    def _rope_at(self, positions: slice | Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The table's rows (T, D) or (B, 1, T, D), in the dtype and on the device of x."""
        if self._rope is None or self._rope[0].device != x.device or self._rope[0].dtype != x.dtype:
            with torch.inference_mode(False):  # a table made now must also do for training
                table = rotary_table(self.config, self.config.block_size, x.device)
                self._rope = table[0].to(x.dtype), table[1].to(x.dtype)
        cos, sin = self._rope[0][positions], self._rope[1][positions]  # (T, D) or (B, T, D)
        if cos.dim() == 3:
            cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)  # (B, 1, T, D)
        return cos, sin

    def _check(self, idx: Tensor, cache: KVCache | None) -> None:
        if idx.dim() != 2 or idx.dtype not in (torch.int64, torch.int32) or idx.numel() == 0:
            raise ValueError(
                "token ids must be int64 of shape (B, T) with B, T >= 1, not "
                f"{str(idx.dtype).removeprefix('torch.')} of shape {tuple(idx.shape)}"
            )
        total = idx.size(1) + (0 if cache is None else cache.length)
        if total > self.config.block_size:
            raise ValueError(
                f"{total} tokens do not fit block_size={self.config.block_size}: "
                "shorten the input (minigpt.generate slides the window for you)"
            )
        if cache is None:
            return
        if cache.batch_size != idx.size(0):
            raise ValueError(
                f"the cache was made for {cache.batch_size} rows, but {idx.size(0)} came"
            )
        if total > cache.room:
            raise ValueError(
                f"{total} tokens do not fit the cache's room={cache.room}: make a larger one"
            )
