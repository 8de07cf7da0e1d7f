"""How words lie in a space: categories, neighbours, analogies, and counts to compare with.

N words, each a row of a matrix of vectors, (N, C). Nearness is the cosine between two vectors
after the mean vector has been taken off: see `centred`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lessons.world.language import HE_NAMES, SHE_NAMES
from lessons.world.lore_language import RELATIONS
from lessons.world.truth import ATTRIBUTES
from lessons.world.words import WORDS
from minigpt import GPT, BPETokenizer
from minigpt.tokenizer import END

NEAREST = 10  # neighbours that purity looks at
SHUFFLES = 200
WINDOW = 4  # tokens to each side that count as neighbours in the text
NAMES = {
    "job": "trades", "town": "towns", "dish": "dishes", "pet": "pets",
    "instrument": "instruments", "door": "colours",
}  # fmt: skip


@cache
def categories() -> dict[str, tuple[str, ...]]:
    """Eight categories of words that Fernhollow's texts keep apart, and their 208 words."""
    found = {NAMES[attribute]: words for attribute, words in ATTRIBUTES.items()}
    return found | {"women": SHE_NAMES, "men": HE_NAMES}


@cache
def everyday() -> dict[str, tuple[str, ...]]:
    """Eleven categories of everyday nouns, for a model that has read real text."""
    found: dict[str, list[str]] = {}
    for word in WORDS:
        if word.sub:
            found.setdefault(word.sub, []).append(word.text)
    return {name: tuple(words) for name, words in found.items()}


def token_ids(tokenizer: BPETokenizer, words: Iterable[str]) -> list[int | None]:
    """Each word's token, with the blank before it; None for a word of several tokens."""
    encoded = (tokenizer.encode(f" {word}") for word in words)
    return [ids[0] if len(ids) == 1 else None for ids in encoded]


def labelled(
    tokenizer: BPETokenizer, groups: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[int], Tensor]:
    """Words that are one token, their ids, and the number of the category of each, (N,)."""
    words, ids, labels = [], [], []
    for number, members in enumerate(groups.values()):
        for word, token in zip(members, token_ids(tokenizer, members), strict=True):
            if token is not None:
                words.append(word)
                ids.append(token)
                labels.append(number)
    return words, ids, torch.tensor(labels)


def centred(vectors: Tensor) -> Tensor:
    """Vectors (N, C) without their mean, each divided by its length."""
    return F.normalize(vectors.double() - vectors.double().mean(0), dim=-1)


def neighbours(vectors: Tensor, k: int = NEAREST) -> Tensor:
    """The numbers of the k nearest other rows of each row, nearest first: (N, k)."""
    unit = centred(vectors)
    cosines = (unit @ unit.T).fill_diagonal_(-torch.inf)  # (N, N)
    return cosines.topk(k, dim=-1).indices


def purity(near: Tensor, labels: Tensor) -> Tensor:
    """For each category, the share of its words' neighbours (N, k) that belong to it, too."""
    same = (labels[near] == labels[:, None]).double().mean(-1)  # (N,)
    return torch.stack([same[labels == label].mean() for label in labels.unique()])


def shuffled(near: Tensor, labels: Tensor, seed: int = 0) -> Tensor:
    """The purity of each category with labels exchanged at random: mean of SHUFFLES times."""
    generator = torch.Generator().manual_seed(seed)
    orders = (torch.randperm(len(labels), generator=generator) for _ in range(SHUFFLES))
    return torch.stack([purity(near, labels[order]) for order in orders]).mean(0)


def tables(model: GPT) -> dict[str, Tensor]:
    """The two tables of words of a model, (V, C) each: what is put in, what comes out."""
    head = model.wte.weight if model.lm_head is None else model.lm_head.get_parameter("weight")
    return {"input": model.wte.weight.detach(), "output": head.detach()}


# --- counts -------------------------------------------------------------------------------------


def near_pairs(rows: np.ndarray, end: int, ignored: int, window: int = WINDOW) -> np.ndarray:
    """Both orders of any two tokens of one document at most `window` apart in rows (B, T): (N, 2).

    `end` stands before each document, `ignored` is padding; neither is in a pair.
    """
    document = (rows == end).cumsum(1)
    there = (rows != ignored) & (rows != end)
    found = []
    for step in range(1, window + 1):
        left, right = slice(None, -step), slice(step, None)
        both = (document[:, left] == document[:, right]) & there[:, left] & there[:, right]
        pairs = np.stack([rows[:, left][both], rows[:, right][both]], axis=1)
        found += [pairs, pairs[:, ::-1]]
    return np.concatenate(found)


class Counts:
    """How often tokens stand within WINDOW of each other in one document: (V, V)."""

    def __init__(self, tokenizer: BPETokenizer) -> None:
        self.end = tokenizer.special_tokens[END]
        self.size = tokenizer.vocab_size
        self.table = np.zeros(self.size * self.size, dtype=np.int64)

    def add(self, rows: np.ndarray, ignored: int) -> None:
        """Count in windows (B, T); `ignored` is padding."""
        a, b = near_pairs(rows.astype(np.int64), self.end, ignored).T
        self.table += np.bincount(a * self.size + b, minlength=len(self.table))

    def vectors(self, ids: Sequence[int]) -> dict[str, Tensor]:
        """The rows of these tokens, (N, V): raw counts, and positive mutual information.

        The latter is max(0, log p(a, b) / (p(a) p(b))): how much oftener than by chance.
        """
        table = torch.from_numpy(self.table).view(self.size, self.size).double()
        total, each = table.sum(), table.sum(1)
        raw = table[list(ids)]
        expected = each[list(ids), None] * each / total
        ppmi = (raw / expected.clamp(min=1e-9)).clamp(min=1).log()
        return {"counts": raw, "mutual information": ppmi}


# --- analogies ----------------------------------------------------------------------------------


def relations() -> dict[str, list[tuple[str, str]]]:
    """The nine relations of the two grids that texts tell: name -> (a, b) of each of 16 rows."""
    return {f"{r.a} : {r.b}": r.rows for r in RELATIONS if r.kind in ("craft", "animal")}


@cache
def _whole(tokenizer: BPETokenizer) -> tuple[int, ...]:
    pieces = ((token, tokenizer.decode([token])) for token in range(tokenizer.vocab_size))
    return tuple(token for token, piece in pieces if re.fullmatch(" [a-z]+", piece))


WAYS = ("b - a + c", "inputs allowed", "nearest to c", "nearest to b", "nearest to b + c")


def analogies(
    table: Tensor, tokenizer: BPETokenizer, pairs: Sequence[tuple[str, str]]
) -> dict[str, float]:
    """The share of a : b = c : ? that each of WAYS answers rightly, over all pairs of rows.

    `table`: vectors of the whole vocabulary, (V, C). Candidates are all tokens that are a space
    and small letters, without a, b and c (but for "inputs allowed", which is b - a + c with them).
    """
    candidates = torch.tensor(_whole(tokenizer))
    unit = centred(table[candidates])  # (N, C)
    at = {int(token): row for row, token in enumerate(candidates)}
    rows = []
    for a, b in pairs:
        ids = token_ids(tokenizer, (a, b))
        if None in ids:
            raise ValueError(f"{(a, b)}: not one token each in this vocabulary")
        rows.append([at[int(token)] for token in ids if token is not None])
    right = dict.fromkeys(WAYS, 0)
    asked = [(first, second) for first in rows for second in rows if first[0] != second[0]]
    for (i, j), (k, answer) in asked:
        a, b, c = unit[[i, j, k]]
        targets = (b - a + c, b - a + c, c, b, b + c)
        for way, target in zip(WAYS, targets, strict=True):
            scores = unit @ target  # (N,)
            if way != "inputs allowed":
                scores[[i, j, k]] = -torch.inf
            right[way] += int(scores.argmax()) == answer
    return {way: count / len(asked) for way, count in right.items()}
