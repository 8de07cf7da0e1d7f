"""The configuration: what is refused, and the presets' published sizes."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from small_models import CONFIGS

from minigpt import GPT, GPTConfig

REFUSED = {
    "vocab_size": [0, -1, 1.5, "50257", None, True],
    "block_size": [0, 1, 2.0],
    "n_layer": [0, -3],
    "n_head": [0, 3],  # 128 is no multiple of 3
    "n_embd": [0, 127, 12.0],
    "n_kv_head": [0, 3, 8, 2.0],
    "head_dim": [0, -2, 1.5],
    "mlp_hidden": [0, 0.5],
    "norm": ["batchnorm", None, "LayerNorm"],
    "mlp": ["relu", ""],
    "position": ["sinusoidal", 3],
    "norm_eps": [0.0, -1e-5, math.nan, math.inf, None, "1e-5"],
    "rope_theta": [0, -1.0, math.nan, math.inf, None, "10000"],
    "n_gram": [0, -1, 2.0, True],
    "embed_std": [0.0, -0.5, math.inf, None],
    "logit_softcap": [0.0, -5, math.nan, math.inf, "15"],
    "dropout": [-0.1, 1.0, 1.5, math.nan, "0.1", None],
    "qk_norm": ["yes", 1, None],
    "qk_gain": [0.0, -2, math.inf, None],
    "bias": ["no", 0, None],
    "tie_head": [None, "true"],
    "zero_init": [2],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_a_bad_value_is_refused_by_name(name, value):
    fields = {"vocab_size": 100} | {name: value}
    with pytest.raises(ValueError, match=name) as error:
        GPTConfig(**fields)
    assert str(value) in str(error.value), "the message tells what came"


def test_every_field_is_among_the_refused():
    assert {field.name for field in dataclasses.fields(GPTConfig)} == set(REFUSED)


def test_rotary_positions_need_an_even_head():
    with pytest.raises(ValueError, match="3 wide"):
        GPTConfig(vocab_size=10, n_head=2, n_embd=6, position="rope")
    GPTConfig(vocab_size=10, n_head=2, n_embd=6, position="learned")
    GPTConfig(vocab_size=10, n_head=2, n_embd=6, head_dim=4, position="rope")


def test_head_dim_frees_the_width():
    config = GPTConfig(vocab_size=10, n_head=3, n_embd=16, head_dim=8)
    assert (config.head_width, config.kv_heads, config.hidden) == (8, 3, 64)


def test_it_cannot_be_changed_and_has_no_room_for_typos():
    config = GPTConfig(vocab_size=10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.n_layer = 3
    with pytest.raises(TypeError, match="n_layers"):
        GPTConfig(vocab_size=10, n_layers=3)


@pytest.mark.parametrize("config", [*CONFIGS.values(), GPTConfig.gpt2(), GPTConfig.fast()])
def test_survives_json(config):
    assert GPTConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_from_dict_names_what_is_wrong():
    with pytest.raises(ValueError, match="n_layers"):
        GPTConfig.from_dict({"vocab_size": 10, "n_layers": 2})
    with pytest.raises(ValueError, match="vocab_size"):
        GPTConfig.from_dict({})


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (GPTConfig.gpt2(), 124_439_808),  # GPT-2 small
        (GPTConfig.gpt2(n_layer=24, n_head=16, n_embd=1024), 354_823_168),  # GPT-2 medium
        (GPTConfig.gpt2(n_layer=48, n_head=25, n_embd=1600), 1_557_611_200),  # GPT-2 XL
        (GPTConfig.llama(), 134_515_008),  # SmolLM2-135M
    ],
    ids=["gpt2", "gpt2-medium", "gpt2-xl", "smollm2-135m"],
)
def test_presets_have_the_published_number_of_parameters(config, parameters):
    with torch.device("meta"):
        assert GPT(config).num_parameters() == parameters


@pytest.mark.parametrize("preset", [GPTConfig.gpt2, GPTConfig.llama, GPTConfig.fast])
def test_presets_take_changes(preset):
    assert preset(block_size=77).block_size == 77
    with pytest.raises(ValueError, match="norm"):
        preset(norm="none")
