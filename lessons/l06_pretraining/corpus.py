"""The lesson's text: the Python reference that ships with Python, split by article.

Many of its paragraphs occur more than once, some with a word changed. A copy of a training
paragraph among the held-out ones would pass for learning, so repeats are removed before the
split, near repeats after it (decontamination), and the overlap that is left is measured.
"""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minigpt.data import load_text

HELD_OUT = 0.1  # part of the text
LONGEST_HELD_OUT = 0.05  # an article longer than this part of the text is never held out
GRAM = 64  # characters
MOST_OVERLAP = 0.01  # part of held-out 64-grams that also stand in the training part


@dataclass(frozen=True)
class Split:
    """Articles to train on and articles held out."""

    train: list[str]
    held_out: list[str]

    @property
    def held_out_bytes(self) -> int:
        return sum(len(article.encode()) for article in self.held_out)


def articles(path: str | None = None) -> list[str]:
    """Texts without repeated paragraphs: the Python reference, or a text file of your own.

    A file is cut at lines that start a heading ("# ", or a line underlined by "***" or "===").
    Raises ValueError if fewer than 10 articles are left, with the remedy.
    """
    if path is None:
        # Imported by name: its type is a plain dictionary of topic names and texts.
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
        texts: Iterable[str] = (topics[name] for name in sorted(topics))
    else:
        texts = _cut(load_text(Path(path)))
    seen: set[str] = set()
    kept = []
    for text in texts:
        paragraphs = []
        for paragraph in re.split(r"\n\s*\n", text):
            key = " ".join(paragraph.split())
            if key and key not in seen:
                seen.add(key)
                paragraphs.append(paragraph.rstrip())
        if paragraphs:
            kept.append("\n\n".join(paragraphs) + "\n")
    if len(kept) < 10:
        raise ValueError(
            f"{len(kept)} articles came, at least 10 are needed to hold some out: choose a longer "
            "text, or separate its parts by headings or blank lines"
        )
    return kept


def _cut(text: str) -> list[str]:
    """Parts of a text at its headings; without headings, runs of paragraphs of 4,000 characters."""
    parts = re.split(r"\n(?=#+ |[^\n]+\n[*=]{3,}\n)", text)
    if len(parts) >= 10:
        return parts
    parts = [""]
    for paragraph in re.split(r"\n\s*\n", text):
        if len(parts[-1]) > 4_000:
            parts.append("")
        parts[-1] += paragraph + "\n\n"
    return parts


def split_articles(texts: list[str], seed: int) -> Split:
    """Hold out whole articles, drawn at random, until they are a tenth of the text.

    Training paragraphs that share a 64-gram with the held-out part are dropped.
    """
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    total = sum(map(len, texts))
    held: set[int] = set()
    size = 0
    for number in order:
        if size < HELD_OUT * total and len(texts[number]) <= LONGEST_HELD_OUT * total:
            held.add(number)
            size += len(texts[number])
    held_out = [texts[number] for number in sorted(held)]
    held_grams = {gram for text in held_out for gram in _grams(text)}
    train = []
    for number, text in enumerate(texts):
        if number not in held:
            paragraphs = text.removesuffix("\n").split("\n\n")
            clean = [p for p in paragraphs if held_grams.isdisjoint(_grams(p))]
            if clean:
                train.append("\n\n".join(clean) + "\n")
    return Split(train, held_out)


def overlap(split: Split) -> float:
    """Part of the held-out 64-grams (characters) that the training part holds as well."""
    known = {gram for text in split.train for gram in _grams(text)}
    found = [gram in known for text in split.held_out for gram in _grams(text)]
    return sum(found) / len(found)


def _grams(text: str) -> Iterable[str]:
    return (text[i : i + GRAM] for i in range(len(text) - GRAM + 1))
