"""Small models for tests: every configuration, with weights large enough for errors to show."""

from __future__ import annotations

import itertools

import torch

from minigpt import GPT, GPTConfig
from minigpt.config import MLPS, NORMS, POSITIONS

VOCAB, BLOCK = 31, 12

# What goes with each of the 18 combinations of norm, MLP and position, in turn.
_EXTRAS = (
    {},
    {"n_kv_head": 2},
    {"n_kv_head": 1, "qk_norm": True, "qk_gain": 2.5, "tie_head": False, "n_gram": 3},
    {"head_dim": 6, "bias": False, "mlp_hidden": 10},
    {"n_kv_head": 2, "logit_softcap": 5.0, "bias": False, "rope_theta": 100.0},
)
_SHAPES = itertools.product(NORMS, MLPS, POSITIONS)

CONFIGS: dict[str, GPTConfig] = {
    f"{norm}-{mlp}-{position}": GPTConfig(
        vocab_size=VOCAB,
        block_size=BLOCK,
        n_layer=2,
        n_head=4,
        n_embd=16,
        norm=norm,
        mlp=mlp,
        position=position,
        **extra,
    )
    for (norm, mlp, position), extra in zip(_SHAPES, itertools.cycle(_EXTRAS), strict=False)
}


def random_model(config: GPTConfig, seed: int = 0, std: float = 0.3) -> GPT:
    """A model in evaluation mode whose every weight, norms and biases too, is drawn at random."""
    model = GPT(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(std=std, generator=generator)
            if ".ln_" in f".{name}" and name.endswith("weight"):
                weight.add_(1)
    return model


def random_ids(batch: int, length: int, vocab: int = VOCAB, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(vocab, (batch, length), generator=generator)
