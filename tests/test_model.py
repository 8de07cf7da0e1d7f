"""The model against a second one written with plain loops, and its promises."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from safetensors.torch import save_file
from small_models import BLOCK, CONFIGS, VOCAB, random_ids, random_model

from minigpt import GPT, GPTConfig
from minigpt.model import ScaledDotProduct, rotary_table, rotate

GQA = "layernorm-gelu-rope"  # with two heads of keys and values for four of queries


def normed(x, config, weights, name):
    """One vector (C,) through a norm, by the formulas of the papers."""
    if config.norm == "layernorm":
        x = x - x.mean()
    x = x / torch.sqrt((x * x).mean() + config.norm_eps) * weights[f"{name}.weight"]
    return x + weights[f"{name}.bias"] if f"{name}.bias" in weights else x


def linear(x, weights, name):
    y = weights[f"{name}.weight"] @ x
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def turned(x, position, config):
    """One head's vector (D,), each pair (x[i], x[i + D/2]) turned by position * theta^(-2i/D)."""
    half = config.head_width // 2
    y = x.clone()
    for i in range(half):
        angle = position * config.rope_theta ** (-2 * i / config.head_width)
        cos, sin = math.cos(angle), math.sin(angle)
        y[i] = x[i] * cos - x[i + half] * sin
        y[i + half] = x[i] * sin + x[i + half] * cos
    return y


def attention(inputs, config, weights, name):
    H, G, D = config.n_head, config.kv_heads, config.head_width
    queries, keys, values = [], [], []
    for position, x in enumerate(inputs):
        q, k, v = linear(x, weights, f"{name}.c_attn").split([H * D, G * D, G * D])
        q, k = list(q.split(D)), list(k.split(D))
        if config.qk_norm:
            eps = torch.finfo(q[0].dtype).eps
            q, k = ([h / torch.sqrt((h * h).mean() + eps) for h in heads] for heads in (q, k))
        if config.position == "rope":
            q, k = ([turned(h, position, config) for h in heads] for heads in (q, k))
        queries.append(q)
        keys.append(k)
        values.append(v.split(D))
    outputs = []
    for t in range(len(inputs)):
        heads = []
        for h in range(H):
            g = h // (H // G)
            scores = torch.stack([queries[t][h] @ keys[s][g] for s in range(t + 1)])
            shares = (config.qk_gain * scores / math.sqrt(D)).softmax(0)
            heads.append(sum(share * values[s][g] for s, share in enumerate(shares)))
        outputs.append(linear(torch.cat(heads), weights, f"{name}.c_proj"))
    return outputs


def mlp(x, config, weights, name):
    h = linear(x, weights, f"{name}.c_fc")
    if config.mlp == "gelu":
        h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
    elif config.mlp == "relu2":
        h = h.clamp(min=0) ** 2
    else:
        gate = linear(x, weights, f"{name}.c_gate")
        h = gate * torch.sigmoid(gate) * h
    return linear(h, weights, f"{name}.c_proj")


def plain_logits(model, row):
    """Logits (T, V) of one row of ids, token by token and head by head."""
    config, weights = model.config, model.state_dict()
    stream = [weights["wte.weight"][token] for token in row]
    for back in range(1, config.n_gram):
        earlier = [config.vocab_size] * back + list(row[:-back])
        table = weights[f"wte_back.{back - 1}.weight"]
        stream = [x + table[token] for x, token in zip(stream, earlier, strict=True)]
    if config.position == "learned":
        stream = [x + weights["wpe.weight"][t] for t, x in enumerate(stream)]
    for layer in range(config.n_layer):
        name = f"h.{layer}"
        inputs = [normed(x, config, weights, f"{name}.ln_1") for x in stream]
        found = attention(inputs, config, weights, f"{name}.attn")
        stream = [x + y for x, y in zip(stream, found, strict=True)]
        stream = [
            x + mlp(normed(x, config, weights, f"{name}.ln_2"), config, weights, f"{name}.mlp")
            for x in stream
        ]
    head = weights["wte.weight" if config.tie_head else "lm_head.weight"]
    logits = torch.stack([head @ normed(x, config, weights, "ln_f") for x in stream])
    if config.logit_softcap:
        logits = config.logit_softcap * torch.tanh(logits / config.logit_softcap)
    return logits


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_plain_loops(name):
    model = random_model(CONFIGS[name]).double()
    idx = random_ids(2, BLOCK - 1)
    with torch.no_grad():
        found = model(idx)
        for row, logits in zip(idx, found, strict=True):
            # Our rotary angles are float32 on purpose, hence no tighter bound there.
            torch.testing.assert_close(logits, plain_logits(model, row), atol=1e-5, rtol=0)
    assert found.std() > 0.3, "too flat to show an error"


@pytest.mark.parametrize("name", CONFIGS)
def test_forward_is_head_of_features(name):
    model, idx = random_model(CONFIGS[name]), random_ids(3, 5)
    features = model.features(idx)
    assert features.shape == (3, 5, model.config.n_embd)
    logits = model(idx)
    assert logits.shape == (3, 5, VOCAB)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(model.head(features), logits, atol=0, rtol=0)
    torch.testing.assert_close(model.head(features[:, -1]), logits[:, -1])


def test_rotary_scores_depend_on_the_distance_alone():
    config = GPTConfig(vocab_size=9, n_embd=32, n_head=2, position="rope")
    cos, sin = rotary_table(config, 40, torch.device("cpu"))
    q, k = torch.randn(2, 1, 1, 1, 16).unbind(0)
    score = [
        (rotate(q, cos[t + 5], sin[t + 5]) * rotate(k, cos[t], sin[t])).sum() for t in range(35)
    ]
    torch.testing.assert_close(torch.stack(score), score[0].expand(35))
    other = (rotate(q, cos[9], sin[9]) * rotate(k, cos[3], sin[3])).sum()
    assert abs(other - score[0]) > 1e-3


def test_without_positions_a_model_still_counts_only_the_past():
    model = random_model(GPTConfig(vocab_size=9, n_layer=1, position="none"))
    swapped = model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[2, 1, 3]]))
    torch.testing.assert_close(swapped[0][:, -1], swapped[1][:, -1])  # a bag of words
    assert not torch.allclose(swapped[0][:, 1], swapped[1][:, 1])


def test_initial_weights_are_gpt2s():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=500, n_layer=8, n_embd=128))
    for name, weight in model.state_dict().items():
        if name.endswith("bias"):
            assert not weight.any(), name
        elif "ln_" in name:
            assert weight.eq(1).all(), name
        else:
            std = 0.02 / 4 if name.endswith("c_proj.weight") else 0.02  # 4 = sqrt(2 * n_layer)
            assert weight.std() == pytest.approx(std, rel=0.05), name
            assert abs(weight.mean()) < std / 10, name


def test_zero_init_makes_every_block_the_identity():
    model = GPT(GPTConfig.fast(vocab_size=50, n_gram=1))
    idx = random_ids(2, 7)
    torch.testing.assert_close(model(idx), model.head(model.ln_f(model.wte(idx))))


@pytest.mark.parametrize(
    ("changes", "n_gram"), [({"vocab_size": 65}, 4), ({}, 2), ({"n_gram": 1}, 1)]
)
def test_the_fast_presets_inputs_are_no_smaller_than_what_blocks_add(changes, n_gram):
    torch.manual_seed(0)
    model = GPT(GPTConfig.fast(**changes))
    assert model.config.n_gram == n_gram == 1 + len(model.wte_back)
    with torch.no_grad():
        inputs = sum(table.weight[:60] for table in (model.wte, *model.wte_back))
        assert inputs.std() == pytest.approx(0.5 * n_gram**0.5, rel=0.05)
        assert model.lm_head.weight.std() == pytest.approx(0.02, rel=0.05)


def test_softcap_bounds_the_logits():
    model = random_model(CONFIGS["layernorm-gelu-learned"], std=3.0)
    capped = GPT(GPTConfig.from_dict(model.config.to_dict() | {"logit_softcap": 2.0})).eval()
    capped.load_state_dict(model.state_dict())
    idx = random_ids(2, 9)
    assert model(idx).abs().max() > 20
    torch.testing.assert_close(capped(idx), 2 * torch.tanh(model(idx) / 2))


def test_dropout_works_in_training_and_only_there():
    config = GPTConfig(vocab_size=VOCAB, n_layer=1, n_embd=16, n_head=2, dropout=0.5)
    model, idx = random_model(config), random_ids(2, 8)
    assert torch.equal(model(idx), model(idx))
    model.train()
    assert not torch.equal(model(idx), model(idx))
    model.eval()
    plain = random_model(GPTConfig.from_dict(config.to_dict() | {"dropout": 0.0})).train()
    torch.testing.assert_close(model(idx), plain(idx))
    attend = model.h[0].attn.attend.train()
    q = torch.randn(1, 2, 8, 8)
    assert not torch.equal(attend(q, q, q, None), attend(q, q, q, None))


@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_stays_close(name):
    model = random_model(CONFIGS[name], std=0.1)
    idx = random_ids(2, 8)
    expected = model(idx)
    found = copy.deepcopy(model).to(torch.bfloat16)(idx)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.1, rtol=0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(model(idx).float(), expected, atol=0.1, rtol=0.1)


def test_rows_do_not_see_one_another():
    model, idx = random_model(CONFIGS[GQA]), random_ids(5, 9)
    for row in range(5):
        torch.testing.assert_close(model(idx[row : row + 1])[0], model(idx)[row])


def test_a_hook_reaches_queries_keys_and_values():
    model = random_model(CONFIGS[GQA])
    seen = []
    for module in model.modules():
        if isinstance(module, ScaledDotProduct):
            module.register_forward_hook(lambda _, inputs, __: seen.append(inputs))
    model(random_ids(2, 6))
    assert [tuple(x.shape for x in inputs[:3]) for inputs in seen] == [
        ((2, 4, 6, 4), (2, 2, 6, 4), (2, 2, 6, 4))
    ] * 2


def test_names_are_gpt2s_and_a_tied_head_is_no_second_tensor(tmp_path):
    model = GPT(GPTConfig(vocab_size=9, n_layer=1, n_embd=8, n_head=2))
    layers = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
    names = {f"h.0.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert set(model.state_dict()) == names | {
        "wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"
    }  # fmt: skip
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    untied = GPT(GPTConfig(vocab_size=9, n_layer=1, n_embd=8, n_head=2, tie_head=False))
    assert untied.num_parameters() == model.num_parameters() + 9 * 8


def test_a_model_used_in_inference_mode_can_still_be_trained():
    model = random_model(CONFIGS[GQA])
    with torch.inference_mode():
        model(random_ids(1, 4))
    model(random_ids(1, 4)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize(
    ("idx", "words"),
    [
        (torch.zeros(5, dtype=torch.int64), r"\(B, T\).*\(5,\)"),
        (torch.zeros(1, 2, 3, dtype=torch.int64), r"\(1, 2, 3\)"),
        (torch.zeros(1, 0, dtype=torch.int64), r"\(1, 0\)"),
        (torch.zeros(1, 5), "float32"),
        (torch.zeros(1, 5, dtype=torch.bool), "bool"),
        (torch.zeros(1, 5, dtype=torch.uint8), "uint8"),
        (torch.zeros(1, BLOCK + 1, dtype=torch.int64), f"{BLOCK + 1} tokens.*{BLOCK}"),
        (torch.tensor([[1, VOCAB]]), f"{VOCAB}.*0 to {VOCAB - 1}"),
        (torch.tensor([[-1, 1]]), f"-1.*0 to {VOCAB - 1}"),
    ],
)
def test_bad_input_is_refused(idx, words):
    with pytest.raises(ValueError, match=words):
        random_model(CONFIGS["layernorm-gelu-learned"])(idx)


def test_short_integers_are_fine():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(2, 5)
    assert torch.equal(model(idx.int()), model(idx))
