"""What the settings of sampling change, and what a cache saves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lessons.world.corpus import encode
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, generate, generate_text

TEMPERATURES = (0.0, 0.3, 0.6, 0.8, 1.0, 1.2, 1.5)
CUTS: dict[str, dict[str, Any]] = {"top-p 0.9": {"top_p": 0.9}, "top-k 40": {"top_k": 40}}
CUT_TEMPERATURES = (1.0, 1.5)  # at which the cuts are tried


def couplets(
    model: GPT, tokenizer: BPETokenizer, temperature: float, n: int, seed: int, **cut: Any
) -> dict[str, float]:
    """`n` couplets on one subject after another: what share is right, different, and both.

    Different: no other of the n is the same text on the same subject. `cut`: top_p or top_k. Greedy
    writes one couplet for each of the prompts, and there are fewer of these than n.
    """
    module = FAMILIES["couplets"]
    items = module.items(Tape("lesson 07", seed), n, "free")
    end = tokenizer.end_id
    assert end is not None
    generator = torch.Generator().manual_seed(seed)
    right, written = [], []
    for item in items:
        output = generate_text(
            model,
            tokenizer,
            [end, *encode(tokenizer, item.prompt)],
            60,
            stop="\n\n",
            temperature=temperature,
            generator=generator,
            **cut,
        )
        right.append(bool(module.is_correct(item, output)))
        written.append((item.meta["subject"], output))
    both = {text for text, ok in zip(written, right, strict=True) if ok}
    return {
        "right": sum(right) / n,
        "different": len({*written}) / n,
        "right_and_different": len(both) / n,
    }


def repeated(tokens: Sequence[int], n: int = 4) -> float:
    """The share of runs of n tokens that occurred before in the same text."""
    runs = [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    return 1 - len({*runs}) / len(runs) if runs else 0.0


class _FirstKeyOnly(torch.nn.Module):
    """Attention with is_causal=True, whatever the number of queries: the famous bug."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=mask is None)


@contextmanager
def forgetful(model: GPT) -> Iterator[None]:
    """Within it, a query alone sees the first key only. (Models without shared keys.)"""
    layers: list[Any] = [block.attn for block in model.h]
    before = [layer.attend for layer in layers]
    try:
        for layer in layers:
            layer.attend = _FirstKeyOnly()
        yield
    finally:
        for layer, kept in zip(layers, before, strict=True):
            layer.attend = kept


@torch.inference_mode()
def seconds_per_token(
    model: GPT, lengths: Sequence[int], use_cache: bool, count: int = 9
) -> dict[int, float]:
    """Seconds of one token more, after so many tokens, with or without the cache: the median."""
    found = {}
    generator = torch.Generator().manual_seed(0)
    for length in lengths:
        idx = torch.randint(model.config.vocab_size, (1, length), generator=generator)
        cache = model.new_cache(1)
        if use_cache:
            model(idx, cache)
        times = []
        for _ in range(count):
            start = time.perf_counter()
            if use_cache:
                model(idx[:, -1:], cache)
            else:
                model(idx)
            times.append(time.perf_counter() - start)
        found[length] = sorted(times)[count // 2]
    return found


def repetition(
    model: GPT, tokenizer: BPETokenizer, prompts: Sequence[str], n_tokens: int, seed: int
) -> list[dict[str, Any]]:
    """Repeated runs of four tokens in what a model writes, up to its end token, by decoding."""
    settings: dict[str, dict[str, Any]] = {
        "greedy": {"temperature": 0.0},
        "temperature 0.8": {"temperature": 0.8},
        "temperature 1": {"temperature": 1.0},
        "top-p 0.9": {"temperature": 1.0, "top_p": 0.9},
        "top-k 40": {"temperature": 1.0, "top_k": 40},
    }
    rows = []
    for name, setting in settings.items():
        generator = torch.Generator().manual_seed(seed)
        for number, prompt in enumerate(prompts):
            ids = tokenizer.encode(prompt)
            end = tokenizer.end_id
            row = generate(
                model, torch.tensor([ids]), n_tokens, generator=generator, eos_id=end, **setting
            )[0]
            out = row[len(ids) :].tolist()
            out = out[: out.index(end)] if end in out else out
            rows.append({"decoding": name, "prompt": number, "repeated": repeated(out)})
    return rows
