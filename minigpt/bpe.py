"""Byte-pair encoding itself: learning merges from counted words, and applying them to a word."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from itertools import pairwise

Pair = tuple[int, int]


class _Words:
    """All words as linked lists of tokens, and where each pair of neighbours stands in them."""

    def __init__(self, pieces: Counter[str]) -> None:
        self.ids: list[int] = []
        self.before: list[int] = []  # index of the neighbour, or -1 at a word's end
        self.after: list[int] = []
        self.times: list[int] = []  # how often the word occurs
        for piece, times in pieces.items():
            word = piece.encode("utf-8")
            start, end = len(self.ids), len(self.ids) + len(word)
            self.ids += word
            self.before += [-1, *range(start, end - 1)]
            self.after += [*range(start + 1, end), -1]
            self.times += [times] * len(word)
        self.counts: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)  # where its left half stands
        for at in range(len(self.ids)):
            self._note(at)

    def _note(self, at: int) -> Pair | None:
        """Count the pair that begins at `at`, if one does."""
        if at < 0 or self.after[at] < 0:
            return None
        pair = self.ids[at], self.ids[self.after[at]]
        self.counts[pair] += self.times[at]
        self.where[pair].add(at)
        return pair

    def _forget(self, at: int) -> Pair | None:
        if at < 0 or self.after[at] < 0:
            return None
        pair = self.ids[at], self.ids[self.after[at]]
        self.counts[pair] -= self.times[at]
        self.where[pair].discard(at)
        return pair

    def join(self, pair: Pair, token: int) -> set[Pair]:
        """Replace `pair` by `token` everywhere; returns the pairs whose counts changed."""
        changed: set[Pair | None] = set()
        for at in sorted(self.where[pair]):  # from left to right: "aaa" holds "aa" twice
            right = self.after[at]
            if right < 0 or (self.ids[at], self.ids[right]) != pair:
                continue
            changed |= {self._forget(place) for place in (self.before[at], at, right)}
            self.ids[at] = token
            self.after[at], self.after[right] = self.after[right], -1  # `right` is gone
            if self.after[at] >= 0:
                self.before[self.after[at]] = at
            changed |= {self._note(place) for place in (self.before[at], at)}
        return {other for other in changed if other is not None}


def learn_merges(pieces: Counter[str], count: int) -> list[Pair]:
    """The `count` most frequent merges, one after the other, of pieces with their counts.

    Returns pairs of ids; merge number n makes token 256 + n. Incremental: a merge touches only
    the places where its pair stands, so that all of them together take at most as many steps as
    the pieces have bytes; a heap (with outdated entries skipped) finds the next one.
    """
    words = _Words(pieces)
    heap = [(-n, pair) for pair, n in words.counts.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < count:
        negative, pair = heapq.heappop(heap)
        if negative == 0 or -negative != words.counts[pair]:
            continue  # outdated: the pair was counted again since
        for other in words.join(pair, 256 + len(merges)):
            heapq.heappush(heap, (-words.counts[other], other))
        merges.append(pair)
    return merges


def apply_merges(word: list[int], ranks: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Merge neighbours, the pair of lowest rank first and leftmost first, until none is left.

    A heap of candidate pairs over a doubly linked list: n log n, also for one endless word.
    """
    ids: list[int | None] = list(word)
    after = [*range(1, len(word)), -1]
    before = list(range(-1, len(word) - 1))
    heap = [(ranks[pair][0], at, *pair) for at, pair in enumerate(pairwise(word)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        _, at, left, right = heapq.heappop(heap)
        follower = after[at]
        if ids[at] != left or follower < 0 or ids[follower] != right:
            continue  # outdated: one of the two was merged since
        ids[at], ids[follower] = ranks[left, right][1], None
        after[at] = after[follower]
        if after[at] >= 0:
            before[after[at]] = at
        for start in (before[at], at):
            end = after[start] if start >= 0 else -1
            if end >= 0 and (pair := (ids[start], ids[end])) in ranks:
                heapq.heappush(heap, (ranks[pair][0], start, *pair))
    return [token for token in ids if token is not None]
