"""Training: one loop that every lesson and the command line use.

Everything random is a function of the seed and the step (which windows, which dropout), so a run
that is killed and resumed ends with the same weights, bit for bit, as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint import AnyTokenizer
from .data import Batches
from .evaluate import evaluate_loss, next_token_loss
from .model import GPT
from .modes import deferred_interrupt, evaluating, preserved_random_state
from .optim import schedule_factor
from .run import Run, identity
from .train_config import History, StepInfo, TrainConfig

Batch = tuple[Tensor, Tensor]  # inputs and targets, (B, T) each; a target of -100 is left out
Source = Tensor | Callable[[int], Batch]  # a token stream (N,), or batch(step)


def fit(
    model: GPT,
    train: Source,
    val: Source | None,
    config: TrainConfig,
    *,
    on_step: Callable[[StepInfo], None] | None = None,
    checkpoint_dir: str | Path | None = None,
    tokenizer: AnyTokenizer | None = None,
) -> History:
    """Train `model` in place; returns what happened.

    `train` and `val` are token streams (N,), or functions batch(step) -> (x, y) that depend on
    `step` alone. With `checkpoint_dir` the run is kept there, `tokenizer` with it; the same call
    on the same folder resumes it, or returns at once if it is finished. Ctrl-C ends the run after
    the current step and returns the history. With `patience`, the model ends with the weights
    that were best on `val`. Raises TrainingDiverged, with the last good checkpoint, if the loss
    is no number, and ValueError if the folder holds another run.
    """
    batch = _as_batches(train, model, config)
    if isinstance(val, Tensor) and len(val) < 2:
        raise ValueError(f"val holds {len(val)} tokens: at least 2 are needed")
    run = Run(model, config, checkpoint_dir, tokenizer, identity(model, train, val, config))
    history = run.history
    if history.stopped:
        return history
    forward: Callable[[Tensor], Tensor] = torch.compile(model) if config.compile else model
    was_training = model.training
    model.train()
    model.zero_grad(set_to_none=True)  # what an earlier backward left behind is not ours
    clock = time.perf_counter()
    try:
        with preserved_random_state(model), deferred_interrupt() as interrupted:
            for step in range(run.step, config.steps):
                factor = _set_rates(run.optimizers, step, config)
                loss, tokens = _update(model, forward, batch, run, step)
                now = time.perf_counter()
                elapsed, clock = now - clock, now
                history.seconds += elapsed
                run.step = step + 1
                history.step.append(run.step)
                history.train_loss.append(loss)
                history.learning_rate.append(factor * config.learning_rate)
                history.tokens_per_second.append(tokens / elapsed)
                val_loss = None
                if val is not None and _due(run.step, config.eval_interval, config.steps):
                    val_loss = _validate(model, val, config)
                    history.val_step.append(run.step)
                    history.val_loss.append(val_loss)
                    if not math.isfinite(val_loss):
                        run.diverged(run.step, f"the held-out loss is {val_loss}")
                    run.remember_best(val_loss)
                if on_step is not None:
                    on_step(_info(history, val_loss, config))
                history.stopped = run.why_stop(interrupted())
                if history.stopped or _due(run.step, config.checkpoint_interval, config.steps):
                    run.save()
                if history.stopped:
                    break
                clock = time.perf_counter()  # evaluation, callback and checkpoint do not count
    except KeyboardInterrupt:  # from on_step, or a second Ctrl-C: the last checkpoint stands
        history.stopped = "interrupted"
    finally:
        model.train(was_training)
    return history


def _update(
    model: GPT,
    forward: Callable[[Tensor], Tensor],
    batch: Callable[[int], Batch],
    run: Run,
    step: int,
) -> tuple[float, int]:
    """One update of the weights; returns the mean loss and the number of tokens read."""
    config, device = run.config, model.device
    if model.config.dropout:
        torch.manual_seed(config.seed * 1_000_003 + step)
    total, tokens = 0.0, 0
    for part in range(config.grad_accumulation):
        x, y = batch(step * config.grad_accumulation + part)
        with _autocast(config.dtype, device):
            logits = forward(x.to(device))  # (B, T, V)
        loss = next_token_loss(logits, y.to(device)) / config.grad_accumulation
        loss.backward()
        total += loss.item()
        tokens += x.numel()
    limit = config.grad_clip if config.grad_clip is not None else torch.inf
    norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
    if not (torch.isfinite(norm) and math.isfinite(total)):
        model.zero_grad(set_to_none=True)
        run.diverged(step + 1, f"the loss is {total:.4g} and the gradient's length {norm:.4g}")
    for optimizer in run.optimizers:
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return total, tokens


def bf16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return False


def _autocast(dtype: str, device: torch.device) -> Any:
    if dtype == "float32" or (dtype == "auto" and not bf16_pays(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _as_batches(source: Source, model: GPT, config: TrainConfig) -> Callable[[int], Batch]:
    if isinstance(source, Tensor):
        return Batches(source, model.config.block_size, config.batch_size, config.seed)
    return source


def _validate(model: GPT, val: Source, config: TrainConfig) -> float:
    if isinstance(val, Tensor):
        if config.eval_batches is not None:
            val = val[: config.eval_batches * config.batch_size * model.config.block_size + 1]
        return evaluate_loss(model, val)
    total = 0.0
    batches = config.eval_batches or 20
    with evaluating(model):
        for number in range(batches):
            x, y = val(number)
            total += float(next_token_loss(model(x.to(model.device)), y.to(model.device)))
    return total / batches


def _set_rates(optimizers: list[torch.optim.Optimizer], step: int, config: TrainConfig) -> float:
    factor = schedule_factor(
        step,
        config.steps,
        schedule=config.schedule,
        warmup_steps=config.warmup_steps,
        decay_fraction=config.decay_fraction,
        min_factor=config.min_factor,
    )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
    return factor


def _due(step: int, interval: int, steps: int) -> bool:
    return step % interval == 0 or step == steps


def _info(history: History, val_loss: float | None, config: TrainConfig) -> StepInfo:
    recent = history.tokens_per_second[-20:]
    done = history.step[-1]
    return StepInfo(
        step=done,
        steps=config.steps,
        train_loss=history.train_loss[-1],
        val_loss=val_loss,
        learning_rate=history.learning_rate[-1],
        tokens_per_second=sum(recent) / len(recent),
        seconds=history.seconds,
        remaining=history.seconds / done * (config.steps - done),
    )
