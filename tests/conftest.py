"""What all tests share: one thread, no network, and how hypothesis looks for counterexamples."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before transformers is imported

import pytest
import torch
from hypothesis import settings
from small_models import random_model

from minigpt import GPT, BPETokenizer, CharTokenizer, GPTConfig, load

torch.set_num_threads(1)

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

TEXT = "the cat sat on the mat. the dog sat on the log; a cat and a dog saw 42 frogs! "


@pytest.fixture(scope="session")
def char_tokenizer() -> CharTokenizer:
    return CharTokenizer.train(TEXT, special_tokens=["<|end|>"])


@pytest.fixture(scope="session")
def bpe_tokenizer() -> BPETokenizer:
    return BPETokenizer.train(TEXT, vocab_size=300, special_tokens=["<|end|>"])


@pytest.fixture
def model() -> GPT:
    """A small model with large random weights, in evaluation mode."""
    return random_model(GPTConfig(vocab_size=40, block_size=16, n_layer=2, n_head=2, n_embd=16))


@pytest.fixture(scope="session")
def opened() -> tuple[GPT, BPETokenizer]:
    """The course's small model and its vocabulary; whoever changes the model works on a copy."""
    model, tokenizer = load("fernhollow-small")
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer


@pytest.fixture(scope="session")
def large() -> tuple[GPT, BPETokenizer]:
    """The course's main model and its vocabulary; whoever changes the model works on a copy."""
    model, tokenizer = load("fernhollow")
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer
