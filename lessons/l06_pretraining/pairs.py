"""Minimal pairs: a held-out text goes on as it does, or with one thing wrong. Which is likelier?

The method of BLiMP (Warstadt et al. 2020, 1912.00582). Both texts of a pair have the same number
of tokens, so that a model without any training is right half the time; and for brackets and
indentation both ways round are equally frequent, so that counting single tokens does not help.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minigpt import GPT, BPETokenizer
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating

STRUCTURES = ("spelling", "common_words", "brackets", "indentation")
CONTEXT = 240  # characters shown before the place in question
MOST = 100  # pairs of each structure
CLOSING = ")]}"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Pair:
    """Two texts that differ at their end; `real` is what the held-out article says."""

    structure: str
    context: str
    real: str
    wrong: str


@dataclass(frozen=True)
class Coded:
    """A pair as tokens: what both share, and the two ends, equally long."""

    shared: list[int]
    real: list[int]
    wrong: list[int]


def make_pairs(
    train: Sequence[str], held_out: Sequence[str], tokenizer: BPETokenizer, seed: int
) -> dict[str, list[Pair]]:
    """Up to 100 pairs for each structure that the held-out articles hold, drawn by `seed`."""
    draw = random.Random(seed)
    words = Counter(re.findall(r"[a-z]+", " ".join(train).lower()))
    every_word = set(words) | set(re.findall(r"[a-z]+", " ".join(held_out).lower()))
    common = [word for word, _ in words.most_common(50) if len(word) > 1]
    makers: dict[str, Callable[[str], Iterator[Pair]]] = {
        "spelling": lambda text: _spelling(text, every_word, draw),
        "common_words": lambda text: _common_words(text, common, draw),
        "brackets": lambda text: _brackets(text, draw),
        "indentation": lambda text: _indentation(text, draw),
    }
    pairs = {}
    for structure, maker in makers.items():
        found = [
            pair
            for text in held_out
            for pair in maker(text)
            if encode_pair(tokenizer, pair) is not None
        ]
        draw.shuffle(found)
        if structure in ("brackets", "indentation"):
            found = _balanced(found)
        if found:
            pairs[structure] = found[:MOST]
    return pairs


def _context(text: str, at: int) -> str:
    return text[max(0, at - CONTEXT) : at]


def _spelling(text: str, every_word: set[str], draw: random.Random) -> Iterator[Pair]:
    """One letter of a word replaced, so that no word of the text results."""
    for match in re.finditer(r"(?<= )[a-z]{5,}(?=[ .,])", text):
        letters = list(match[0])
        letters[draw.randrange(1, len(letters))] = draw.choice(LETTERS)
        wrong = "".join(letters)
        if wrong not in every_word:
            start = match.start() - 1  # the blank belongs to the word's token
            yield Pair("spelling", _context(text, start), f" {match[0]}", f" {wrong}")


def _common_words(text: str, common: list[str], draw: random.Random) -> Iterator[Pair]:
    """One of the 50 most common words replaced by another of them; the next word decides too."""
    for match in re.finditer(r"(?<= )([a-z]{2,})( [a-z]+)(?=[ .,])", text):
        if match[1] in common:
            other = draw.choice([word for word in common if word != match[1]])
            start = match.start() - 1
            yield Pair("common_words", _context(text, start), f" {match[0]}", f" {other}{match[2]}")


def _brackets(text: str, draw: random.Random) -> Iterator[Pair]:
    """A closing bracket replaced by one of another kind; round ones are one of the two."""
    for match in re.finditer(r"[)\]}]", text):
        opened = "([{"[CLOSING.index(match[0])]
        if opened in text[max(0, match.start() - 60) : match.start()]:
            other = draw.choice("]}") if match[0] == ")" else ")"
            yield Pair("brackets", _context(text, match.start()), match[0], other)


def _indentation(text: str, draw: random.Random) -> Iterator[Pair]:
    """A line inside a paragraph that starts further left or right than it does."""
    depths = sorted({len(blanks) for blanks in re.findall(r"\n( *)\S", text)})
    for match in re.finditer(r"\n( *)(\w+)", text):
        inside = match.start() > 0 and text[match.start() - 1] != "\n"
        if inside and len(depths) > 1:
            depth = draw.choice([d for d in depths if d != len(match[1])])
            wrong = "\n" + " " * depth + match[2]
            yield Pair("indentation", _context(text, match.start()), match[0], wrong)


def _balanced(pairs: list[Pair]) -> list[Pair]:
    """As many pairs A instead of B as B instead of A, so that the more frequent gains nothing."""

    def mark(text: str) -> str:
        return text if text in CLOSING else str(len(text) - len(text.lstrip("\n ")))

    kinds: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault((mark(pair.real), mark(pair.wrong)), []).append(pair)
    kept = []
    for (real, wrong), forward in kinds.items():
        backward = kinds.get((wrong, real), [])
        if real < wrong:
            for one, other in zip(forward, backward, strict=False):
                kept += [one, other]
    return kept


def encode_pair(tokenizer: BPETokenizer, pair: Pair) -> Coded | None:
    """Both whole texts as tokens, split where they part; None if their lengths differ."""
    real = tokenizer.encode(pair.context + pair.real)
    wrong = tokenizer.encode(pair.context + pair.wrong)
    if len(real) != len(wrong) or real == wrong:
        return None
    parting = next(i for i, (a, b) in enumerate(zip(real, wrong, strict=True)) if a != b)
    if parting == 0:
        return None
    return Coded(real[:parting], real[parting:], wrong[parting:])


def share_right(model: GPT, tokenizer: BPETokenizer, pairs: Sequence[Pair]) -> float:
    """Part of the pairs whose real text gets the higher probability from the model."""
    coded = [c for pair in pairs if (c := encode_pair(tokenizer, pair)) is not None]
    if not coded:
        raise ValueError("no pair came: the held-out part holds too little of this structure")
    real = _scores(model, [(c.shared, c.real) for c in coded])
    wrong = _scores(model, [(c.shared, c.wrong) for c in coded])
    return float((real > wrong).double().mean())


def _scores(model: GPT, texts: list[tuple[list[int], list[int]]]) -> Tensor:
    """log p(end | shared) of each text, in nats: (number of texts,)."""
    scores = []
    with evaluating(model):
        for at in range(0, len(texts), 50):
            rows = [
                (shared + end)[-model.config.block_size - 1 :]
                for shared, end in texts[at : at + 50]
            ]
            width = max(map(len, rows))
            padded = [row + [0] * (width - len(row)) for row in rows]
            ids = torch.tensor(padded, device=model.device)
            losses = next_token_loss(model(ids[:, :-1]), ids[:, 1:], reduction="none")
            losses = losses.view(len(rows), width - 1).cpu()
            for row, loss, (_, end) in zip(rows, losses, texts[at : at + 50], strict=True):
                scores.append(-loss[len(row) - 1 - len(end) : len(row) - 1].sum())
    return torch.stack(scores)


def share_right_by_counting(
    nats: Callable[[Sequence[int], int], float], tokenizer: BPETokenizer, pairs: Sequence[Pair]
) -> float:
    """The same for an n-gram model; nats(context, token) is -log p(token | context)."""
    right = 0.0
    coded = [c for pair in pairs if (c := encode_pair(tokenizer, pair)) is not None]
    for c in coded:
        real, wrong = (
            sum(nats(c.shared + end[:i], token) for i, token in enumerate(end))
            for end in (c.real, c.wrong)
        )
        right += 1.0 if real < wrong else 0.5 if real == wrong else 0.0
    return right / len(coded)
