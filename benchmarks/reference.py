"""The reference of the time to loss: nanoGPT's recipe for a CPU, on Hugging Face's GPT-2.

4 layers, 4 heads, width 128, context 64, no dropout, batches of 12, AdamW (1e-3, betas 0.9 and
0.99, weight decay 0.1 on matrices), gradients clipped at 1, 100 steps of warm-up, then half a
cosine down to a tenth over 2,000 steps, float32.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from minigpt.data import Batches
from minigpt.evaluate import next_token_loss
from minigpt.optim import schedule_factor

BLOCK, BATCH, STEPS, WARMUP = 64, 12, 2_000, 100
RATE = 1e-3


@dataclass(frozen=True)
class Outcome:
    """What one training run took and reached."""

    seconds: float  # training alone
    steps: int
    parameters: int
    val_loss: float  # nats per character, whole part, windows of 64 without overlap


def train_reference(
    vocab_size: int,
    train: Tensor,
    val: Tensor,
    *,
    seed: int = 0,
    learning_rate: float = RATE,
    steps: int = STEPS,
) -> Outcome:
    """Train the reference on ids (N,), and evaluate it once, at the end."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    shape: dict[str, Any] = {"n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": BLOCK}
    shape |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "use_cache": False}
    shape |= {"vocab_size": vocab_size, "bos_token_id": None, "eos_token_id": None}
    model = GPT2LMHeadModel(GPT2Config(**shape))
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() >= 2], "weight_decay": 0.1},
        {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99), fused=True)
    batch = Batches(train, BLOCK, BATCH, seed)
    warmup = min(WARMUP, steps // 10)
    settings: dict[str, Any] = {"schedule": "cosine", "warmup_steps": warmup, "min_factor": 0.1}
    model.train()
    start = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * schedule_factor(step, steps, **settings)
        x, y = batch(step)
        loss = next_token_loss(model(x).logits, y)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - start
    return Outcome(seconds, steps, sum(w.numel() for w in weights), _loss(model, val))


@torch.no_grad()
def _loss(model: nn.Module, val: Tensor) -> float:
    """Mean loss of all windows of 64, as `minigpt.evaluate.evaluate_loss` cuts them."""
    model.eval()
    total = len(val) - 1
    ends = [*range(BLOCK, total, BLOCK), total]
    width, scored, losses = min(BLOCK, total), 0, []
    for end in ends:  # the last window overlaps: only what was not scored yet counts
        x, y = val[end - width : end], val[end - width + 1 : end + 1]
        found = next_token_loss(model(x[None]).logits, y[None], reduction="none")
        losses.append(found[width - (end - scored) :])
        scored = end
    return float(torch.cat(losses).double().mean())
