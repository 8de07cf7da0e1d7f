"""Probes: beside transformers' own attention maps, on parts changed by hand, on a head built."""

from __future__ import annotations

import pytest
import torch
from small_models import BLOCK, CONFIGS, random_ids, random_model
from test_parity import gpt2, llama

import minigpt
from minigpt import GPT, GPTConfig, attention_maps
from minigpt.probes import (
    ablated_heads,
    activations,
    induction_scores,
    previous_token_scores,
    repeated_tokens,
)

IDX = random_ids(2, BLOCK)


# --- attention maps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs", [gpt2(), gpt2(n_head=2, n_layer=3), llama(), llama(num_key_value_heads=2)]
)
def test_the_maps_are_transformers(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    ours, _ = minigpt.load(tmp_path)
    idx = random_ids(2, 20, ours.config.vocab_size)
    with torch.no_grad():
        expected = torch.stack(theirs(idx, output_attentions=True).attentions)
    found = attention_maps(ours, idx)
    assert found.shape == expected.shape == (ours.config.n_layer, 2, ours.config.n_head, 20, 20)
    assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", CONFIGS)
def test_rows_add_up_to_one_and_look_back_only(name):
    model = random_model(CONFIGS[name]).train()
    maps = attention_maps(model, IDX)
    assert torch.allclose(maps.sum(-1), torch.ones(()), atol=1e-5)
    assert torch.equal(maps, maps.tril())
    assert model.training
    assert not maps.requires_grad
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_maps_explain_the_output(model):
    """The heads' own outputs are their maps times their values."""
    idx = random_ids(2, 12, 40)
    x = activations(model, idx, ["h.0.ln_1", "h.0.attn.attend"])
    C = model.config.n_embd
    values = x["h.0.ln_1"] @ model.h[0].attn.c_attn.weight[2 * C :].T
    values = values + model.h[0].attn.c_attn.bias[2 * C :]
    heads = values.view(2, 12, model.config.n_head, -1).transpose(1, 2)
    assert torch.allclose(attention_maps(model, idx)[0] @ heads, x["h.0.attn.attend"], atol=1e-5)


# --- activations --------------------------------------------------------------------------------


def test_activations_by_name(model):
    idx = random_ids(2, 9, 40)
    found = activations(model, idx, ["h.0", "h.1.attn", "h.1.mlp", "h.1", "ln_f"])
    assert [*found] == ["h.0", "h.1.attn", "h.1.mlp", "h.1", "ln_f"]
    assert torch.allclose(found["h.0"] + found["h.1.attn"] + found["h.1.mlp"], found["h.1"])
    with torch.no_grad():
        assert torch.equal(model.head(found["ln_f"]), model(idx))
    assert found["h.0"].shape == (2, 9, 16)
    assert not any(module._forward_hooks for module in model.modules())


def test_activations_that_are_not_there(model):
    for name in ("h.2", "h.0.atn", "", "x"):
        with pytest.raises(ValueError, match=f"no module '{name}'; there are"):
            activations(model, IDX, ["h.0", name])
    with pytest.raises(ValueError, match="give a list"):
        activations(model, IDX, "h.0")
    with pytest.raises(ValueError, match="put nothing out"):
        activations(model, IDX, ["h"])
    assert not any(module._forward_hooks for module in model.modules())


# --- ablation -----------------------------------------------------------------------------------


@torch.no_grad()
def test_an_ablated_head_is_one_whose_output_weights_are_zero(model):
    idx = random_ids(2, 12, 40)
    before = model(idx)
    with ablated_heads(model, [(0, 1), (1, 0)]):
        found = model(idx)
    assert torch.equal(model(idx), before)
    D = model.config.head_width
    model.h[0].attn.c_proj.weight[:, D : 2 * D] = 0
    model.h[1].attn.c_proj.weight[:, :D] = 0
    assert torch.allclose(found, model(idx), atol=1e-5)
    assert (found - before).abs().max() > 0.01


@torch.no_grad()
def test_mean_ablation_keeps_what_a_head_always_says(model):
    idx = random_ids(3, 12, 40)
    said = activations(model, idx, ["h.0.attn.attend"])["h.0.attn.attend"]
    with ablated_heads(model, [(0, 1)], how="mean"):
        now = activations(model, idx, ["h.0.attn"])["h.0.attn"]
    changed = said.clone()
    changed[:, 1] = said[:, 1].mean((0, 1))
    expected = model.h[0].attn.c_proj(changed.transpose(1, 2).reshape(3, 12, -1))
    assert torch.allclose(now, expected, atol=1e-5)


@torch.no_grad()
def test_ablation_holds_while_writing(model):
    prompt = random_ids(1, 8, 40)
    plain = minigpt.generate(model, prompt, 6, temperature=0)
    with ablated_heads(model, [(0, 0), (0, 1), (1, 0), (1, 1)]):
        cached = minigpt.generate(model, prompt, 6, temperature=0)
        assert torch.equal(
            cached, minigpt.generate(model, prompt, 6, temperature=0, use_cache=False)
        )
    assert not torch.equal(cached, plain)


def test_heads_that_do_not_exist(model):
    for head in [(2, 0), (0, 2), (-1, 0)]:
        with (
            pytest.raises(ValueError, match="layers are 0 to 1, heads 0 to 1"),
            ablated_heads(model, [head]),
        ):
            pass
    with pytest.raises(ValueError, match="how='noise'"), ablated_heads(model, [], how="noise"):
        pass


# --- induction ----------------------------------------------------------------------------------


def built_by_hand(vocab: int = 20) -> GPT:
    """One layer, two heads, made of ones and zeros. Inputs hold a token and the one before it.

    Head 0 asks for places whose token before is the own one: it finds what followed last time.
    Head 1 asks for places whose token is the own one.
    """
    config = GPTConfig(
        vocab_size=vocab, block_size=64, n_layer=1, n_head=2, n_embd=2 * vocab, head_dim=vocab,
        norm="rmsnorm", position="none", bias=False, tie_head=False, n_gram=2,
    )  # fmt: skip
    model = GPT(config).eval()
    eye, none = torch.eye(vocab), torch.zeros(vocab, vocab)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.h[0].ln_1.weight.fill_(1)
        model.wte.weight.copy_(torch.cat([eye, none], dim=1))
        model.wte_back[0].weight[:vocab].copy_(torch.cat([none, eye], dim=1))
        token, before = torch.cat([eye, none], dim=1), torch.cat([none, eye], dim=1)  # (V, C)
        rows = [token, token, before, token, 0 * token, 0 * token]  # q of heads 0 and 1, k, v
        model.h[0].attn.c_attn.weight.copy_(torch.cat(rows) * 8)
    return model


def test_an_induction_head_built_by_hand_is_found():
    model = built_by_hand()
    scores = induction_scores(model, torch.randperm(20)[None].repeat(1, 2))
    assert scores.shape == (1, 2)
    assert scores[0, 0] > 0.99
    assert scores[0, 1] < 0.01


def test_no_head_of_an_untrained_model_is_one():
    model = random_model(GPTConfig(vocab_size=200, block_size=64, n_layer=2, n_head=4), std=0.02)
    assert (induction_scores(model) < 0.1).all()
    assert (previous_token_scores(model) < 0.15).all()


def test_a_previous_token_head():
    """Learned positions, keys that are the next position's query."""
    config = GPTConfig(
        vocab_size=5, block_size=16, n_layer=1, n_head=1, n_embd=16, norm="rmsnorm", bias=False
    )
    model = GPT(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.h[0].ln_1.weight.fill_(1)
        model.wpe.weight.copy_(torch.eye(16))
        shift = torch.eye(16).roll(1, dims=0)  # row i + 1 answers to position i
        model.h[0].attn.c_attn.weight.copy_(torch.cat([torch.eye(16), shift, shift]) * 8)
    assert previous_token_scores(model, random_ids(2, 16, 5))[0, 0] > 0.99


def test_tokens_that_cannot_be_scored(model):
    for idx in (torch.tensor([1, 1]), torch.tensor([[1, 1]]), torch.tensor([[1, 2, 2, 1]])):
        with pytest.raises(ValueError, match="two copies of the same tokens"):
            induction_scores(model, idx)
    for idx in (torch.tensor([1, 2]), torch.tensor([[1]])):
        with pytest.raises(ValueError, match="T of at least 2"):
            previous_token_scores(model, idx)
    with pytest.raises(ValueError, match="tokens is empty"):
        repeated_tokens(model, tokens=[])


def test_repeated_tokens(model):
    idx = repeated_tokens(model, n=3, length=5, tokens=[7, 9, 11], seed=2)
    assert idx.shape == (3, 10)
    assert torch.equal(idx[:, :5], idx[:, 5:])
    assert {*idx.flatten().tolist()} <= {7, 9, 11}
    assert torch.equal(idx, repeated_tokens(model, n=3, length=5, tokens=[7, 9, 11], seed=2))
    assert repeated_tokens(model).shape == (8, 16)
    for length in (1, 9):
        with pytest.raises(ValueError, match=f"length={length}: choose 2 to 8"):
            repeated_tokens(model, length=length)
    for other in (random_ids(1, 10, 40), random_ids(1, 9, 40)):
        with pytest.raises(ValueError, match="two copies"):
            induction_scores(model, other)
