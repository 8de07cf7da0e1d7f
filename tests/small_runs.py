"""Small training runs for tests: a model that learns within seconds, and what to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from minigpt import GPT, GPTConfig, TrainConfig

VOCAB, BLOCK = 24, 8
TEXT = "the cat sat on the mat. the dog sat on the log; a cat and a dog saw 42 frogs!\n" * 40

# Options of `minigpt train` for a model of one narrow layer.
NARROW = "--n-layer 1 --n-head 2 --n-embd 16 --block-size 16 --vocab-size 270 --batch-size 4"


def small_model(preset: str = "fast", seed: int = 0, **changes: Any) -> GPT:
    torch.manual_seed(seed)
    shape = {"vocab_size": VOCAB, "block_size": BLOCK, "n_layer": 1, "n_head": 2, "n_embd": 16}
    return GPT(getattr(GPTConfig, preset)(**(shape | changes)))


def stream(length: int = 300, seed: int = 0) -> torch.Tensor:
    """Token ids (N,) in which each token says a good deal about the next."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, 4, (length,), generator=generator)
    return steps.cumsum(0) % VOCAB


def settings(**changes: Any) -> TrainConfig:
    base = {"steps": 6, "batch_size": 4, "eval_interval": 2, "checkpoint_interval": 2}
    return TrainConfig(**(base | changes))


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same_weights(
    left: dict[str, torch.Tensor] | GPT, right: dict[str, torch.Tensor] | GPT
) -> None:
    """Bit for bit."""
    left, right = (w if isinstance(w, dict) else w.state_dict() for w in (left, right))
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        assert torch.equal(left[name], right[name]), name


def differ(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(left[name], right[name]) for name in left)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
