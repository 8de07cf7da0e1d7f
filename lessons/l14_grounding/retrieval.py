"""Finding papers: by shared words, BM25, latent topics, and a model's own vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import bm25s
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline

from lessons.world.corpus import encode
from minigpt import GPT, BPETokenizer
from minigpt.modes import evaluating
from minigpt.tokenizer import END

TOPICS = (100, 300, 600)  # dimensions of the latent spaces that are compared


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return re.findall(r"\w+", text.lower())


class Retriever(Protocol):
    """Finds the texts that fit a query best."""

    def search(self, query: str, k: int) -> list[int]:
        """The numbers of the k best texts, best first. Raises ValueError if there are fewer."""


def _check(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"k={k}: there are {n} texts; choose 1 to {n}")


class SharedWords:
    """Words in common, each counted once and all alike: the naive search."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._words = [{*words(text)} for text in texts]

    def search(self, query: str, k: int) -> list[int]:
        _check(k, len(self._words))
        asked = {*words(query)}
        shared = [len(asked & some) for some in self._words]
        return sorted(range(len(shared)), key=lambda i: -shared[i])[:k]


class BM25:
    """Words in common, rare ones first (Robertson and Zaragoza 2009), by the library bm25s."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._index = bm25s.BM25(method="lucene")
        self._index.index([words(text) for text in texts], show_progress=False)
        self._n = len(texts)

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of every text: (N,)."""
        known = [word for word in words(query) if word in self._index.vocab_dict]
        if not known:
            return np.zeros(self._n, dtype=np.float32)
        return np.asarray(self._index.get_scores(known))

    def search(self, query: str, k: int) -> list[int]:
        _check(k, self._n)
        return [int(i) for i in np.argsort(-self.scores(query), kind="stable")[:k]]


class Topics:
    """Nearest by cosine in a latent space (Deerwester et al. 1990), by scikit-learn.

    The space: the table of word counts, damped and weighted by rareness (tf-idf), squeezed.
    """

    def __init__(self, texts: Sequence[str], dimensions: int = TOPICS[0]) -> None:
        weights = TfidfVectorizer(analyzer=words, sublinear_tf=True)
        few = min(dimensions, len(texts))
        self._space: Pipeline = make_pipeline(weights, TruncatedSVD(few, random_state=0))
        points = self._space.fit_transform(texts)
        self._near = NearestNeighbors(metric="cosine").fit(points)
        self._n = len(texts)

    def search(self, query: str, k: int) -> list[int]:
        _check(k, self._n)
        found = self._near.kneighbors(self._space.transform([query]), k, return_distance=False)
        return [int(i) for i in found[0]]


class Vectors:
    """Nearest by cosine among a GPT's last hidden states, mean over tokens, centred."""

    def __init__(self, model: GPT, tokenizer: BPETokenizer, texts: Sequence[str]) -> None:
        self._model, self._tokenizer, self._n = model, tokenizer, len(texts)
        vectors = np.stack([self._vector(text) for text in texts])  # (N, C)
        self._mean = vectors.mean(axis=0)
        self._near = NearestNeighbors(metric="cosine").fit(vectors - self._mean)

    def _vector(self, text: str) -> NDArray[np.float32]:
        ids = [self._tokenizer.special_tokens[END], *encode(self._tokenizer, text)]
        with evaluating(self._model), torch.inference_mode():
            hidden = self._model.features(torch.tensor([ids], device=self._model.device))
        return np.asarray(hidden[0].mean(dim=0).float().cpu())

    def search(self, query: str, k: int) -> list[int]:
        _check(k, self._n)
        point = self._vector(query) - self._mean
        found = self._near.kneighbors(point[None], k, return_distance=False)
        return [int(i) for i in found[0]]


def recall_at_k(found: Sequence[Sequence[int]], wanted: Sequence[int], k: int) -> float:
    """The share of queries whose wanted text is among the first k found (the hit rate, as long as
    one text is wanted a query). Raises ValueError for no queries."""
    if not wanted:
        raise ValueError("no queries")
    return sum(want in some[:k] for some, want in zip(found, wanted, strict=True)) / len(wanted)
