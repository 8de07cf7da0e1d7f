"""The shape of a GPT: one frozen, validated dataclass and three presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

NORMS = ("layernorm", "rmsnorm")
MLPS = ("gelu", "swiglu", "relu2")
POSITIONS = ("learned", "rope", "none")


@dataclass(frozen=True)
class GPTConfig:
    """Everything that decides the shape of a `GPT` and how it computes.

    The defaults are GPT-2's choices at a size for a laptop. Raises ValueError for any value
    that cannot be built, with what came and what is allowed.
    """

    vocab_size: int
    block_size: int = 256  # longest context, in tokens
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128  # width C of the residual stream
    n_kv_head: int | None = None  # grouped-query attention; None: as many as n_head
    head_dim: int | None = None  # None: n_embd / n_head
    mlp_hidden: int | None = None  # width inside the MLP; None: 4 * n_embd
    norm: str = "layernorm"  # "layernorm" (GPT-2) or "rmsnorm" (Llama)
    norm_eps: float = 1e-5
    mlp: str = "gelu"  # "gelu" (GPT-2, tanh form), "swiglu" (Llama) or "relu2"
    position: str = "learned"  # "learned" (GPT-2), "rope" (Llama) or "none"
    rope_theta: float = 10_000.0
    qk_norm: bool = False  # normalise queries and keys, without weights (2302.05442)
    qk_gain: float = 1.0  # multiplies queries; normalised, scores lie within gain * sqrt(D)
    bias: bool = True  # in linear layers and layer norms
    tie_head: bool = True  # the output head reuses the token embedding (1608.05859)
    logit_softcap: float | None = None  # c: logits become c * tanh(logits / c) (2408.00118)
    n_gram: int = 1  # tokens whose embeddings make an input: its own and those just before it
    embed_std: float = 0.02  # size of the token embeddings at the start
    zero_init: bool = False  # projections into the residual stream start at zero
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "n_gram"):
            _need_positive_int(name, getattr(self, name))
        for name in ("n_kv_head", "head_dim", "mlp_hidden"):
            if getattr(self, name) is not None:
                _need_positive_int(name, getattr(self, name))
        for name, allowed in (("norm", NORMS), ("mlp", MLPS), ("position", POSITIONS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {allowed}")
        if self.block_size < 2:
            raise ValueError(f"block_size={self.block_size}: at least 2 tokens are needed")
        if self.head_dim is None and self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd={self.n_embd} is not a multiple of n_head={self.n_head}: change one of "
                "them, or set head_dim"
            )
        if self.n_head % self.kv_heads:
            raise ValueError(
                f"n_head={self.n_head} is not a multiple of n_kv_head={self.kv_heads}: each group "
                "of query heads shares one key-value head"
            )
        if self.position == "rope" and self.head_width % 2:
            raise ValueError(
                f"rotary positions turn pairs of numbers, but a head is {self.head_width} wide: "
                "choose an even width"
            )
        if not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ValueError(f"dropout={self.dropout!r}: choose 0 <= dropout < 1")
        for name in ("norm_eps", "rope_theta", "embed_std", "qk_gain", "logit_softcap"):
            value = getattr(self, name)
            if name == "logit_softcap" and value is None:
                continue
            if not (_is_number(value) and 0 < value < float("inf")):
                raise ValueError(f"{name}={value!r}: must be a number greater than 0")
        for name in ("qk_norm", "bias", "tie_head", "zero_init"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}={getattr(self, name)!r}: choose True or False")

    @property
    def kv_heads(self) -> int:
        """Number of key-value heads."""
        return self.n_head if self.n_kv_head is None else self.n_kv_head

    @property
    def head_width(self) -> int:
        """Width D of one head."""
        return self.n_embd // self.n_head if self.head_dim is None else self.head_dim

    @property
    def hidden(self) -> int:
        """Width inside the MLP."""
        return 4 * self.n_embd if self.mlp_hidden is None else self.mlp_hidden

    @classmethod
    def gpt2(cls, **changes: Any) -> GPTConfig:
        """GPT-2 small as published (Radford et al. 2019), 124 M parameters; change any field."""
        shape: dict[str, Any] = {
            "vocab_size": 50_257,
            "block_size": 1_024,
            "n_layer": 12,
            "n_head": 12,
            "n_embd": 768,
        }
        return cls(**(shape | changes))

    @classmethod
    def llama(cls, **changes: Any) -> GPTConfig:
        """The Llama family at SmolLM2-135M's size (2302.13971, 2502.02737); change any field."""
        shape: dict[str, Any] = {
            "vocab_size": 49_152,
            "block_size": 2_048,
            "n_layer": 30,
            "n_head": 9,
            "n_kv_head": 3,
            "n_embd": 576,
            "mlp_hidden": 1_536,
            "norm": "rmsnorm",
            "mlp": "swiglu",
            "position": "rope",
            "rope_theta": 100_000.0,
            "bias": False,
        }
        return cls(**(shape | changes))

    @classmethod
    def fast(cls, **changes: Any) -> GPTConfig:
        """A small model that learns in few steps on a CPU; change any field.

        What saves steps (benchmarks/results/README.md has how many):
        inputs of the last 2 tokens, or 4 characters (Bengio et al. 2003, JMLR 3): the nearest
            context comes without a layer; n_gram=1 leaves it to attention (induction heads).
        rotary positions (2104.09864): no position table to learn.
        squared ReLU (2109.08668): fewer steps than GELU, and a cheaper function.
        untied head: input and output embeddings may have different sizes.
        query-key norm (2302.05442): attention stays soft at high rates.
        embeddings nearly as large as what the blocks add: the first updates are not drowned.
        What is there for larger models, and costs nothing:
        zero-initialised projections (2203.03466): every block starts as the identity.
        RMSNorm (1910.07467), no biases: fewer weights, same loss.
        """
        shape: dict[str, Any] = {
            "vocab_size": 512,
            "block_size": 128,
            "n_layer": 2,
            "n_head": 2,
            "n_embd": 128,
            "norm": "rmsnorm",
            "mlp": "relu2",
            "position": "rope",
            "qk_norm": True,
            "bias": False,
            "tie_head": False,
            "n_gram": 2,
            "embed_std": 0.5,
            "zero_init": True,
        }
        if changes.get("vocab_size") in range(257):  # characters or bytes: each says little alone
            shape["n_gram"] = 4
        return cls(**(shape | changes))

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> GPTConfig:
        """Inverse of `to_dict`. Raises ValueError that names unknown or missing fields."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            raise ValueError(f"unknown fields {unknown} in a GPTConfig; known: {sorted(known)}")
        if "vocab_size" not in fields:
            raise ValueError("a GPTConfig needs vocab_size, and it is missing")
        return cls(**fields)


def _need_positive_int(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r}: must be a whole number of at least 1")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
