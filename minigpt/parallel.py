"""Several processes that train one model together: torchrun starts them, PyTorch joins them.

Every process draws the whole batch of a step and computes some of its rows;
DistributedDataParallel averages the gradients, so all processes hold the same weights.
"""

from __future__ import annotations

import atexit
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .data import IGNORE

T = TypeVar("T")


class ProcessLost(RuntimeError):
    """Another process of the run has ended, so this one cannot go on."""


class Processes:
    """The processes of a run, seen from one of them; one process alone is the common case."""

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        self.rank, self.size, self._store = rank, size, store

    @property
    def main(self) -> bool:
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    # --- dividing the work ---

    def rows(self, batch_size: int) -> slice:
        """This process's rows of a batch. Raises ValueError if a process would get none."""
        if batch_size < self.size:
            raise ValueError(
                f"a batch of {batch_size} windows cannot be divided among {self.size} processes: "
                "start fewer processes, or choose a larger batch size"
            )
        return slice(self.rank * batch_size // self.size, (self.rank + 1) * batch_size // self.size)

    def share(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
        """This process's rows of a batch (B, T), and what their mean loss is multiplied by.

        Averaged over the processes, the products are the mean loss of the whole batch, also
        where processes hold different numbers of targets that count.
        """
        if self.size == 1:
            return x, y, 1.0
        rows = self.rows(len(x))
        x, mine = x[rows], y[rows]
        here, everywhere = int((mine != IGNORE).sum()), int((y != IGNORE).sum())
        if everywhere == 0:
            return x, mine, 1.0  # a mean over nothing: not a number, as in one process
        if here == 0:  # here too it would be none: any targets do, for they are multiplied by 0
            return x, torch.zeros_like(mine), 0.0
        return x, mine, self.size * here / everywhere

    def part(self, ids: Tensor, block_size: int) -> Tensor:
        """This process's part of a stream (N,), cut between the windows of `token_losses`.

        The parts overlap by one token, which ends one and begins the next. May be empty.
        """
        windows = (len(ids) - 1) // block_size  # full ones; the last process takes the rest too
        first, end = (n * windows // self.size * block_size for n in (self.rank, self.rank + 1))
        last = self.rank == self.size - 1
        return ids[first:] if last else ids[first : end + 1] if end > first else ids[:0]

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose backward averages gradients; all begin with process 0's weights."""
        if self.size == 1:
            return model
        device = next(model.parameters()).device
        ids = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids)

    def averaging(self, model: Any, now: bool) -> AbstractContextManager[Any]:
        """Around forward and backward of what `wrap` gave: whether gradients are averaged now."""
        return nullcontext() if now or self.size == 1 else model.no_sync()

    # --- agreeing ---

    def total(self, number: float) -> float:
        """The sum of every process's number."""
        if self.size == 1:
            return number
        numbers = torch.tensor([number], dtype=torch.float64, device=_exchange_device())
        dist.all_reduce(numbers)
        return float(numbers)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in at least one process."""
        return self.total(float(flag)) > 0

    def on_main(self, work: Callable[[], T]) -> T:
        """What `work` returns, done in process 0 alone; its error is raised in every process."""
        if self.size == 1:
            return work()
        told: list[Any] = [None, None]
        if self.main:
            try:
                told[0] = work()
            except Exception as error:
                told[1] = error
        dist.broadcast_object_list(told, src=0, device=_exchange_device())
        if told[1] is not None:
            raise told[1]
        return told[0]

    # --- failing ---

    @contextmanager
    def noticing_loss(self, kept: Callable[[], str]) -> Iterator[None]:
        """Say that a process is gone instead of what the connection says; `kept`: what is saved."""
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not _connection_failed(error):
                raise
            raise ProcessLost(
                f"another of the {self.size} processes has ended, so this one ends too; {kept()}. "
                "The same command resumes, with any number of processes"
            ) from error

    def first_to_fail(self) -> bool:
        """Whether no other process has asked this: one error is the cause, the others follow."""
        try:
            return self._store is None or self._store.add("failed", 1) == 1
        except RuntimeError:  # torchrun itself, which keeps the count, is gone
            return True


_joined: Processes | None = None


@contextmanager
def processes() -> Iterator[Processes]:
    """The processes that torchrun has started, joined at the first call; else this one alone.

    A group that the caller has made with torch.distributed is used as it is. The processes stay
    joined until they end: leaving and joining again at each call hung now and then (gloo, torch
    2.13). After an error in one process all must end, for the others may wait for its answer.
    """
    global _joined
    if _joined is not None:
        yield _joined
    elif not dist.is_available():
        yield Processes()
    elif dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
    elif not dist.is_torchelastic_launched() or os.environ.get("WORLD_SIZE", "1") == "1":
        yield Processes()
    else:
        from torch.distributed.rendezvous import rendezvous

        store, rank, size = next(iter(rendezvous("env://")))
        gpus = torch.cuda.is_available() and dist.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        atexit.register(_leave)
        _joined = Processes(rank, size, store)
        yield _joined


def _leave() -> None:
    """Leave the group before the interpreter ends.

    NCCL asks for it. A thread of gloo still has to let go of the last numbers exchanged and needs
    the interpreter for it; one that is at its end would abort the process (torch 2.13).
    """
    if not dist.is_initialized():  # a script has left it already
        return
    gc.collect()  # the group's threads end with its last user: a wrapped model is one
    time.sleep(0.1)  # where a script still holds such a model
    dist.destroy_process_group()


def _exchange_device() -> torch.device:
    """Where numbers must lie to be exchanged: a group of NCCL alone takes them from the GPU."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def _connection_failed(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error)
