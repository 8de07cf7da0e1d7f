"""The lesson's measurements on SmolLM2: its bits per byte and its minimal pairs, same articles.

SmolLM2 read text from the web, where the Python reference stands too: what is held out from the
lesson's model is not held out from SmolLM2. And it has tokens of its own, so its minimal pairs are
drawn anew: the two texts of a pair must have as many tokens for the model that is asked.
"""

from __future__ import annotations

from typing import Any

from lessons.l06_pretraining import pairs
from lessons.l06_pretraining.corpus import Split, articles, split_articles
from minigpt import GPT, BPETokenizer
from minigpt.data import pack
from minigpt.evaluate import bits_per_byte, token_losses

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
WINDOW = 1024  # tokens; each is predicted from half as many or more


def bits(model: GPT, tokenizer: BPETokenizer, split: Split) -> float:
    """Bits per byte on the held-out articles."""
    assert tokenizer.end_id is not None
    ids = pack(map(tokenizer.encode, split.held_out), tokenizer.end_id)
    losses = token_losses(model, ids, window=WINDOW, stride=WINDOW // 2, batch_size=1)
    return bits_per_byte(float(losses.double().sum()), split.held_out_bytes)


def pairs_of(tokenizer: BPETokenizer, split: Split, seed: int) -> dict[str, list[pairs.Pair]]:
    """Minimal pairs of the held-out articles, of equal length in this vocabulary."""
    return pairs.make_pairs(split.train, split.held_out, tokenizer, seed)


def measure(model: GPT, tokenizer: BPETokenizer, seed: int) -> dict[str, Any]:
    """Bits per byte and, by structure, how many of how many pairs come out right."""
    split = split_articles(articles(), seed)
    found: dict[str, Any] = {"model": ABOUT, "seed": seed}
    found["bits_per_byte"] = bits(model, tokenizer, split)
    for structure, some in pairs_of(tokenizer, split, seed).items():
        share = pairs.share_right(model, tokenizer, some)
        found[structure] = {"n": len(some), "right": round(share * len(some))}
    return found
