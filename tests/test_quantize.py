"""Int8 weights: close to the model they came from, for writing and scoring only."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from small_models import BLOCK, CONFIGS, random_ids, random_model

from minigpt import GPT, GPTConfig, TrainConfig, fit, generate, save_checkpoint
from minigpt.evaluate import token_losses
from minigpt.quantize import Int8Linear, _GatedMLP, _Norm, quantize_int8


def error(found, expected):
    return float((found - expected).norm() / expected.norm())


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_a_layer_is_close_to_the_layer_it_came_from(inputs, outputs, rows, bias, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator)
    weight *= torch.logspace(-3, 3, outputs)[:, None]  # each channel has a scale of its own
    x = torch.randn(rows, inputs, generator=generator)
    offset = torch.randn(outputs, generator=generator) if bias else None
    found = Int8Linear(weight, offset)(x)
    expected = F.linear(x, weight, offset)
    # Half a step of each weight and of each input, at most, in every one of the products.
    large = weight.abs().amax(1) * x.abs().amax(1, keepdim=True)  # (rows, outputs)
    bound = inputs * large * (0.5 / 127 + 1.01 / 127 + 0.01)
    assert ((found - expected).abs() <= bound + 1e-6).all()


def test_large_weights_and_inputs_do_not_overflow():
    """Pairs of products are added in 16 bits: with inputs of 8 bits this gave half of it."""
    x, weight = torch.ones(1, 64), torch.ones(3, 64)
    torch.testing.assert_close(Int8Linear(weight, None)(x), torch.full((1, 3), 64.0))


def test_a_layer_of_zeros_and_an_input_of_zeros():
    assert Int8Linear(torch.zeros(3, 5), None)(torch.ones(2, 5)).eq(0).all()
    bias = torch.tensor([1.0, 2.0, 3.0])
    for rows in (1, 2):
        assert Int8Linear(torch.ones(3, 5), bias)(torch.zeros(rows, 5)).eq(bias).all()


def test_a_large_row_does_not_spoil_a_small_one():
    weight, x = torch.randn(16, 32), torch.randn(1, 32)
    layer = Int8Linear(weight, None)
    found = layer(torch.cat([x, 1000 * torch.randn(1, 32)]))[:1]
    assert error(found, F.linear(x, weight)) < 0.05


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_is_close_to_the_model_it_came_from(name):
    model, idx = random_model(CONFIGS[name], std=0.1), random_ids(3, BLOCK)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    small = quantize_int8(model)
    assert not any(type(module) is torch.nn.Linear for module in small.modules())
    assert isinstance(small.lm_head, Int8Linear), "the head, too, tied or not"
    with torch.no_grad():
        found, expected = small(idx), model(idx)
        assert 0 < error(found, expected) < 0.1
        cache = small.new_cache(3)
        steps = torch.cat([small(idx[:, t : t + 1], cache) for t in range(BLOCK)], dim=1)
        assert error(steps, expected) < 0.1
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]), "the model itself stays as it was"
    assert model.lm_head is None or type(model.lm_head) is torch.nn.Linear


def test_it_writes():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"])
    small, idx = quantize_int8(model), random_ids(2, 4)
    found = generate(small, idx, 3 * BLOCK, temperature=0)
    assert found.shape == (2, 4 + 3 * BLOCK)
    assert torch.equal(found[:, :4], idx)


def test_a_model_in_bfloat16():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"], std=0.1).to(torch.bfloat16)
    small, idx = quantize_int8(model), random_ids(2, 4)
    with torch.no_grad():
        assert error(small(idx), model(idx).float()) < 0.1


def test_it_cannot_be_saved_or_trained(tmp_path):
    config = GPTConfig(vocab_size=31, block_size=8, n_layer=1, n_head=2, n_embd=16)
    small = quantize_int8(GPT(config))
    assert not small.training
    with pytest.raises(ValueError, match=r"int8 model cannot be saved.*quantize_int8 was given"):
        save_checkpoint(tmp_path / "model", small, None)
    assert not (tmp_path / "model").exists()
    with pytest.raises(ValueError, match=r"int8 model cannot be trained"):
        small.train()
    ids = random_ids(1, 200)[0]
    with pytest.raises(ValueError, match=r"int8 model cannot be (trained|saved)"):
        fit(small, ids, ids, TrainConfig(steps=2, batch_size=2))
    assert token_losses(small, ids).isfinite().all()


def test_what_cannot_be_quantised_is_refused():
    class Adapted(torch.nn.Linear):
        pass

    model = random_model(CONFIGS["layernorm-gelu-learned"])
    with pytest.raises(ValueError, match="quantised already"):
        quantize_int8(quantize_int8(model))
    with pytest.raises(ValueError, match="not meta"):
        quantize_int8(model.to("meta"))
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    model.h[1].mlp.c_fc = Adapted(16, 64)
    with pytest.raises(ValueError, match=r"h.1.mlp.c_fc is a Adapted"):
        quantize_int8(model)


def test_it_cannot_be_compiled():
    small = quantize_int8(random_model(CONFIGS["layernorm-gelu-learned"]))
    with pytest.raises(ValueError, match="int8 model cannot be compiled"):
        generate(small, random_ids(1, 3), 2, compile=True)


def test_norms_and_gated_layers_of_the_copy_compute_the_same():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"])
    small = quantize_int8(model)
    x = torch.randn(2, 3, model.config.n_embd, generator=torch.Generator().manual_seed(1))
    block, copied = model.h[0], small.h[0]
    assert isinstance(copied.ln_1, _Norm)
    assert torch.allclose(copied.ln_1(x), block.ln_1(x), atol=1e-5)
    assert torch.allclose(copied.ln_1(torch.zeros(1, 1, x.size(-1))), torch.zeros(()))
    assert isinstance(copied.mlp, _GatedMLP)
    apart = [Int8Linear(layer.weight, layer.bias) for layer in (block.mlp.c_gate, block.mlp.c_fc)]
    gate, h = (layer(x) for layer in apart)
    expected = Int8Linear(block.mlp.c_proj.weight, block.mlp.c_proj.bias)(F.silu(gate) * h)
    assert torch.equal(copied.mlp(x), expected)
