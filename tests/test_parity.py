"""The same logits as Hugging Face's transformers, on random GPT-2 and Llama models of many shapes.

Nothing is downloaded: transformers draws the weights and saves the folder, `minigpt.load` opens it.
"""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import random_ids
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model, LlamaConfig, LlamaForCausalLM

import minigpt
from minigpt.tokenizer_file import save_tokenizer

GPT2 = {"vocab_size": 61, "n_positions": 24, "n_embd": 32, "n_layer": 2, "n_head": 4}
GPT2_SHAPES = {
    "plain": {},
    "one layer, one head": {"n_layer": 1, "n_head": 1},
    "odd widths": {"vocab_size": 101, "n_positions": 17, "n_embd": 21, "n_head": 3},
    "prime vocabulary": {"vocab_size": 7, "n_embd": 10, "n_head": 5},
    "narrow inside": {"n_inner": 13},
    "wide inside": {"n_inner": 200},
    "untied": {"tie_word_embeddings": False},
    "another epsilon": {"layer_norm_epsilon": 0.1},
    "deep": {"n_layer": 7, "n_embd": 12, "n_head": 6},
    "wide": {"n_embd": 192, "n_head": 12, "n_layer": 2},
    "heads of width 1": {"n_embd": 8, "n_head": 8},
    "other name of gelu": {"activation_function": "gelu_pytorch_tanh"},
}
LLAMA = {
    "vocab_size": 61,
    "max_position_embeddings": 24,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
LLAMA_SHAPES = {
    "plain": {},
    "two groups": {"num_key_value_heads": 2},
    "one key head": {"num_key_value_heads": 1},
    "SmolLM2's ratio": {"hidden_size": 72, "num_attention_heads": 9, "num_key_value_heads": 3},
    "odd widths": {"vocab_size": 53, "hidden_size": 30, "intermediate_size": 37,
                   "num_attention_heads": 3, "num_key_value_heads": 1},
    "wide heads": {"head_dim": 26, "num_key_value_heads": 2},
    "narrow heads": {"head_dim": 2},
    "heads wider than the width": {"hidden_size": 30, "head_dim": 14,
                                           "num_attention_heads": 6, "num_key_value_heads": 2},
    "tied": {"tie_word_embeddings": True},
    "attention bias": {"attention_bias": True, "num_key_value_heads": 2},
    "MLP bias": {"mlp_bias": True},
    "all biases": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    "slow rotation": {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0}},
    "fast rotation": {"rope_parameters": {"rope_type": "default", "rope_theta": 3.0}},
    "another epsilon": {"rms_norm_eps": 0.3},
    "one layer, one head": {"num_hidden_layers": 1, "num_attention_heads": 1,
                            "num_key_value_heads": 1},
    "deep": {"num_hidden_layers": 7},
    "long": {"max_position_embeddings": 300, "num_key_value_heads": 1},
}  # fmt: skip


def draw(model, std=0.3):
    """Every weight at random, norms and biases too, so large that each one shows in the logits."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            fan = weight.numel() ** 0.5 if weight.dim() == 2 else 8.0
            weight.normal_(std=std * (32 / max(fan, 32)) ** 0.5, generator=generator)
            if ("norm" in name or "ln_" in name) and name.endswith("weight"):
                weight.add_(1)
    return model.eval()


def gpt2(**changes):
    config = GPT2Config(**(GPT2 | {"bos_token_id": 0, "eos_token_id": 0} | changes))
    config._attn_implementation = "eager"
    return draw(GPT2LMHeadModel(config))


def llama(**changes):
    config = LlamaConfig(**(LLAMA | {"bos_token_id": 0, "eos_token_id": 0} | changes))
    config._attn_implementation = "eager"
    return draw(LlamaForCausalLM(config))


def assert_equal_logits(theirs, folder):
    ours, tokenizer = minigpt.load(folder)
    assert tokenizer is None
    assert not ours.training
    assert {weight.dtype for weight in ours.parameters()} == {torch.float32}
    config = ours.config
    idx = random_ids(3, config.block_size, config.vocab_size)
    with torch.no_grad():
        expected, found = theirs(idx).logits, ours(idx)
        assert expected.std() > 0.5, "too flat to show an error"
        assert (found - expected).abs().max() < 1e-4
        cache = ours.new_cache(3)
        half = config.block_size // 2
        found = torch.cat([ours(idx[:, :half], cache), ours(idx[:, half:], cache)], dim=1)
        assert (found - expected).abs().max() < 1e-4
    return ours


@pytest.mark.parametrize("shape", GPT2_SHAPES)
def test_gpt2(shape, tmp_path):
    theirs = gpt2(**GPT2_SHAPES[shape])
    theirs.save_pretrained(tmp_path)
    ours = assert_equal_logits(theirs, tmp_path)
    assert ours.num_parameters() == theirs.num_parameters()


@pytest.mark.parametrize("shape", LLAMA_SHAPES)
def test_llama(shape, tmp_path):
    theirs = llama(**LLAMA_SHAPES[shape])
    theirs.save_pretrained(tmp_path)
    assert_equal_logits(theirs, tmp_path)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_several_files(make, tmp_path):
    theirs = make()
    theirs.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 3
    assert_equal_logits(theirs, tmp_path)
    lost = sorted(tmp_path.glob("*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(ValueError, match=lost.name):
        minigpt.load(tmp_path)


def test_gpt2_without_its_head(tmp_path):
    """The published GPT-2 files were saved so: no `transformer.` before the names."""
    theirs = gpt2()
    inner = GPT2Model(theirs.config)
    inner.load_state_dict(theirs.transformer.state_dict())
    inner.save_pretrained(tmp_path)
    assert_equal_logits(theirs, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["h.0.attn.bias"] = torch.ones(1, 1, 24, 24).tril()  # and with the mask in the file
    weights["h.1.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(weights, tmp_path / "model.safetensors")
    assert_equal_logits(theirs, tmp_path)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_weights_in_half_precision(make, tmp_path):
    make().to(torch.bfloat16).save_pretrained(tmp_path)
    kind = GPT2LMHeadModel if make is gpt2 else LlamaForCausalLM
    theirs = kind.from_pretrained(tmp_path, dtype=torch.float32, attn_implementation="eager")
    assert_equal_logits(theirs.eval(), tmp_path)
    model, _ = minigpt.load(tmp_path, dtype=torch.bfloat16)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("make", [gpt2, llama])
def test_greedy_text(make, tmp_path):
    theirs = make()
    theirs.save_pretrained(tmp_path)
    ours, _ = minigpt.load(tmp_path)
    idx = random_ids(3, 5, 61)
    theirs.generation_config.eos_token_id = None
    expected = theirs.generate(
        idx,
        attention_mask=torch.ones_like(idx),
        max_new_tokens=19,
        do_sample=False,
        pad_token_id=0,
    )
    assert torch.equal(minigpt.generate(ours, idx, 19, temperature=0), expected)


# --- configurations -----------------------------------------------------------------------------


def settings_of(folder):
    return json.loads((folder / "config.json").read_text("utf-8"))


def change_settings(folder, drop=(), **changes):
    settings = {k: v for k, v in settings_of(folder).items() if k not in drop} | changes
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")


@pytest.mark.parametrize("theta", [10_000.0, 77.0])
@pytest.mark.parametrize(
    "style",
    [
        {"rope_parameters": {"rope_theta": "theta", "rope_type": "default"}, "dtype": "float32"},
        {"rope_theta": "theta", "torch_dtype": "float32"},
        {"rope_theta": "theta", "rope_scaling": None, "torch_dtype": "float32"},
        {"rope_theta": "theta", "rope_scaling": {"rope_type": "default"}},
    ],
    ids=["version 5", "version 4", "version 4, none", "version 4, default"],
)
def test_old_and_new_configurations(style, theta, tmp_path):
    theirs = llama(rope_parameters={"rope_type": "default", "rope_theta": theta})
    theirs.save_pretrained(tmp_path)
    text = json.dumps(style).replace('"theta"', str(theta))
    change_settings(tmp_path, drop=("rope_parameters", "dtype"), **json.loads(text))
    assert_equal_logits(theirs, tmp_path)


def test_the_other_name_of_silu(tmp_path):
    theirs = llama(hidden_act="swish")
    theirs.save_pretrained(tmp_path)
    assert_equal_logits(theirs, tmp_path)


def test_fields_that_old_files_lack_have_their_defaults(tmp_path):
    theirs = llama(rms_norm_eps=1e-6)
    theirs.save_pretrained(tmp_path)
    lacking = ("rope_parameters", "rms_norm_eps", "attention_bias", "mlp_bias", "head_dim",
               "num_key_value_heads", "tie_word_embeddings", "hidden_act")  # fmt: skip
    change_settings(tmp_path, drop=lacking)
    assert_equal_logits(theirs, tmp_path)


@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (gpt2, {"activation_function": "relu"}, "activation_function='relu'"),
        (gpt2, {"activation_function": "gelu"}, "activation_function='gelu'"),
        (gpt2, {"scale_attn_weights": False}, "scale_attn_weights=False"),
        (gpt2, {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
        (gpt2, {"add_cross_attention": True}, "add_cross_attention=True"),
        (gpt2, {"model_type": "gpt_neo"}, "gpt_neo.*gpt2.*llama"),
        (gpt2, {"model_type": None}, "model_type None"),
        (gpt2, {"n_head": 5}, "n_head=5"),
        (gpt2, {"n_embd": "wide"}, "n_embd='wide'"),
        (llama, {"model_type": "mistral"}, "mistral.*gpt2.*llama"),
        (llama, {"hidden_act": "gelu"}, "hidden_act='gelu'"),
        (llama, {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "llama3"),
        (llama, {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "yarn"),
        (llama, {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}},
         "partial_rotary_factor=0.5"),
        (llama, {"rope_scaling": {"type": "linear", "factor": 2.0}}, "linear"),
        (llama, {"rope_parameters": {"rope_theta": "fast"}}, "rope_theta.*fast"),
        (llama, {"num_key_value_heads": 3}, "n_kv_head=3"),
        (llama, {"rope_parameters": "fast"}, "rope_parameters='fast'"),
        (llama, {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters":
                 {"rope_type": "default", "rope_theta": 1e4}}, "linear"),
        (llama, {"model_type": ["llama"]}, "model_type"),
        (gpt2, {"model_type": {}}, "model_type"),
        (gpt2, {"n_layer": 10**12}, "n_layer=1000000000000, but there are only"),
        (llama, {"num_hidden_layers": 10**12}, "is missing"),
    ],
)  # fmt: skip
def test_settings_that_we_do_not_compute_are_named(make, changes, words, tmp_path):
    make().save_pretrained(tmp_path)
    drop = ("rope_parameters",) if {*changes} == {"rope_scaling"} else ()
    change_settings(tmp_path, drop, **changes)
    with pytest.raises(ValueError, match=words) as error:
        minigpt.load(tmp_path)
    assert str(tmp_path) in str(error.value)


# --- weights that do not fit --------------------------------------------------------------------

MAKERS = {
    "gpt2": gpt2,
    "gpt2-untied": lambda: gpt2(tie_word_embeddings=False),
    "llama": lambda: llama(num_key_value_heads=2),
    "llama-tied": lambda: llama(tie_word_embeddings=True),
    "llama-biases": lambda: llama(attention_bias=True, mlp_bias=True),
    "llama-attention-bias": lambda: llama(attention_bias=True),
    "llama-mlp-bias": lambda: llama(mlp_bias=True),
}


def hint(name):
    """What of a tensor's name must be in the message, in their words or ours."""
    for part, ours in {"embed_tokens": "wte", "model.norm": "ln_f", "lm_head": "lm_head"}.items():
        if part in name:
            return ours
    number = next((part for part in name.split(".") if part.isdigit()), None)
    return name.split(".")[-2] if number is None else f".{number}."


@pytest.mark.parametrize("kind", MAKERS)
def test_tensors_that_are_missing_or_of_another_shape_are_named(kind, tmp_path):
    MAKERS[kind]().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    minigpt.load(tmp_path)
    for name, weight in weights.items():
        others = {k: v for k, v in weights.items() if k != name}
        save_file(others, path)
        with pytest.raises(ValueError, match="is missing") as error:
            minigpt.load(tmp_path)
        assert hint(name) in str(error.value), name
        larger = torch.zeros([size + 1 for size in weight.shape])
        for wrong in (larger, torch.zeros(2, 2, 2), *([weight[:-1]] if weight.dim() > 1 else [])):
            save_file(others | {name: wrong.contiguous()}, path)
            with pytest.raises(ValueError, match="shape") as error:
                minigpt.load(tmp_path)
            assert hint(name) in str(error.value), name


@pytest.mark.parametrize("kind", MAKERS)
def test_superfluous_tensors_are_named(kind, tmp_path):
    MAKERS[kind]().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    names = ["model.layers.9.input_layernorm.weight", "model.layers.0.self_attn.q_norm.weight",
             "score.weight", "model.layers.1.mlp.experts.0.w1.weight", "model.layers.0.weight",
             "transformer.h.0.ln_3.weight", "v_head.summary.bias"]  # fmt: skip
    if "bias" not in kind and "llama" in kind:
        names += ["model.layers.0.mlp.up_proj.bias", "model.layers.1.self_attn.q_proj.bias"]
    if kind == "llama-mlp-bias":
        names += ["model.layers.1.self_attn.o_proj.bias", "model.layers.1.self_attn.q_proj.bias"]
    for name in names:
        save_file(weights | {name: torch.zeros(4)}, path)
        with pytest.raises(ValueError, match="not part of the model"):
            minigpt.load(tmp_path)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_a_head_that_is_said_to_be_tied_and_is_not(make, tmp_path):
    untied = make(tie_word_embeddings=False)
    untied.save_pretrained(tmp_path)
    change_settings(tmp_path, tie_word_embeddings=True)
    with pytest.raises(ValueError, match=r"lm_head\.weight is not .*tie_word_embeddings to false"):
        minigpt.load(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    (embedding,) = [name for name in weights if "wte" in name or "embed_tokens" in name]
    save_file(weights | {"lm_head.weight": weights[embedding].clone()}, path)  # as old files have
    assert minigpt.load(tmp_path)[0].lm_head is None


def test_queries_and_keys_of_each_others_shape_are_refused(tmp_path):
    """Joined they have the right size, so only a look at each one finds this."""
    llama(num_key_value_heads=2).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    q, k = (f"model.layers.1.self_attn.{letter}_proj.weight" for letter in "qk")
    save_file(weights | {q: weights[k], k: weights[q]}, path)
    with pytest.raises(ValueError, match=r"q_proj.*shape"):
        minigpt.load(tmp_path)


def test_folders_without_weights_we_open(tmp_path):
    llama().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"lacks.*model\.safetensors.*only safetensors"):
        minigpt.load(tmp_path)
    path.write_bytes((tmp_path / "pytorch_model.bin").read_bytes()[:-100])
    with pytest.raises(ValueError, match="safetensors"):
        minigpt.load(tmp_path)
    save_file({}, path)
    with pytest.raises(ValueError, match="no weights"):
        minigpt.load(tmp_path)


def test_one_file_goes_before_the_index_of_an_earlier_save(tmp_path):
    llama().save_pretrained(tmp_path, max_shard_size="20KB")
    theirs = llama(tie_word_embeddings=True)
    theirs.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors.index.json").is_file()
    assert_equal_logits(theirs, tmp_path)


@pytest.mark.parametrize(
    "index",
    [{}, {"weight_map": {}}, {"weight_map": ["a"]}, {"weight_map": {"a": 3}},
     {"weight_map": {"a": "../secret.safetensors"}}],
)  # fmt: skip
def test_a_broken_index_is_refused(index, tmp_path):
    llama().save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "secret.safetensors")
    with pytest.raises(ValueError, match=str(tmp_path / "model")):
        minigpt.load(tmp_path / "model")


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*named models"):
        minigpt.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is no model.*config[.]json"):
        minigpt.load(tmp_path)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ValueError, match="is no GGUF file"):
        minigpt.load(file)
    (tmp_path / "config.json").write_text("{", "utf-8")
    with pytest.raises(ValueError, match=r"config[.]json"):
        minigpt.load(tmp_path)


def test_the_tokenizer_beside_a_model_is_opened(tmp_path, bpe_tokenizer):
    size = bpe_tokenizer.vocab_size
    gpt2(vocab_size=size).save_pretrained(tmp_path)
    save_tokenizer(tmp_path / "tokenizer.json", bpe_tokenizer)
    model, tokenizer = minigpt.load(tmp_path)
    assert tokenizer.encode("the cat") == bpe_tokenizer.encode("the cat")
    assert minigpt.generate_text(model, tokenizer, "the cat", 5, temperature=0)
    gpt2(vocab_size=size - 1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=rf"{size} tokens.*{size - 1}"):
        minigpt.load(tmp_path)
