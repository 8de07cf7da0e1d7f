"""Associative recall: pairs of a key and a value, noise, then the keys again, to be answered.

A sequence: k1 v1 … kn vn | noise | k k k … with every key asked once, in another order, and its
value to be predicted there. Only these answers count. Nothing but the sequence itself tells which
value belongs to which key, and no answer stands in the input, where it could be crossed off.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigpt import GPT, GPTConfig
from minigpt.data import IGNORE
from minigpt.optim import Muon

N_KEYS, N_VALUES, N_NOISE = 16, 16, 16
VOCAB = N_KEYS + N_VALUES + N_NOISE
WIDTH = 64
BESIDE_MUON = 3e-3  # the rate of AdamW for what Muon does not train
CHANCE = 1 / N_VALUES
TOKENS = 6_000  # of a step: as many sequences as fit
SHORTEST, LONGEST = 4, 256  # tokens of noise
FEWEST, MOST = 2, 16  # pairs
AT_START, GROWN = 0.3, 0.6  # of the training: the task is its easiest until, its hardest from here
KINDS = ("attention", "LSTM", "GRU")


@dataclass(frozen=True)
class Task:
    """How many pairs are told, and how many tokens of noise stand between telling and asking."""

    n_pairs: int = 4
    gap: int = 16

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return 3 * self.n_pairs + self.gap


def batch(task: Task, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (n, T) and what to say at each token, (n, T): -100 unless a key is asked there."""
    keys = torch.rand(n, N_KEYS, generator=generator).argsort(1)[:, : task.n_pairs]
    values = torch.randint(N_VALUES, keys.shape, generator=generator) + N_KEYS
    noise = torch.randint(N_NOISE, (n, task.gap), generator=generator) + N_KEYS + N_VALUES
    order = torch.rand(keys.shape, generator=generator).argsort(1)
    told = torch.stack([keys, values], dim=2).flatten(1)  # (n, 2 * pairs)
    ids = torch.cat([told, noise, keys.gather(1, order)], dim=1)  # (n, T)
    targets = torch.full_like(ids, IGNORE)
    targets[:, -task.n_pairs :] = values.gather(1, order)
    return ids, targets


def most_frequent(n_pairs: int, n: int = 20_000, seed: int = 7) -> float:
    """Share right of always naming the value that was told most often: no key is remembered."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(N_VALUES, (n, n_pairs), generator=generator)
    return float(F.one_hot(values, N_VALUES).sum(1).amax(1).double().mean()) / n_pairs


class Recurrent(nn.Module):
    """An LSTM or GRU between an embedding and a head: all it knows is a vector of fixed size.

    The gates begin so that some units keep what they hold for a token and some for the whole
    sequence (Tallec and Ollivier 2018, 1804.11188): the default start forgets half at every token.
    """

    def __init__(self, kind: str, hidden: int, length: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        self.cell = getattr(nn, kind)(WIDTH, hidden, batch_first=True)
        self.head = nn.Linear(hidden, VOCAB, bias=False)
        keep = torch.empty(hidden).uniform_(1, max(2, length - 1)).log()  # σ(log n) keeps for n
        with torch.no_grad():
            # An LSTM's gates are (in, forget, cell, out), a GRU's (reset, update, new): the forget
            # gate and the update gate are the shares that are kept.
            self.cell.bias_ih_l0[hidden : 2 * hidden] = keep
            if kind == "LSTM":
                self.cell.bias_ih_l0[:hidden] = -keep

    def forward(self, idx: Tensor) -> Tensor:
        """idx: (B, T) -> logits (B, T, V)."""
        return self.head(self.cell(self.embed(idx))[0])


HIDDEN = {"LSTM": 125, "GRU": 147}  # so that all three have about as many parameters


def make(kind: str, length: int, seed: int) -> nn.Module:
    """A model of a kind, drawn by `seed`: "attention" (two layers of one head), "LSTM", "GRU"."""
    torch.manual_seed(seed)
    if kind in HIDDEN:
        return Recurrent(kind, HIDDEN[kind], length)
    if kind != "attention":
        raise ValueError(f"kind={kind!r}: choose one of {KINDS}")
    return GPT(
        GPTConfig(
            vocab_size=VOCAB, block_size=length, n_layer=2, n_head=1, n_embd=WIDTH,
            norm="rmsnorm", position="rope", qk_norm=True, bias=False, tie_head=False,
        )
    )  # fmt: skip


LIVE, LIVE_STEPS = Task(4, SHORTEST), 80  # the small run that the notebook repeats
LONGEST_TASK = {"gap": Task(4, LONGEST), "pairs": Task(MOST, 16), "nothing": LIVE}


@dataclass(frozen=True)
class Recipe:
    """An optimizer and its rate: what is tuned for each kind of model."""

    optimizer: str  # "AdamW", or "Muon": for the matrices between embedding and head, AdamW beside
    rate: float  # of AdamW, or of Muon

    def __str__(self) -> str:
        return f"{self.optimizer} {self.rate:g}"

    def make(self, model: nn.Module) -> list[torch.optim.Optimizer]:
        """The optimizers for all weights of a model."""
        inside = [
            weight
            for name, weight in model.named_parameters()
            if weight.dim() == 2 and name.split(".")[0] in ("h", "cell")
        ]
        hidden = inside if self.optimizer == "Muon" else []
        taken = {id(weight) for weight in hidden}
        rest = [weight for weight in model.parameters() if id(weight) not in taken]
        rate = BESIDE_MUON if hidden else self.rate
        adamw = torch.optim.AdamW(rest, lr=rate, weight_decay=0.01)
        return [adamw, Muon(hidden, self.rate)] if hidden else [adamw]


def drawn(vary: str, done: float, generator: torch.Generator) -> Task:
    """A task for training, when a share `done` of the steps is over.

    vary="gap": 4 pairs, and noise from 4 to at most 256 tokens. vary="pairs": 2 to at most 16 pairs
    and 16 tokens of noise. The task begins at its easiest, and its upper end grows: a model that
    meets the hardest first may learn nothing for thousands of steps, whatever it could hold.
    vary="nothing": 4 pairs and 4 tokens throughout. Raises ValueError for another `vary`.
    """
    if vary == "nothing":
        return LIVE
    if vary not in LONGEST_TASK:
        raise ValueError(f"vary={vary!r}: choose one of {sorted(LONGEST_TASK)}")
    low, high = (SHORTEST, LONGEST) if vary == "gap" else (FEWEST, MOST)
    grown = min(1.0, max(0.0, done - AT_START) / (GROWN - AT_START))
    octaves = grown * math.log2(high / low) * float(torch.rand((), generator=generator))
    size = round(low * 2**octaves)
    return Task(4, size) if vary == "gap" else Task(size, 16)


def train(
    kind: str,
    vary: str,
    seed: int,
    recipe: Recipe,
    steps: int,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """A model trained on tasks of growing size; its rate rises over 50 steps and falls to zero."""
    model = make(kind, LONGEST_TASK[vary].length, seed)
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    optimizers = recipe.make(model)
    shapes = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / 50, 2 * (1 - step / steps))
        )
        for optimizer in optimizers
    ]
    model.train()
    for step in range(steps):
        task = drawn(vary, step / steps, generator)
        x, y = batch(task, TOKENS // task.length, generator)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=IGNORE)
        model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, shape in zip(optimizers, shapes, strict=True):
            optimizer.step()
            shape.step()
        if on_step is not None:
            on_step(step + 1, loss.item())
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, task: Task, n: int = 250, seed: int = 7) -> float:
    """Share of answers that come out right, over `n` new sequences: n * pairs answers."""
    x, y = batch(task, n, torch.Generator().manual_seed(seed))
    right = model(x).argmax(-1) == y
    return float(right[y != IGNORE].float().mean())


def run(
    kind: str, vary: str, seed: int, recipe: Recipe, steps: int, tasks: Sequence[Task]
) -> dict[str, Any]:
    """One run, ready to be recorded: the share right at each task, and the last losses."""
    start = time.perf_counter()
    losses: list[float] = []
    model = train(kind, vary, seed, recipe, steps, on_step=lambda _, loss: losses.append(loss))
    return {
        "kind": kind,
        "vary": vary,
        "seed": seed,
        "recipe": str(recipe),
        "steps": steps,
        "loss": sum(losses[-20:]) / len(losses[-20:]),
        "right": [[task.n_pairs, task.gap, accuracy(model, task)] for task in tasks],
        "seconds": time.perf_counter() - start,
    }


def text(ids: Tensor) -> str:
    """Tokens in letters: k for keys, v for values, and a dot for noise."""
    first_noise = N_KEYS + N_VALUES
    names = []
    for token in ids.tolist():
        if token < N_KEYS:
            names.append(f"k{token}")
        else:
            names.append(f"v{token - N_KEYS}" if token < first_noise else "·")
    return " ".join(names)
