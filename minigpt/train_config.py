"""What a training run is told, and what it tells: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .optim import schedule_factor


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises ValueError for values out of range."""

    steps: int = 1_000  # updates of the weights
    batch_size: int = 12  # windows a batch
    grad_accumulation: int = 1  # batches an update
    optimizer: str = "muon"  # "muon" (with AdamW for the rest) or "adamw"
    learning_rate: float = 3e-3  # of AdamW
    muon_learning_rate: float = 0.02
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    grad_clip: float | None = 1.0  # longest gradient, as one vector
    schedule: str = "wsd"  # "wsd" (warm up, stay, decay), "cosine" or "constant"
    warmup_steps: int = 0
    decay_fraction: float = 0.5  # of all steps ("wsd")
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
        counts = ["batch_size", "grad_accumulation", "eval_interval", "checkpoint_interval"]
        counts += ["steps", "keep_checkpoints"]
        counts += [n for n in ("eval_batches", "patience") if getattr(self, n) is not None]
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")
        if self.dtype not in ("float32", "bfloat16", "auto"):
            raise ValueError(f"dtype={self.dtype!r}: choose 'float32', 'bfloat16' or 'auto'")
        schedule_factor(0, self.steps, schedule=self.schedule)  # refuses unknown names
        for name in ("learning_rate", "muon_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be greater than 0")


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
