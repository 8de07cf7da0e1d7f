"""Byte-pair encoding itself: learning merges from counted words, and applying them to a word."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from itertools import pairwise


def learn_merges(pieces: Counter[str], count: int) -> list[tuple[int, int]]:
    """The `count` most frequent merges, one after the other, of pieces with their counts.

    Returns pairs of ids; merge number n makes token 256 + n. Incremental: a merge touches only
    the words that hold its pair, and a heap (with outdated entries skipped) finds the next one.
    """
    words = [list(piece.encode("utf-8")) for piece in pieces]
    frequency = list(pieces.values())
    counts: Counter[tuple[int, int]] = Counter()
    where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for number, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += frequency[number]
            where[pair].add(number)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)
    merges: list[tuple[int, int]] = []
    while heap and len(merges) < count:
        negative, pair = heapq.heappop(heap)
        if -negative != counts[pair] or negative == 0:
            continue  # outdated: the pair was counted again since
        token = 256 + len(merges)
        merges.append(pair)
        changed = set()
        for number in where.pop(pair):
            word = words[number]
            for old in pairwise(word):
                counts[old] -= frequency[number]
                changed.add(old)
            words[number] = word = _join(word, pair, token)
            for new in pairwise(word):
                counts[new] += frequency[number]
                where[new].add(number)
                changed.add(new)
        for other in changed - {pair}:
            heapq.heappush(heap, (-counts[other], other))
    return merges


def _join(word: list[int], pair: tuple[int, int], token: int) -> list[int]:
    """Replace each `pair` in `word` by `token`, from left to right."""
    joined: list[int] = []
    for right in word:
        if joined and right == pair[1] and joined[-1] == pair[0]:
            joined[-1] = token
        else:
            joined.append(right)
    return joined


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
