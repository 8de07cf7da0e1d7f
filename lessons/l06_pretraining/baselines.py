"""What a pretrained model has to beat: counting, with good smoothing, and file compressors."""

from __future__ import annotations

import gzip
import lzma
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

Context = tuple[int, ...]


class KneserNey:
    """Interpolated Kneser-Ney n-gram model (Kneser & Ney 1995; Chen & Goodman 1999).

    Each order subtracts a discount from its counts and gives what it saved to the next shorter
    context; the shortest gives to the uniform distribution, so nothing is impossible. Below the
    highest order, a token counts by how many different tokens it followed, not how often.
    """

    def __init__(self, tokens: Sequence[int], order: int, vocab_size: int) -> None:
        """tokens: the training stream. Raises ValueError for an order below 1."""
        if order < 1:
            raise ValueError(f"order={order}: an n-gram model needs n of at least 1")
        self.order, self.vocab_size = order, vocab_size
        counts: Counter[Context] = Counter(
            tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)
        )
        self.levels: list[_Level] = []  # of order n first, of order 1 last
        for _ in range(order):
            self.levels.append(_Level(counts))
            counts = Counter(gram[1:] for gram in counts)  # of each type, once

    def probability(self, context: Sequence[int], token: int) -> float:
        """p(token | context); only the last order - 1 tokens of the context count."""
        given = tuple(context[len(context) - self.order + 1 :]) if self.order > 1 else ()
        p = 1 / self.vocab_size
        for level in reversed(self.levels[len(self.levels) - len(given) - 1 :]):
            p = level.interpolate(given[len(given) - level.width :], token, p)
        return p

    def nats(self, tokens: Sequence[int]) -> float:
        """-log p of all tokens but the first, in nats."""
        return -sum(
            math.log(self.probability(tokens[max(0, i - self.order + 1) : i], tokens[i]))
            for i in range(1, len(tokens))
        )


class _Level:
    """Counts of one order, arranged by context."""

    def __init__(self, counts: Counter[Context]) -> None:
        self.width = len(next(iter(counts))) - 1  # tokens of context
        sizes = Counter(counts.values())
        rare = sizes[1] + 2 * sizes[2]
        self.discount = sizes[1] / rare if sizes[1] else 0.5  # Ney et al. 1994; no singletons: half
        self.counts = counts
        self.total: defaultdict[Context, int] = defaultdict(int)
        self.types: defaultdict[Context, int] = defaultdict(int)
        for gram, count in counts.items():
            self.total[gram[:-1]] += count
            self.types[gram[:-1]] += 1

    def interpolate(self, context: Context, token: int, shorter: float) -> float:
        total = self.total.get(context, 0)
        if not total:
            return shorter
        own = max(0.0, self.counts.get((*context, token), 0) - self.discount)
        saved = self.discount * self.types[context]
        return (own + saved * shorter) / total


def compressors() -> dict[str, Callable[[bytes], int]]:
    """Size of compressed bytes, by name. gzip looks back 32 kB, xz over the whole text."""
    return {
        "gzip": lambda data: len(gzip.compress(data, 9, mtime=0)),
        "xz": lambda data: len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
    }


def compressed_bits_per_byte(size: Callable[[bytes], int], train: bytes, held_out: bytes) -> float:
    """Bits that the held-out bytes cost when they follow the training bytes, per byte."""
    return 8 * (size(train + held_out) - size(train)) / len(held_out)
