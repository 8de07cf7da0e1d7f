"""What a training run is told, and what it tells: plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .optim import schedule_factor

MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises ValueError for values out of range."""

    steps: int = 1_000  # updates of the weights
    batch_size: int = 12  # windows a batch
    grad_accumulation: int = 1  # batches an update
    # The defaults are a recipe for few steps; what each part saves: benchmarks/ablation.py.
    optimizer: str = "muon"  # "muon" (with AdamW for the rest) or "adamw"
    learning_rate: float = 1e-2  # of AdamW; high, as embeddings and head see little of each batch
    embedding_learning_rate: float | None = None  # of token embeddings; None: as learning_rate
    muon_learning_rate: float = 0.03
    muon_momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    grad_clip: float | None = 1.0  # longest gradient, as one vector
    schedule: str = "wsd"  # "wsd" (warm up, stay, decay), "cosine" or "constant"
    warmup_steps: int = 0
    decay_fraction: float = 1.0  # of all steps ("wsd"); 1: a straight line (2502.15938)
    min_factor: float = 0.0  # the rate's last value, as a part of its highest
    dtype: str = "float32"  # "float32", "bfloat16" (autocast), "auto": bfloat16 where it pays
    compile: bool = False  # torch.compile; needs a C++ compiler on CPUs
    seed: int = 0
    eval_interval: int = 100  # steps between two evaluations
    eval_batches: int | None = None  # None: all of a stream (20 batches of a function)
    patience: int | None = None  # stop after so many evaluations without a better one
    checkpoint_interval: int = 200  # steps between two checkpoints
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        counts = ["steps", "batch_size", "grad_accumulation", "eval_interval"]
        counts += ["checkpoint_interval", "keep_checkpoints"]
        counts += [n for n in ("eval_batches", "patience") if getattr(self, n) is not None]
        for name in counts:
            self._need_whole(name, 1)
        self._need_whole("warmup_steps", 0)
        self._need_whole("seed", 0, MAX_SEED)
        numbers = ["learning_rate", "muon_learning_rate", "muon_momentum", "weight_decay"]
        numbers += ["decay_fraction", "min_factor"]
        numbers += [
            n for n in ("embedding_learning_rate", "grad_clip") if getattr(self, n) is not None
        ]
        for name in numbers:
            self._need(name, _is_number(getattr(self, name)), "a number")
        for name in ("learning_rate", "muon_learning_rate"):
            self._need(name, 0 < getattr(self, name) < math.inf, "a number greater than 0")
        own = self.embedding_learning_rate
        allowed = "a number greater than 0, or None"
        self._need("embedding_learning_rate", own is None or 0 < own < math.inf, allowed)
        self._need("muon_momentum", 0 <= self.muon_momentum < 1, "0 <= momentum < 1")
        self._need("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more")
        self._need("decay_fraction", 0 <= self.decay_fraction <= 1, "0 to 1")
        self._need("min_factor", 0 <= self.min_factor <= 1, "0 to 1")
        betas = self.betas
        pair = isinstance(betas, tuple | list) and len(betas) == 2
        self._need(
            "betas",
            pair and all(_is_number(b) and 0 <= b < 1 for b in betas),
            "two, each 0 <= beta < 1",
        )
        self._need("compile", isinstance(self.compile, bool), "True or False")
        clip = self.grad_clip
        self._need("grad_clip", clip is None or clip > 0, "greater than 0, or None")
        self._need("optimizer", self.optimizer in ("muon", "adamw"), "'muon' or 'adamw'")
        dtypes = ("float32", "bfloat16", "auto")
        self._need("dtype", self.dtype in dtypes, "'float32', 'bfloat16' or 'auto'")
        schedule_factor(0, self.steps, schedule=self.schedule)  # refuses unknown names

    def _need_whole(self, name: str, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        fits = isinstance(value, int) and not isinstance(value, bool)
        fits = fits and low <= value and (high is None or value <= high)
        allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
        self._need(name, fits, f"a whole number {allowed}")

    def _need(self, name: str, fits: bool, allowed: str) -> None:
        if not fits:
            raise ValueError(f"{name}={getattr(self, name)!r}: must be {allowed}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass
class History:
    """What happened, as plain lists: entry i of a step list belongs to update i + 1."""

    step: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)  # nats per token, before the update
    learning_rate: list[float] = field(default_factory=list)
    tokens_per_second: list[float] = field(default_factory=list)
    val_step: list[int] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)  # nats per token
    seconds: float = 0.0  # training only, evaluation left out
    stopped: str = ""  # why it ended: "finished", "early stop" or "interrupted"


@dataclass(frozen=True)
class StepInfo:
    """What `on_step` is told after each update."""

    step: int  # updates done
    steps: int
    train_loss: float
    val_loss: float | None  # only after steps with an evaluation
    learning_rate: float
    tokens_per_second: float
    seconds: float  # trained so far
    remaining: float  # seconds still to train, estimated


class TrainingDiverged(RuntimeError):
    """The loss or a gradient stopped being a number."""
