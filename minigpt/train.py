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
from .evaluate import next_token_loss, token_losses
from .hardware import bf16_pays as bf16_pays
from .hardware import choose_dtype
from .model import GPT
from .modes import deferred_interrupt, evaluating, preserved_random_state
from .optim import schedule_factor
from .parallel import Processes, processes
from .run import Run, identity
from .train_config import History, StepInfo, TrainConfig

Batch = tuple[Tensor, Tensor]  # inputs and targets, (B, T) each; a target of -100 is left out
Forward = Callable[[Tensor], Tensor]  # ids (B, T) -> logits (B, T, V)
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

    Under torchrun the processes share each batch; `on_step` and the folder are process 0's.
    """
    with processes() as group:
        batch = _as_batches(train, model, config, group)
        if isinstance(val, Tensor) and len(val) < 2:
            raise ValueError(f"val holds {len(val)} tokens: at least 2 are needed")
        if val is None and config.patience is not None:
            raise ValueError(f"patience={config.patience} needs val, to see what gets better")
        identified = identity(model, train, val, config)
        run = Run(model, config, checkpoint_dir, tokenizer, identified, group)
        if run.history.stopped:
            return run.history
        was_training = model.training
        model.train()
        model.zero_grad(set_to_none=True)  # what an earlier backward left behind is not ours
        try:
            with preserved_random_state(model), group.noticing_loss(run.kept):
                _train(run, batch, val, on_step if group.main else None)
        except KeyboardInterrupt:  # from on_step, or a second Ctrl-C: the last checkpoint stands
            run.history.stopped = "interrupted"
        finally:
            model.train(was_training)
        return run.history


def _train(
    run: Run,
    batch: Callable[[int], Batch],
    val: Source | None,
    on_step: Callable[[StepInfo], None] | None,
) -> None:
    """All steps that are still to do, or fewer if there is a reason to stop."""
    config, history = run.config, run.history
    forward: Forward = run.group.wrap(run.model)
    if config.compile:
        forward = torch.compile(forward, dynamic=False)  # a graph for each shape of batch
    clock = time.perf_counter()
    with deferred_interrupt() as interrupted:
        for step in range(run.step, config.steps):
            factor = _set_rates(run.optimizers, step, config)
            loss, tokens = _update(forward, batch, run, step)
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
                val_loss = _validate(run, val)
                history.val_step.append(run.step)
                history.val_loss.append(val_loss)
                if not math.isfinite(val_loss):
                    run.diverged(run.step, f"the held-out loss is {val_loss}")
                run.remember_best(val_loss)
            if on_step is not None:
                on_step(_info(history, val_loss, config))
            history.stopped = run.why_stop(run.group.any(interrupted()))
            if history.stopped or _due(run.step, config.checkpoint_interval, config.steps):
                run.save()
            if history.stopped:
                break
            clock = time.perf_counter()  # evaluation, callback and checkpoint do not count


def _update(
    forward: Forward, batch: Callable[[int], Batch], run: Run, step: int
) -> tuple[float, int]:
    """One update of the weights; returns the mean loss and the number of tokens read."""
    config, model, group = run.config, run.model, run.group
    if model.config.dropout:  # masks of its own in each process; a CPU uses the seed's low 32 bits
        torch.manual_seed(config.seed * 1_000_003 + step + group.rank * 2_654_435_761)
    total, tokens = 0.0, 0
    for part in range(config.grad_accumulation):
        x, y = batch(step * config.grad_accumulation + part)
        tokens += x.numel()
        x, y, weight = group.share(x, y)
        with group.averaging(forward, now=part == config.grad_accumulation - 1):
            with _autocast(config.dtype, model.device):
                logits = forward(x.to(model.device))  # (B, T, V)
            loss = next_token_loss(logits, y.to(model.device)) * weight / config.grad_accumulation
            loss.backward()
        total += loss.item()
    total = group.total(total) / group.size
    limit = config.grad_clip if config.grad_clip is not None else torch.inf
    norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
    if not (torch.isfinite(norm) and math.isfinite(total)):
        model.zero_grad(set_to_none=True)
        run.diverged(step + 1, f"the loss is {total:.4g} and the gradient's length {norm:.4g}")
    for optimizer in run.optimizers:
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return total, tokens


def _autocast(dtype: str, device: torch.device) -> Any:
    if choose_dtype(dtype, device)[0] == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _as_batches(
    source: Source, model: GPT, config: TrainConfig, group: Processes
) -> Callable[[int], Batch]:
    if isinstance(source, Tensor):
        group.rows(config.batch_size)  # too few for all processes are noticed before any work
        return Batches(source, model.config.block_size, config.batch_size, config.seed)
    return source


def _validate(run: Run, val: Source) -> float:
    """The held-out loss; each process computes a part of it."""
    config, model, group = run.config, run.model, run.group
    total = 0.0
    if isinstance(val, Tensor):
        if config.eval_batches is not None:
            val = val[: config.eval_batches * config.batch_size * model.config.block_size + 1]
        part = group.part(val, model.config.block_size)
        if len(part) > 1:
            total = float(token_losses(model, part).double().sum())
        return group.total(total) / (len(val) - 1)
    batches = config.eval_batches or 20
    with evaluating(model):
        for number in range(group.rank, batches, group.size):
            x, y = val(number)
            total += float(next_token_loss(model(x.to(model.device)), y.to(model.device)))
    return group.total(total) / batches


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
