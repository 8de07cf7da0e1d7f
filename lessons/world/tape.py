"""The random source of the world: every choice goes through a tape, which adds up its bits.

A document is a function of the choices made for it, so -log2 of their probability is an upper
bound on the document's own information, given the truth table (Shannon 1948). The sum over a
corpus bounds the corpus's entropy: no model can be expected to code it in less, and a model that
comes close has nothing left to learn.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Tape:
    """A seeded source of choices; `bits` is -log2 of the probability of all choices so far.

    >>> tape = Tape("example")
    >>> tape.choice("abcd") in "abcd", tape.bits
    (True, 2.0)
    """

    def __init__(self, *keys: object) -> None:
        """Equal keys (numbers or strings) give equal choices, on every machine."""
        text = "\x1f".join(map(str, keys))
        self._random = random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
        self.bits = 0.0

    def index(self, n: int) -> int:
        """A whole number from 0 to n - 1, all equally likely. Raises ValueError if n < 1."""
        if n < 1:
            raise ValueError(f"cannot choose among {n} options: at least one is needed")
        self.bits += math.log2(n)
        return self._draw(n)

    def _draw(self, n: int) -> int:
        return int(self._random.random() * n)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.index(len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of the options, with probabilities in proportion to `weights`."""
        if len(options) != len(weights) or min(weights, default=0) < 0 or sum(weights) <= 0:
            raise ValueError(
                f"{len(options)} options need as many weights, none negative, not {weights}"
            )
        return options[self._weighted(weights)]

    def _weighted(self, weights: Sequence[float]) -> int:
        total = sum(weights)
        at = self._point(weights)
        self.bits -= math.log2(weights[at] / total)
        return at

    def _point(self, weights: Sequence[float]) -> int:
        left = self._random.random() * sum(weights)
        last = 0
        for at, weight in enumerate(weights):
            if weight > 0:
                last = at
                if left < weight:
                    return at
            left -= weight
        return last  # rounding

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        if not 0 <= probability <= 1:
            raise ValueError(f"probability={probability}: choose 0 to 1")
        return self._weighted([1 - probability, probability]) == 1

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.index(high - low + 1)

    def sample(self, options: Sequence[T], n: int) -> list[T]:
        """n different options in random order. Raises ValueError if there are fewer."""
        if n > len(options):
            raise ValueError(f"cannot take {n} different ones of {len(options)} options")
        left = list(options)
        return [left.pop(self.index(len(left))) for _ in range(n)]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All options in random order."""
        return self.sample(options, len(options))

    def dirichlet(self, n: int) -> list[float]:
        """n probabilities drawn evenly from all that sum to 1.

        Adds no bits: what is drawn is a number without end, and never written. Whoever uses it
        adds the bits of what is written (see tasks/markov.py).
        """
        parts = [-math.log(1 - self._random.random()) for _ in range(n)]
        return [part / sum(parts) for part in parts]

    def until(self, make: Callable[[], T], accept: Callable[[T], bool], tries: int = 1000) -> T:
        """What `make` returns first that is accepted; only the last try's bits count.

        That keeps the bound: leaving options out makes those that remain more probable, never
        less. Raises RuntimeError after `tries` refusals.
        """
        before = self.bits
        for _ in range(tries):
            self.bits = before
            if accept(made := make()):
                return made
        raise RuntimeError(f"nothing was accepted in {tries} tries: the condition is too narrow")


class _Replay(Tape):
    """A tape whose choices are given, to walk through all of them."""

    def __init__(self, given: list[int]) -> None:
        super().__init__("replay")
        self.given, self.at = given, 0
        self.sizes: list[list[int]] = []  # the possible indices at each choice

    def _next(self, possible: list[int]) -> int:
        if self.at == len(self.given):
            self.given.append(possible[0])
        self.sizes.append(possible)
        self.at += 1
        return self.given[self.at - 1]

    def _draw(self, n: int) -> int:
        return self._next(list(range(n)))

    def _point(self, weights: Sequence[float]) -> int:
        return self._next([i for i, weight in enumerate(weights) if weight > 0])

    def dirichlet(self, n: int) -> list[float]:
        raise ValueError("a family that draws probabilities has too many outcomes to enumerate")

    def until(self, make: Callable[[], T], accept: Callable[[T], bool], tries: int = 1000) -> T:
        made = make()
        if not accept(made):
            raise _Refused
        return made


class _Refused(Exception):
    pass


def enumerate_outcomes(make: Callable[[Tape], T]) -> Iterator[tuple[T, float]]:
    """Every outcome of `make` with the bits of its choices; what `until` refuses is left out.

    Several paths may lead to one outcome. For small families only: the number of paths is the
    product of the numbers of options.
    """
    given: list[int] = []
    while True:
        tape = _Replay(given)
        with suppress(_Refused):
            yield make(tape), tape.bits
        del given[tape.at :]
        while given:
            possible = tape.sizes[len(given) - 1]
            after = possible.index(given[-1]) + 1
            if after < len(possible):
                given[-1] = possible[after]
                break
            given.pop()
        else:
            return
