"""Lesson 05: deep stacks, models of transformers to compare with, and its widget."""

from __future__ import annotations

import pytest
import torch

from lessons.l05_building_gpt import depth, same, widget
from lessons.l05_building_gpt.depth import Kind, Stack
from minigpt import GPT, GPTConfig


def test_gradients_by_depth():
    idx = torch.randint(61, (4, 33), generator=torch.Generator().manual_seed(0))
    found = {kind.name: depth.gradients_by_depth(kind, idx, 61) for kind in depth.KINDS}
    assert {len(values) for values in found.values()} == {depth.DEPTH}
    both, no_norm = found["residual, norm"], found["residual, no norm"]
    assert 0.1 < both[0] / both[-1] < 10
    assert 1e6 * both[0] < no_norm[0] < float("inf")
    assert found["no residual, no norm"][0] < 1e-3 * both[0]


def test_stacks_differ_in_what_they_say_only():
    sizes = {
        kind.name: sum(weight.numel() for weight in Stack(kind, 61, depth=2).parameters())
        for kind in depth.KINDS
    }
    assert len({*sizes.values()}) == 1
    idx = torch.zeros(1, 8, dtype=torch.int64)
    outputs = [Stack(kind, 61, depth=2)(idx) for kind in depth.KINDS]
    assert all(
        not torch.allclose(one, other)
        for number, one in enumerate(outputs)
        for other in outputs[:number]
    )


def test_a_stack_learns():
    long, short = (depth.train(Kind(True, True), 1, steps, depth=2) for steps in (60, 10))
    assert long["loss"] < short["loss"] - 0.3
    assert long["kind"] == "residual, norm"


def test_every_weight_is_drawn_and_shows():
    """Ignore one weight of theirs (1 for norms, else 0), and the logits are others."""
    pytest.importorskip("transformers")
    ids = torch.arange(20)[None]
    for theirs in same.models():
        assert same.difference(theirs) < 1e-4
        with torch.no_grad():
            before = theirs(ids).logits
            for name, weight in theirs.named_parameters():
                kept = weight.clone()
                weight.fill_(1.0 if "norm" in name or "ln_" in name else 0.0)
                assert not torch.allclose(theirs(ids).logits, before, atol=1e-5), name
                weight.copy_(kept)


def test_the_widget_counts_what_the_model_has():
    family, layers, width, vocabulary, view = widget.shape_view().children
    assert "124,439,808" in view.value, "GPT-2"
    layers.value, width.value, vocabulary.value = 2, 128, 2_048
    config = GPTConfig.gpt2(vocab_size=2048, block_size=1024, n_layer=2, n_head=2, n_embd=128)
    assert f"{GPT(config).num_parameters():,}" in view.value
    before = view.value
    family.value = "Llama"
    assert view.value != before
