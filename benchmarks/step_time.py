"""Training tokens per second against Hugging Face's GPT-2, and against bare matrix products.

Both sides take the same batches, autocast, gradient clipping and a fused AdamW, without dropout.
Ours runs in `minigpt.fit`, the peer in a plain loop without the key-value cache that it would
make by default. A measurement covers the updates alone: drawing the data is left out.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigpt import GPT, GPTConfig, TrainConfig, fit
from minigpt.optim import make_optimizers
from minigpt.train import bf16_pays

from .flops import SQUARE, products, step_shapes, training_flops
from .pairs import Result, Row, Settings, Skipped, alternate, attempt

HF = "Hugging Face GPT2LMHeadModel"
SIZES = {
    "1 M": {"n_layer": 4, "n_head": 4, "n_embd": 128},
    "4 M": {"n_layer": 5, "n_head": 4, "n_embd": 256},
    "10 M": {"n_layer": 6, "n_head": 6, "n_embd": 384},
}
VOCAB, BLOCK, BATCH = 1024, 128, 8
TINY = {"n_layer": 1, "n_head": 2, "n_embd": 16, "vocab_size": 32, "block_size": 8}
TARGETS = {"float32": 1.2, "bfloat16": 1.7}
SECONDS = 0.5  # that one measurement takes, at least

Batch = tuple[Tensor, Tensor]


def rows(settings: Settings) -> Iterator[Result]:
    """For each size: the GPT-2 preset, the fast preset with two optimizers, shares of the rate."""
    sizes = {"tiny": {}} if settings.short else SIZES
    for size in sizes:
        for dtype in ("float32", "bfloat16"):
            if dtype == "bfloat16" and not bf16_pays(torch.device("cpu")):
                reason = "this CPU has no bfloat16 products in hardware (AVX512-BF16 or AMX)"
                yield Skipped(f"training step in bfloat16, {size}", reason)
                continue
            for name, optimizer in (("gpt2", "adamw"), ("fast", "adamw"), ("fast", "muon")):
                what = f"training step, {name}, {_shown(optimizer)}, {size}"
                row = partial(against_peer, what, name, optimizer, size, dtype, settings)
                yield attempt(what, row)
            what = f"training step, gpt2, AdamW, compiled, {size}"
            if shutil.which("c++") is None:
                yield Skipped(what, "there is no C++ compiler")
            elif not settings.short:
                row = partial(against_peer, what, "gpt2", "adamw", size, dtype, settings)
                yield attempt(what, partial(row, compiled=True))
        for own in (False, True):
            what = f"step's share of the machine's rate, gpt2, {size}"
            yield attempt(what, partial(share, what, size, own, settings))


def make_config(preset: str, size: str, settings: Settings) -> GPTConfig:
    shape: dict[str, Any] = {"vocab_size": VOCAB, "block_size": BLOCK, **SIZES.get(size, TINY)}
    return {"gpt2": GPTConfig.gpt2, "fast": GPTConfig.fast}[preset](**shape)


def against_peer(
    what: str,
    preset: str,
    optimizer: str,
    size: str,
    dtype: str,
    settings: Settings,
    compiled: bool = False,
) -> Row:
    """Tokens per second of one preset and optimizer against the peer with AdamW."""
    config = make_config(preset, size, settings)
    batches = make_batches(config)
    ours = Ours(config, optimizer, dtype, batches, compiled)
    theirs = Peer(make_config("gpt2", size, settings), dtype, batches)
    steps = _steps(settings, ours, theirs)
    found = alternate(lambda: ours(steps), lambda: theirs(steps), settings.pairs)
    return found.row(
        what,
        HF,
        settings,
        unit="tokens/s",
        dtype=dtype,
        amount=batches[0][0].numel(),
        target=TARGETS[dtype] if optimizer == "adamw" else None,
        note=f"{ours.model.num_parameters():,} parameters; the peer {_count(theirs.model):,}",
    )


def share(what: str, size: str, own: bool, settings: Settings) -> Row:
    """GFLOP/s of a step against float32 products: one big square, or the step's own shapes."""
    config = make_config("gpt2", size, settings)
    batches = make_batches(config)
    ours = Ours(config, "adamw", "float32", batches)
    batch, length = batches[0][0].shape
    side = 64 if settings.short else SQUARE
    shapes = step_shapes(config, batch, length) if own else [(1, side, side, side)]
    run, flops = products(shapes)

    def theirs(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - start) / calls

    steps = _steps(settings, ours)
    calls = _steps(settings, theirs)
    found = alternate(lambda: ours(steps), lambda: theirs(calls), settings.pairs)
    return found.row(
        what,
        "matrix products of its shapes" if own else f"a {side} x {side} matrix product",
        settings,
        unit="GFLOP/s",
        amount=training_flops(config, batch, length) / 1e9,
        peer_amount=flops / 1e9,
    )


def make_batches(config: GPTConfig, count: int = 8) -> list[Batch]:
    """Random windows, inputs and targets (B, T) each: the time does not depend on the tokens."""
    generator = torch.Generator().manual_seed(0)
    size = (count, BATCH, config.block_size + 1)
    ids = torch.randint(config.vocab_size, size, generator=generator)
    return [(window[:, :-1], window[:, 1:]) for window in ids]


class Ours:
    """`minigpt.fit`; a call takes so many steps and returns the mean seconds of one."""

    def __init__(
        self,
        config: GPTConfig,
        optimizer: str,
        dtype: str,
        batches: list[Batch],
        compiled: bool = False,
    ) -> None:
        torch.manual_seed(0)
        self.model = GPT(config)
        self.batches, self.optimizer, self.dtype = batches, optimizer, dtype
        self.compiled = compiled

    def __call__(self, steps: int) -> float:
        config = TrainConfig(
            steps=steps + 1,  # the first makes the optimizer's state, and is left out
            optimizer=self.optimizer,
            dtype=self.dtype,
            compile=self.compiled,
            schedule="constant",
            eval_interval=steps + 1,
            checkpoint_interval=steps + 1,
        )
        history = fit(self.model, lambda step: self.batches[step % len(self.batches)], None, config)
        tokens = self.batches[0][0].numel()
        return sum(tokens / rate for rate in history.tokens_per_second[1:]) / steps


class Peer:
    """A plain training loop around transformers' GPT-2; a call returns mean seconds of a step."""

    def __init__(self, config: GPTConfig, dtype: str, batches: list[Batch]) -> None:
        self.model = hf_gpt2(config).train()
        (self.optimizer,) = make_optimizers(self.model, optimizer="adamw")
        self.batches, self.dtype = batches, dtype
        self(1)  # makes the optimizer's state

    def __call__(self, steps: int) -> float:
        start = time.perf_counter()
        for step in range(steps):
            x, y = self.batches[step % len(self.batches)]
            bf16 = self.dtype == "bfloat16"
            with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
                logits = self.model(x, use_cache=False).logits  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1).float(), y.flatten())
            loss.backward()
            if not math.isfinite(loss.item()):
                raise RuntimeError(f"the peer's loss became {loss.item()}: its time says nothing")
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return (time.perf_counter() - start) / steps


def hf_gpt2(config: GPTConfig) -> nn.Module:
    """transformers' GPT-2 of the same shape, without dropout, with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.block_size,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=None,
        )
    )


def _steps(settings: Settings, *sides: Callable[[int], float]) -> int:
    """How many steps make a measurement long enough, from a warm-up of each side."""
    if settings.short:
        return 1
    for side in sides:
        side(1)  # the first call also fills caches
    return math.ceil(SECONDS / max(side(1) for side in sides))


def _shown(optimizer: str) -> str:
    return {"adamw": "AdamW", "muon": "Muon"}[optimizer]


def _count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())
