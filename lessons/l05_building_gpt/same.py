"""Models of Hugging Face's transformers with weights drawn at random, to compare ours with."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from torch import nn

from minigpt import load

VOCAB = 61


def models(seed: int = 0) -> list[Any]:
    """A small GPT2LMHeadModel and LlamaForCausalLM, in evaluation mode.

    Every weight is drawn, norms and biases too: transformers starts these at 1 and 0, where a model
    that ignores or exchanges them would look the same. Raises ImportError without transformers.
    """
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    no_ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None}
    torch.manual_seed(seed)
    made: list[Any] = [
        GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCAB, n_positions=64, n_embd=32, n_layer=2, n_head=4, **no_ends
            )
        ),
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, **no_ends,
            )
        ),
    ]  # fmt: skip
    for model in made:
        for weight in model.eval().parameters():
            nn.init.normal_(weight, std=0.1)
    return made


@torch.no_grad()
def difference(theirs: Any, seed: int = 1) -> float:
    """The largest difference of logits between a model and our class that opened its folder."""
    ids = torch.randint(VOCAB, (2, 20), generator=torch.Generator().manual_seed(seed))
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours, _ = load(folder)
    return float((ours(ids) - theirs(ids).logits).abs().max())
