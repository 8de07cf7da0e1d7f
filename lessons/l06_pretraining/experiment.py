"""The lesson's experiment, in pieces that the notebook and the recorded sweep share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lessons.l06_pretraining.baselines import (
    KneserNey,
    compressed_bits_per_byte,
    compressors,
)
from lessons.l06_pretraining.corpus import (
    MOST_OVERLAP,
    Split,
    articles,
    overlap,
    split_articles,
)
from lessons.l06_pretraining.pairs import Pair, make_pairs, share_right
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit, generate_text
from minigpt.data import pack
from minigpt.evaluate import bits_per_byte, token_losses
from minigpt.tokenizer import END
from minigpt.train_config import StepInfo

VOCAB_SIZE = 1024
PROMPT = "The value of the"


@dataclass(frozen=True)
class Recipe:
    """Shape of a model and how it is trained: fields of GPTConfig.fast and of TrainConfig."""

    model: dict[str, Any]
    training: dict[str, Any]
    measured_at: tuple[int, ...]  # steps


# What the recorded runs were made with, in full: a new default must not change an old record.
SHAPE: dict[str, Any] = {"block_size": 128, "n_layer": 2, "n_head": 4, "n_embd": 128}
SHAPE |= {"n_gram": 1, "embed_std": 0.02}
OPTIMIZER: dict[str, Any] = {"learning_rate": 3e-3, "muon_learning_rate": 0.02}
OPTIMIZER |= {"muon_momentum": 0.95, "decay_fraction": 0.5}
LIVE = Recipe(  # half a minute of one thread
    model=SHAPE,
    training=OPTIMIZER | {"steps": 250, "batch_size": 8},
    measured_at=(0, 10, 20, 50, 100, 150, 200, 250),
)
LONG = Recipe(  # recorded: the same shape, read for longer, so with dropout
    model=SHAPE | {"dropout": 0.1},
    training=OPTIMIZER | {"steps": 2_000, "batch_size": 8},
    measured_at=(0, 10, 20, 50, 100, 200, 400, 800, 1_400, 2_000),
)


@dataclass(frozen=True)
class Material:
    """A split of the text, and what the tokenizer (trained on the training part) makes of it."""

    split: Split
    tokenizer: BPETokenizer
    train: Tensor  # (N,) articles, each after an end token
    held_out: Tensor
    pairs: dict[str, list[Pair]]

    @property
    def held_out_bytes(self) -> int:
        return self.split.held_out_bytes


def prepare(seed: int, path: str | None = None) -> Material:
    """Split the text by `seed`, train the tokenizer, encode both parts, draw minimal pairs.

    Raises ValueError if the two parts overlap too much to measure anything.
    """
    split = split_articles(articles(path), seed)
    if (shared := overlap(split)) > MOST_OVERLAP:
        raise ValueError(f"{shared:.1%} of the held-out 64-grams also stand in the training part")
    text = "\n".join(split.train)
    tokenizer = BPETokenizer.train(text, VOCAB_SIZE, special_tokens=[END])
    end = tokenizer.special_tokens[END]
    train, held_out = (pack(map(tokenizer.encode, p), end) for p in (split.train, split.held_out))
    pairs = make_pairs(split.train, split.held_out, tokenizer, seed)
    return Material(split, tokenizer, train, held_out, pairs)


def held_out_bits(model: GPT, material: Material) -> float:
    """Bits per byte on the held-out articles, each token with half a window before it."""
    losses = token_losses(model, material.held_out, stride=model.config.block_size // 2)
    return bits_per_byte(float(losses.double().sum()), material.held_out_bytes)


def baselines(material: Material) -> dict[str, float]:
    """Bits per byte of everything that needs no training, on the same held-out articles."""
    train, held_out = material.train.tolist(), material.held_out.tolist()
    size, n_bytes = material.tokenizer.vocab_size, material.held_out_bytes
    results = {"uniform": bits_per_byte((len(held_out) - 1) * math.log(size), n_bytes)}
    for name, order in (("unigram", 1), ("bigram", 2), ("5-gram", 5)):
        results[name] = bits_per_byte(KneserNey(train, order, size).nats(held_out), n_bytes)
    before = "\n".join(material.split.train).encode()
    after = "\n".join(material.split.held_out).encode()
    for name, compressed_size in compressors().items():
        results[name] = compressed_bits_per_byte(compressed_size, before, after)
    return results


def shares_right(model: GPT, material: Material) -> dict[str, float]:
    """The share of minimal pairs that come out right, by structure."""
    return {
        structure: share_right(model, material.tokenizer, pairs)
        for structure, pairs in material.pairs.items()
    }


def measure(model: GPT, material: Material) -> dict[str, float]:
    """Bits per byte, and the share of minimal pairs that come out right, by structure."""
    return {
        "bits_per_byte": held_out_bits(model, material),
        **shares_right(model, material),
    }


def write(model: GPT, material: Material, seed: int = 0) -> str:
    """80 tokens that follow the prompt, drawn with a seed of their own."""
    generator = torch.Generator().manual_seed(seed)
    return PROMPT + generate_text(
        model, material.tokenizer, PROMPT, 80, temperature=0.8, top_p=0.95, generator=generator
    )


def pretrain(
    material: Material,
    recipe: Recipe,
    seed: int,
    *,
    shuffled: bool = False,
    on_checkpoint: Callable[[int, GPT], None] | None = None,
) -> GPT:
    """Train a model from random weights; `shuffled` trains on the tokens in random order."""
    train = material.train
    if shuffled:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
        train = train[order]
    torch.manual_seed(seed)
    model = GPT(GPTConfig.fast(vocab_size=material.tokenizer.vocab_size, **recipe.model))
    stops = Stops(model, recipe.measured_at, on_checkpoint)
    fit(model, train, None, TrainConfig(seed=seed, **recipe.training), on_step=stops)
    return model


class Stops:
    """Calls a function with the step and the model: at once for step 0, then from fit's on_step."""

    def __init__(
        self, model: GPT, steps: Sequence[int], call: Callable[[int, GPT], None] | None
    ) -> None:
        self.model, self.steps, self.call = model, steps, call
        self._at(0)

    def _at(self, step: int) -> None:
        if self.call is not None and step in self.steps:
            self.call(step, self.model)

    def __call__(self, info: StepInfo) -> None:
        self._at(info.step)
