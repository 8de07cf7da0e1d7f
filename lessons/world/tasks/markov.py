"""Markov chains over four symbols, drawn for each document: learnt in the prompt or not at all.

Each row of the chain's transition matrix is drawn evenly from all distributions (Dirichlet(1)),
so the best prediction in the prompt is known: (n_ab + 1) / (n_a + 4), where n_ab counts how often
b followed a, and n_a how often anything did (Edelman et al. 2024, arXiv:2402.11004). Whoever only
counts symbols, and not what they follow, gets no further than `unigram`.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines

NAME = "markov"
SPLITS = ("test", "train")
TRAIN_ITEMS = 1000  # what the baselines learn from
HEADER = "Chain:"
SYMBOLS = (" w", " x", " y", " z")  # each one token
LENGTHS = (32, 64, 128, 200, 256)  # of items' prompts, in symbols
_K = len(SYMBOLS)
_NUMBER = (250, 350)  # fewest and most symbols of a document
_SEEDS = 2**62


def sequence(tape: Tape, n: int) -> list[int]:
    """n symbols (indices into SYMBOLS) of a chain drawn anew; the first is any of the four.

    Adds `bits_of` the sequence to the tape: the chain itself is not written, so what counts is
    the probability of the symbols averaged over all chains.
    """
    before = tape.bits
    rows = [list(accumulate(tape.dirichlet(_K)))[:-1] for _ in range(_K)]
    symbol = tape.index(_K)
    symbols = [symbol]
    uniform_number = random.Random(tape.index(_SEEDS)).random  # much faster than n tape choices
    for _ in range(n - 1):
        symbol = bisect(rows[symbol], uniform_number())
        symbols.append(symbol)
    tape.bits = before + bits_of(symbols)
    return symbols


def bits_of(symbols: Sequence[int]) -> float:
    """-log2 of the probability of a sequence, averaged over all chains (Dirichlet-multinomial).

    Equal to the sum of -log2 of what `optimal` gives each symbol.
    """
    if not symbols:
        return 0.0
    counts = [[0] * _K for _ in range(_K)]
    for a, b in pairwise(symbols):
        counts[a][b] += 1
    nats = math.log(_K)
    for row in counts:
        nats += math.lgamma(sum(row) + _K) - math.lgamma(_K)
        nats -= sum(math.lgamma(count + 1) for count in row)
    return nats / math.log(2)


def document_of(symbols: Sequence[int]) -> str:
    """The symbols as a document."""
    return HEADER + "".join([SYMBOLS[symbol] for symbol in symbols])


def symbols_of(text: str) -> list[int]:
    """The symbols of a document or prompt. Raises ValueError where it is none."""
    header, *names = text.split()
    if header != HEADER:
        raise ValueError(f"a chain begins with {HEADER!r}, not {header!r}")
    return [SYMBOLS.index(" " + name) for name in names]


def _held_out(symbols: Sequence[int]) -> bool:
    """Whether no training document begins like this; the beginning decides."""
    return held_out("text", document_of(symbols[: LENGTHS[0]]))


def _drawn(tape: Tape, n: int, new: bool) -> list[int]:
    return tape.until(lambda: sequence(tape, n), lambda symbols: _held_out(symbols) == new)


def document(tape: Tape) -> str:
    """A header and 250 to 350 symbols."""
    return document_of(_drawn(tape, tape.integer(*_NUMBER), new=False))


def optimal(symbols: Sequence[int]) -> NDArray[np.float64]:
    """Bayes-optimal probabilities (n, 4): row i predicts symbol i from those before it."""
    counts, out = np.ones((_K, _K)), np.full((len(symbols), _K), 1 / _K)
    for at in range(1, len(symbols)):
        a, b = symbols[at - 1], symbols[at]
        out[at] = counts[a] / counts[a].sum()
        counts[a, b] += 1
    return out


def unigram(symbols: Sequence[int]) -> NDArray[np.float64]:
    """Probabilities (n, 4) from how often each symbol came before, whatever it followed."""
    seen = np.eye(_K)[np.asarray(symbols, dtype=int)]
    before = np.cumsum(seen, axis=0) - seen + 1
    return before / before.sum(axis=1, keepdims=True)


def uniform(symbols: Sequence[int]) -> NDArray[np.float64]:
    """Probabilities (n, 4), all 1/4."""
    return np.full((len(symbols), _K), 1 / _K)


def _next(symbols: Sequence[int]) -> NDArray[np.float64]:
    """Optimal probabilities (4,) of the symbol that comes after these."""
    after = [b for a, b in pairwise(symbols) if a == symbols[-1]]
    counts = np.bincount(after, minlength=_K) + 1
    return counts / counts.sum()


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Chains to continue by their most probable symbol, of each length in LENGTHS equally often.

    test: the first 32 symbols are held out. `meta["symbols"]` holds the prompt's symbols,
    `meta["probabilities"]` the optimal prediction.
    """
    check_split(split, SPLITS)
    made = []
    for at in range(n):
        length = LENGTHS[at % len(LENGTHS)]
        symbols = _drawn(tape, length, new=split == "test")
        prompt, best = document_of(symbols), _next(symbols)
        made.append(
            Item(
                prompt=prompt,
                answer=SYMBOLS[int(best.argmax())],
                choices=SYMBOLS,
                absent=(prompt,) if split == "test" else (),
                meta={"length": length, "symbols": symbols, "probabilities": best.tolist()},
            )
        )
    return made


def is_correct(item: Item, output: str) -> bool:
    """Whether the output's first symbol is a most probable one: equal counts are equally right."""
    first = " " + (output.split() or [""])[0]
    if first not in SYMBOLS:
        return False
    best = _next(symbols_of(item.prompt))
    return bool(best[SYMBOLS.index(first)] == best.max())


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines; "unigram": the symbol that was most common so far."""
    train = items(Tape(NAME, "baselines"), TRAIN_ITEMS, "train")
    common = [unigram([*item.meta["symbols"], 0])[-1].argmax() for item in items_]
    right = [is_correct(item, SYMBOLS[int(at)]) for item, at in zip(items_, common, strict=True)]
    return {
        **simple_baselines(items_, train, is_correct),
        "unigram": sum(right) / len(items_),
    }
