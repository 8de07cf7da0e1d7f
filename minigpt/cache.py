"""The key-value cache: what a model remembers of the tokens it has read, held outside of it."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import GPTConfig


class KVCache:
    """Keys and values of the tokens read so far, so that each is computed once.

    Passed to `GPT.forward` as an argument; the model itself holds no state. Room for `room`
    tokens, by default `block_size`. `padding[b]` leading tokens of row b are filler, for prompts
    of unequal length: no real token attends to them, and positions count from the first real one.
    """

    def __init__(
        self,
        config: GPTConfig,
        batch_size: int,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        padding: list[int] | None = None,
        room: int | None = None,
    ) -> None:
        """Raises ValueError if `padding` does not give one count below block_size per row, or
        `room` is not between 1 and block_size."""
        if padding is not None and (
            len(padding) != batch_size or not all(0 <= p < config.block_size for p in padding)
        ):
            raise ValueError(
                f"padding must be {batch_size} counts from 0 to {config.block_size - 1}, one for "
                f"each row, not {padding}"
            )
        room = config.block_size if room is None else room
        if not 1 <= room <= config.block_size:
            raise ValueError(f"room={room}: choose 1 to block_size={config.block_size}")
        shape = (batch_size, config.kv_heads, room, config.head_width)
        # Not zeroed: what is beyond `length` is never read, and on a CPU not even in memory.
        self.keys, self.values = (  # for each layer (B, G, room, D)
            [torch.empty(shape, device=device, dtype=dtype) for _ in range(config.n_layer)]
            for _ in range(2)
        )
        self.batch_size, self.room = batch_size, room
        self.no_token = config.vocab_size
        self.recent = torch.full((batch_size, config.n_gram - 1), self.no_token, device=device)
        self.length = 0  # tokens read so far, the same for every row
        self.padding: Tensor | None = None
        self._longest_padding = max(padding or [0])
        if padding is not None and any(padding):
            self.padding = torch.tensor(padding, device=device)  # (B,)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v: (B, G, T, D) after `length` tokens; return all so far: (B, G, S, D)."""
        keys, values, count = self.keys[layer], self.values[layer], k.size(2)
        end = self.length + count
        keys.narrow(2, self.length, count).copy_(k)
        values.narrow(2, self.length, count).copy_(v)
        return keys.narrow(2, 0, end), values.narrow(2, 0, end)

    def extend_ids(self, idx: Tensor) -> Tensor:
        """The last n = n_gram - 1 ids and idx: (B, T), together (B, n + T); remembers the end.

        Where a row has no token yet, its filler included, stands `vocab_size`.
        """
        if self.padding is not None and self.length < self._longest_padding:
            columns = torch.arange(self.length, self.length + idx.size(1), device=idx.device)
            idx = idx.masked_fill(columns < self.padding[:, None], self.no_token)
        ids = torch.cat([self.recent, idx], dim=1)
        self.recent.copy_(ids[:, idx.size(1) :])
        return ids

    def next_positions(self, count: int) -> tuple[slice | Tensor, Tensor | None]:
        """Positions of the next `count` tokens, and which of all S keys they may attend to.

        Returns positions as a slice, or (B, T) with padding: an index into a table of positions;
        and a bool mask (T, S) or (B, 1, T, S), or None where the plain causal rule (or, for one
        token, "all keys") is enough.
        """
        end = self.length + count
        device = self.keys[0].device
        if self.padding is None:
            plain = count == 1 or self.length == 0
            mask = None if plain else causal_mask(count, end, device)
            return slice(self.length, end), mask
        positions = torch.arange(self.length, end, device=device)  # (T,)
        shifted = (positions - self.padding[:, None]).clamp(min=0)  # (B, T)
        keys = torch.arange(end, device=device)  # (S,)
        real = keys >= self.padding[:, None, None]  # (B, 1, S)
        if count == 1 and self.length >= self._longest_padding:  # the token itself is real
            return shifted, real.unsqueeze(1)
        own = keys == positions[:, None]  # (T, S): filler sees itself, for softmax needs an input
        mask = causal_mask(count, end, device) & real | own  # (B, T, S)
        return shifted, mask.unsqueeze(1)


def causal_mask(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """Bool (T, S): the last T of S tokens see themselves and all before them."""
    ones = torch.ones(queries, keys, dtype=torch.bool, device=device)
    return ones.tril(keys - queries)
