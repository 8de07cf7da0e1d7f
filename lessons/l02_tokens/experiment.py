"""One model for each vocabulary size: the same text, the same shape, as many bytes to read."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from lessons.l06_pretraining.corpus import articles, split_articles
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.evaluate import bits_per_byte, token_losses

SIZES = (256, 512, 1024, 2048, 4096)
BYTES_A_STEP = 6_000  # each step reads about so much text, whatever its tokens hold
STEPS = 400
LIVE_SIZE, LIVE_STEPS = 512, 100


def run(size: int, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """Train on the Python reference with a vocabulary of `size`; measure on held-out articles."""
    split = split_articles(articles(), seed)
    text, held_out = "\n\n".join(split.train), "\n\n".join(split.held_out)
    tokenizer = BPETokenizer.train(text, size)
    train, val = (torch.tensor(tokenizer.encode(part)) for part in (text, held_out))
    bytes_per_token = len(held_out.encode()) / len(val)
    torch.manual_seed(seed)
    model = GPT(
        GPTConfig.fast(
            vocab_size=tokenizer.vocab_size, block_size=128, n_layer=3, n_embd=96, n_gram=1
        )
    )
    batch_size = max(1, round(BYTES_A_STEP / bytes_per_token / 128))
    start = time.perf_counter()
    fit(model, train, None, TrainConfig(steps=steps, batch_size=batch_size, seed=seed))
    seconds = time.perf_counter() - start
    nats = float(token_losses(model, val).double().sum())
    return {
        "size": size,
        "seed": seed,
        "steps": steps,
        "batch_size": batch_size,
        "bytes_per_token": bytes_per_token,
        "parameters": model.num_parameters(),
        "nats_per_token": nats / (len(val) - 1),
        "bits": bits_per_byte(nats, len(held_out.encode())),
        "seconds": seconds if math.isfinite(seconds) else 0.0,
    }
