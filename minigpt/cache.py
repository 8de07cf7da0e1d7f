"""The key-value cache: what a model remembers of the tokens it has read, held outside of it."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import GPTConfig


class KVCache:
    """Keys and values of the tokens read so far, so that each is computed once.

    Passed to `GPT.forward` as an argument; the model itself holds no state. Room for
    `block_size` tokens. `padding[b]` leading tokens of row b are filler, for prompts of unequal
    length: no real token attends to them, and positions count from the first real token.
    """

    def __init__(
        self,
        config: GPTConfig,
        batch_size: int,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        padding: list[int] | None = None,
    ) -> None:
        """Raises ValueError if `padding` does not give one count below block_size per row."""
        if padding is not None and (
            len(padding) != batch_size or not all(0 <= p < config.block_size for p in padding)
        ):
            raise ValueError(
                f"padding must be {batch_size} counts from 0 to {config.block_size - 1}, one for "
                f"each row, not {padding}"
            )
        shape = (
            config.n_layer,
            batch_size,
            config.kv_heads,
            config.block_size,
            config.head_width,
        )
        self.keys = torch.zeros(shape, device=device, dtype=dtype)  # (L, B, G, block_size, D)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.length = 0  # tokens read so far, the same for every row
        self.padding: Tensor | None = None
        if padding is not None and any(padding):
            self.padding = torch.tensor(padding, device=device)  # (B,)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v: (B, G, T, D) after `length` tokens; return all so far: (B, G, S, D)."""
        end = self.length + k.size(2)
        self.keys[layer, :, :, self.length : end] = k
        self.values[layer, :, :, self.length : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def next_positions(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Positions of the next `count` tokens, and which of all S keys they may attend to.

        Returns positions (T,), or (B, T) with padding; and a bool mask (T, S) or (B, 1, T, S),
        or None where the plain causal rule (or, for one token, "all keys") is enough.
        """
        device = self.keys.device
        positions = torch.arange(self.length, self.length + count, device=device)  # (T,)
        if self.padding is None:
            if count == 1 or self.length == 0:
                return positions, None
            return positions, causal_mask(count, self.length + count, device)
        causal = causal_mask(count, self.length + count, device)  # (T, S)
        keys = torch.arange(self.length + count, device=device)  # (S,)
        real = keys >= self.padding[:, None, None]  # (B, 1, S)
        own = keys == positions[:, None]  # (T, S): filler sees itself, for softmax needs an input
        mask = causal & real | own  # (B, T, S)
        shifted = (positions - self.padding[:, None]).clamp(min=0)  # (B, T)
        return shifted, mask.unsqueeze(1)


def causal_mask(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """Bool (T, S): the last T of S tokens see themselves and all before them."""
    ones = torch.ones(queries, keys, dtype=torch.bool, device=device)
    return ones.tril(keys - queries)
