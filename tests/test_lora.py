"""LoRA: nothing changes at the start, training changes the adapter alone, merging keeps it."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from small_models import CONFIGS, random_ids, random_model
from torch import nn

import minigpt
from minigpt import (
    GPT,
    TrainConfig,
    apply_lora,
    fit,
    load_adapter,
    merge_lora,
    quantize_int8,
    save_adapter,
    save_checkpoint,
)
from minigpt.lora import LoRALinear, adapters

FAMILIES = ["layernorm-gelu-learned", "rmsnorm-swiglu-rope"]
ALL = ("c_attn", "c_proj", "c_fc")


def randomize(model: GPT, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in adapters(model).values():
            layer.lora_b.normal_(std=0.5, generator=generator)


@pytest.fixture(params=FAMILIES)
def model(request) -> GPT:
    return random_model(CONFIGS[request.param])


IDX = random_ids(2, 10)


@torch.no_grad()
def logits(model):
    return model(IDX)


def test_nothing_changes_at_the_start(model):
    before, keys = logits(model), {*model.state_dict()}
    names = apply_lora(model, rank=3, alpha=6)
    assert names == [f"h.{i}.attn.{part}" for part in ("c_attn", "c_proj") for i in range(2)]
    assert torch.equal(logits(model), before)
    added = {*model.state_dict()} - keys
    assert keys < {*model.state_dict()}
    assert added == {f"{name}.{part}" for name in names for part in ("lora_a", "lora_b")}
    assert {n for n, w in model.named_parameters() if w.requires_grad} == added


def test_the_change_is_the_product(model):
    layer = model.h[1].mlp.c_fc
    weight, bias = layer.weight.detach().clone(), layer.bias
    apply_lora(model, rank=2, alpha=3.0, targets=["h.1.mlp.c_fc"])
    randomize(model)
    found = model.h[1].mlp.c_fc
    x = torch.randn(4, layer.in_features)
    full = weight + 1.5 * found.lora_b @ found.lora_a
    expected = x @ full.T + (0 if bias is None else bias)
    assert torch.allclose(found(x), expected, atol=1e-5)
    assert not isinstance(model.h[0].mlp.c_fc, LoRALinear)


def test_merging_computes_the_same(model):
    keys = [*model.state_dict()]
    before = logits(model)
    apply_lora(model, rank=3, alpha=6, targets=ALL)
    randomize(model)
    changed = logits(model)
    assert (changed - before).abs().max() > 0.1
    merge_lora(model)
    assert (logits(model) - changed).abs().max() < 1e-4
    assert [*model.state_dict()] == keys
    assert all(weight.requires_grad for weight in model.parameters())
    assert all(type(m) is nn.Linear for m in model.modules() if isinstance(m, nn.Linear))


def test_training_changes_the_adapter_alone(model):
    apply_lora(model, rank=2, alpha=4, targets=ALL)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    data = random_ids(1, 600)[0]
    config = TrainConfig(steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=0)
    history = fit(model, data, None, config)
    assert history.train_loss[-1] < history.train_loss[0]
    for name, weight in model.state_dict().items():
        moved = not torch.equal(weight, before[name])
        assert moved == (".lora_" in name), name


def test_a_checkpoint_of_the_model_loads_before_and_after(model):
    weights = random_model(model.config, seed=5).state_dict()
    before = GPT(model.config).eval()
    before.load_state_dict(weights)
    expected = logits(before)
    apply_lora(model, rank=2, alpha=2)
    model.load_state_dict(weights)
    assert torch.equal(logits(model), expected)
    with pytest.raises(RuntimeError, match=r"wte\.weight"):  # what else is missing is still said
        model.load_state_dict({n: w for n, w in weights.items() if n != "wte.weight"})


def test_an_adapter_file(model, tmp_path):
    base = random_model(model.config)
    apply_lora(model, rank=3, alpha=6, targets=ALL)
    randomize(model)
    save_adapter(tmp_path / "a.safetensors", model)
    load_adapter(tmp_path / "a.safetensors", base)
    assert torch.equal(logits(base), logits(model))
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert {n for n, w in base.named_parameters() if w.requires_grad} == {
        n for n in base.state_dict() if ".lora_" in n
    }
    randomize(model, seed=2)  # onto a model that has adapters: they are replaced
    save_adapter(tmp_path / "a.safetensors", model)
    load_adapter(tmp_path / "a.safetensors", base)
    assert torch.equal(logits(base), logits(model))


def test_an_adapter_replaces_one_of_other_layers(model, tmp_path):
    plain = logits(model)
    apply_lora(model, rank=2, alpha=2, targets=["c_fc"])
    randomize(model)
    other = random_model(model.config)
    apply_lora(other, rank=1, alpha=1, targets=["h.0.attn.c_attn"])
    save_adapter(tmp_path / "a.safetensors", other)
    load_adapter(tmp_path / "a.safetensors", model)
    assert [*adapters(model)] == ["h.0.attn.c_attn"]
    assert torch.equal(logits(model), plain)


def test_adapters_that_do_not_fit_leave_the_model_alone(model, tmp_path):
    path = tmp_path / "a.safetensors"
    wider = random_model(type(model.config)(**(model.config.to_dict() | {"n_layer": 3})))
    apply_lora(wider, rank=2, alpha=2)
    save_adapter(path, wider)
    before, keys = logits(model), [*model.state_dict()]
    with pytest.raises(ValueError, match=r"does not fit this model: .* no linear layer h\.2"):
        load_adapter(path, model)
    assert [*model.state_dict()] == keys
    assert torch.equal(logits(model), before)
    for n_embd in (32,):
        other = random_model(type(model.config)(**(model.config.to_dict() | {"n_embd": n_embd})))
        apply_lora(other, rank=2, alpha=2)
        save_adapter(path, other)
        with pytest.raises(ValueError, match=r"lora_a has shape \(2, 32\), expected \(2, 16\)"):
            load_adapter(path, model)


def test_files_that_are_no_adapters(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_adapter(tmp_path / "none", model)
    (tmp_path / "text").write_text("x")
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load_adapter(tmp_path / "text", model)
    save_checkpoint(tmp_path / "c", model, None)
    with pytest.raises(ValueError, match="is no adapter of minigpt"):
        load_adapter(tmp_path / "c" / "model.safetensors", model)
    for number, layers in enumerate((None, "[]", '{"a": 1}', "{")):
        about = {"format": "minigpt-lora-1"} | ({} if layers is None else {"layers": layers})
        save_file({"x": torch.zeros(1)}, tmp_path / f"a{number}", about)
        with pytest.raises(ValueError, match="does not say what layers it changes"):
            load_adapter(tmp_path / f"a{number}", model)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rank": 0}, "rank=0"),
        ({"rank": 1.5}, r"rank=1\.5"),
        ({"rank": True}, "rank=True"),
        ({"alpha": 0}, "alpha=0"),
        ({"alpha": float("inf")}, "alpha=inf"),
        ({"targets": "c_attn"}, "give a list"),
        ({"targets": []}, "give a list"),
        ({"targets": ["c_atn"]}, r"ends in 'c_atn'; there are .*'attn\.c_attn'"),
        ({"targets": ["attn"]}, "ends in 'attn'"),
    ],
)
def test_bad_settings(model, settings, words):
    before = {name: w.requires_grad for name, w in model.named_parameters()}
    with pytest.raises(ValueError, match=words):
        apply_lora(model, **({"rank": 2, "alpha": 2} | settings))
    assert {name: w.requires_grad for name, w in model.named_parameters()} == before


def test_states_that_do_not_go_together(model, tmp_path):
    for function in (merge_lora, lambda m: save_adapter(tmp_path / "a", m)):
        with pytest.raises(ValueError, match="no LoRA adapters"):
            function(model)
    apply_lora(model, rank=2, alpha=2)
    with pytest.raises(ValueError, match="adapters already"):
        apply_lora(model, rank=2, alpha=2)
    with pytest.raises(ValueError, match="merge adapters"):
        quantize_int8(model)


def test_a_checkpoint_with_adapters_says_what_to_do(model, tmp_path):
    apply_lora(model, rank=2, alpha=2)
    with pytest.raises(ValueError, match=r"merge_lora\(model\) first, or save_adapter"):
        save_checkpoint(tmp_path / "c", model, None)
    assert not (tmp_path / "c").exists()


def test_a_run_with_adapters_resumes(model, tmp_path):
    data = random_ids(1, 600)[0]
    start = {name: weight.clone() for name, weight in model.state_dict().items()}

    def adapted():
        fresh = GPT(model.config)
        fresh.load_state_dict(start)
        torch.manual_seed(1)
        apply_lora(fresh, rank=2, alpha=4)
        return fresh

    config = TrainConfig(steps=6, batch_size=4, checkpoint_interval=3, keep_checkpoints=2)
    whole = adapted()
    fit(whole, data, None, config, checkpoint_dir=tmp_path / "run")
    (tmp_path / "run" / "step-000006").rename(tmp_path / "end")
    again = adapted()
    fit(again, data, None, config, checkpoint_dir=tmp_path / "run")
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name]), name
    with pytest.raises(ValueError, match="while adapters"):
        minigpt.load(tmp_path / "run")


def test_adapters_in_half_precision(tmp_path):
    model = random_model(CONFIGS[FAMILIES[1]]).bfloat16()
    apply_lora(model, rank=2, alpha=2)
    assert {w.dtype for w in model.parameters()} == {torch.bfloat16}
    randomize(model)
    before = logits(model).float()
    merge_lora(model)
    assert {w.dtype for w in model.parameters()} == {torch.bfloat16}
    assert (logits(model).float() - before).abs().mean() < 0.1 * before.std()
    assert minigpt.generate(model, IDX, 2, temperature=0).shape == (2, 12)
