"""What the second notebook of lesson 09 shows: where it comes from, and how frail it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lessons import evaluate
from lessons.evaluate import symbol_probabilities
from lessons.l09_few_shot import diversity, shots
from lessons.world.corpus import encode
from lessons.world.tape import Tape
from lessons.world.tasks import markov
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, load, score_choices
from minigpt.probes import attention_maps
from minigpt.tokenizer import END

N = 100
SEED = 40
ORDERS = 10  # orders of the same examples
DIVERSITY_SEEDS = range(3)  # 0 is the one of the live run
LENGTH = 250  # symbols of a chain
WINDOWS = ((1, 4), (5, 14), (15, 49), (50, 99), (100, 199), (200, 249))  # symbols already read
LAST = WINDOWS[-1]
PREDICTORS = {
    "nothing": markov.uniform,
    "symbols": markov.unigram,
    "pairs": markov.optimal,
}
"""The three plateaus (Edelman et al. 2024): expects all symbols alike; counts symbols; counts what
each symbol was followed by, which is the best one can do."""
Array = NDArray[np.float64]


def window_name(window: tuple[int, int]) -> str:
    """ "200–249"."""
    return f"{window[0]}–{window[1]}"


def divergence(expected: Array, given: Array) -> Array:
    """KL(expected || given) in nats, for each symbol: (T, 4), (T, 4) -> (T,)."""
    found: Array = (expected * (np.log(expected) - np.log(given))).sum(-1)
    return found


def chain(number: int) -> list[int]:
    """A chain's LENGTH symbols."""
    return markov.sequence(Tape("lesson 09", "markov", SEED, number), LENGTH)


def markov_rows(model: GPT, tokenizer: BPETokenizer, n: int = N) -> list[dict[str, Any]]:
    """KL in nats from the best prediction, a row for each chain, reader and window.

    Readers: the model, and who counts symbols and not what they follow.
    """
    rows = []
    for number in range(n):
        symbols = chain(number)
        best = markov.optimal(symbols)  # (LENGTH, 4)
        readers = {
            "model": symbol_probabilities(model, tokenizer, symbols),
            "symbols": markov.unigram(symbols),
        }
        for name, expected in readers.items():
            kl = divergence(best, expected)  # (LENGTH,)
            for window in WINDOWS:
                mean = float(kl[window[0] : window[1] + 1].mean())
                rows.append(
                    {"chain": number, "reader": name, "read": window_name(window), "kl": mean}
                )
    return rows


def plateau_rows(model: GPT, tokenizer: BPETokenizer, n: int = N) -> list[dict[str, Any]]:
    """A row for each chain: KL in nats from each of PREDICTORS to the model, in the last window."""
    rows = []
    first, last = LAST
    for number in range(n):
        symbols = chain(number)
        given = symbol_probabilities(model, tokenizer, symbols)
        row: dict[str, Any] = {"chain": number}
        for name, predict in PREDICTORS.items():
            row[name] = float(divergence(predict(symbols), given)[first : last + 1].mean())
        rows.append(row)
    return rows


def chain_lookup(model: GPT, tokenizer: BPETokenizer, n: int = 20) -> dict[str, float]:
    """How much a head attends, at a symbol of a chain, to what followed it earlier.

    "highest": of all heads; "even": what attending to all tokens alike would give. Both are means
    over the last window's symbols of n chains.
    """
    total, even, first = None, 0.0, 0
    for number in range(n):
        read = chain(number)
        ids = [tokenizer.special_tokens[END], *encode(tokenizer, markov.document_of(read))]
        first, symbols = len(ids) - LENGTH, np.array(read)
        after = symbols[:, None] == symbols[None, :]  # (LENGTH, LENGTH): the same symbol
        after = np.tril(after, -1)  # earlier
        follows = np.zeros((LENGTH, LENGTH), dtype=bool)
        follows[:, 1:] = after[:, :-1]  # the place behind it
        at = np.arange(LAST[0], LAST[1] + 1) - 1  # the symbol that is read last
        wanted = torch.from_numpy(follows[at].astype(np.float32))  # (places, LENGTH)
        maps = attention_maps(model, torch.tensor([ids]))[:, 0, :, first:, first:]  # (L, H, …)
        looked = (maps[:, :, at] * wanted).sum(-1).mean(-1)  # (L, H)
        total = looked if total is None else total + looked
        even += float((wanted.sum(-1) / (torch.from_numpy(at) + 1 + first)).mean())
    assert total is not None
    return {"highest": float(total.max()) / n, "even": even / n}


def checkpoint(folder: Path, n: int = N) -> dict[str, Any]:
    """`plateau_rows` and `chain_lookup` of one checkpoint of a model."""
    model, tokenizer = load(folder)
    assert isinstance(tokenizer, BPETokenizer)
    rows, lookup = plateau_rows(model, tokenizer, n), chain_lookup(model, tokenizer)
    return {"chains": rows, "lookup": lookup}


ORDER_KINDS = ("trained function", "reviews", shots.FOREIGN)


def orders(model: GPT, tokenizer: BPETokenizer, kind: str, n: int = N) -> list[dict[str, Any]]:
    """Rows: the same four examples in ten orders; how many different answers, how many right."""
    rows = []
    for number, item in enumerate(shots.items(kind, 4, "gold", n, SEED)):
        some = [shots.reordered(item, order) for order in range(ORDERS)]
        outputs = [shots.said(output) for output in evaluate.answers(model, tokenizer, some)]
        right = sum(output == item.answer.strip() for output in outputs)
        rows.append({"kind": kind, "item": number, "different": len({*outputs}), "right": right})
    return rows


WORDINGS = {  # kind -> the form of its training documents, where there is one, and two others
    "trained function": ("->", "=", "Input, Output"),
    "reviews": ("Review, Sentiment", "->", "Input, Output"),
    "invented values": ("is", "->", "Input, Output"),
}


def wordings(model: GPT, tokenizer: BPETokenizer, kind: str, n: int = N) -> list[dict[str, Any]]:
    """Rows: the same items after the same four examples, written in three forms; 1 if right."""
    rows = []
    for form in WORDINGS[kind]:
        some = [shots.rebuilt(item, form=form) for item in shots.items(kind, 4, "gold", n, SEED)]
        outputs = evaluate.answers(model, tokenizer, some)
        for number, (item, output) in enumerate(zip(some, outputs, strict=True)):
            right = int(shots.said(output) == item.answer.strip())
            rows.append({"kind": kind, "form": form, "item": number, "right": right})
    return rows


CONTENT_FREE = ("N/A.", "[MASK].", "")  # inputs that say nothing (Zhao et al. 2021, 2102.09690)
LABELS = (" good", " bad")


def label_scores(
    model: GPT, tokenizer: BPETokenizer, prompt: str, labels: Sequence[str] = LABELS
) -> Array:
    """p(label | prompt) among the labels."""
    ids = [tokenizer.special_tokens[END], *encode(tokenizer, prompt)]
    scores = np.array(score_choices(model, tokenizer, ids, labels))
    weight = np.exp(scores - scores.max())
    found: Array = weight / weight.sum()
    return found


def without_content(item: Item) -> list[str]:
    """The item's prompt with its query replaced by inputs that say nothing."""
    return [shots.rebuilt(item, query=nothing).prompt for nothing in CONTENT_FREE]


def of_nothing(model: GPT, tokenizer: BPETokenizer, item: Item) -> Array:
    """p(label) among LABELS of inputs that say nothing, mean over CONTENT_FREE."""
    texts = without_content(item)
    found: Array = np.mean([label_scores(model, tokenizer, text) for text in texts], axis=0)
    return found


def calibrated(model: GPT, tokenizer: BPETokenizer, n: int = 200) -> list[dict[str, Any]]:
    """Reviews in a foreign form after 4 examples, two of them good.

    1 if right as scored ("plain"), and divided by the scores of no content ("corrected").
    """
    rows = []
    for number, item in enumerate(shots.items(shots.FOREIGN, 4, "gold", n, SEED)):
        plain = label_scores(model, tokenizer, item.prompt)
        nothing = of_nothing(model, tokenizer, item)
        corrected = plain / nothing
        rows.append(
            {
                "item": number,
                "last_example": item.meta["pairs"][-1][1],
                "plain": int(LABELS[plain.argmax()] == item.answer),
                "corrected": int(LABELS[corrected.argmax()] == item.answer),
                "says_good": int(plain.argmax() == 0),
                "good_of_nothing": float(nothing[0]),
            }
        )
    return rows


def diversity_rows(number: int, seed: int) -> list[dict[str, Any]]:
    """One training on documents of `number` chains: rows of distances, on these and on new ones."""
    trained = diversity.train(number, seed)
    return [
        {"chains": number, "seed": seed, "where": where, **found}
        for where, found in diversity.both(trained, number, seed).items()
    ]
