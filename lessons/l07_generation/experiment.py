"""What the settings of sampling change, and what a cache saves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from lessons.world.corpus import encode
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, generate, generate_text

TEMPERATURES = (0.0, 0.3, 0.6, 0.8, 1.0, 1.2, 1.5)


def couplets(
    model: GPT, tokenizer: BPETokenizer, temperature: float, n: int, seed: int, top_p: float = 1.0
) -> dict[str, float]:
    """`n` couplets on one subject after another: the share that is right, and that is different."""
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
            top_p=top_p,
            generator=generator,
        )
        right.append(bool(module.is_correct(item, output)))
        written.append((item.meta["subject"], output))
    return {"right": sum(right) / n, "different": len({*written}) / n}


def repeated(tokens: Sequence[int], n: int = 4) -> float:
    """The share of runs of n tokens that occurred before in the same text."""
    runs = [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    return 1 - len({*runs}) / len(runs) if runs else 0.0


def seconds_per_token(
    model: GPT, lengths: Sequence[int], use_cache: bool, count: int = 8
) -> dict[int, float]:
    """Seconds of one token more, after so many tokens, with or without the cache."""
    found = {}
    generator = torch.Generator().manual_seed(0)
    for length in lengths:
        idx = torch.randint(model.config.vocab_size, (1, length), generator=generator)
        generate(model, idx, 2, temperature=0, use_cache=use_cache)
        times = []
        for new in (1, 1 + count):
            start = time.perf_counter()
            generate(model, idx, new, temperature=0, use_cache=use_cache)
            times.append(time.perf_counter() - start)
        found[length] = max(times[1] - times[0], 1e-9) / count
    return found


def repetition(
    model: GPT, tokenizer: BPETokenizer, prompts: Sequence[str], n_tokens: int, seed: int
) -> list[dict[str, Any]]:
    """Repeated runs of four tokens in what a model writes, by decoding."""
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
            out = generate(model, torch.tensor([ids]), n_tokens, generator=generator, **setting)[
                0, len(ids) :
            ].tolist()
            rows.append({"decoding": name, "prompt": number, "repeated": repeated(out)})
    return rows
