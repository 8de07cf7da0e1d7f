"""GGUF files: written here as llama.cpp's converter writes them, from random Llamas."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from small_models import random_ids
from test_parity import llama

import minigpt
from minigpt import BPETokenizer
from minigpt.tokenizer_file import tokenizer_json

TEXT = "the cat sat on the mat. 12 dogs saw  42 frogs!\n" * 5
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
}
NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
}


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.train(
        TEXT, 280, pattern="smollm", special_tokens=["<|im_start|>", "<|im_end|>"]
    )


def permuted(weight, n_head):
    """The order of rows that convert_hf_to_gguf.py gives queries and keys."""
    rows = weight.reshape(n_head, 2, weight.shape[0] // n_head // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def tensors_of(model):
    """A Llama's tensors under GGUF's names."""
    found = {}
    for name, weight in model.state_dict().items():
        name, array = name.removeprefix("model.").removesuffix(".weight"), weight.numpy()
        if name == "lm_head" and model.config.tie_word_embeddings:
            continue
        if name.startswith("layers."):
            _, layer, part = name.split(".", 2)
            if part.endswith("q_proj"):
                array = permuted(array, model.config.num_attention_heads)
            elif part.endswith("k_proj"):
                array = permuted(array, model.config.num_key_value_heads)
            found[f"blk.{layer}.{NAMES[part]}.weight"] = array
        else:
            found[f"{NAMES[name]}.weight"] = array
    return found


def write(path, model, tokenizer, *, kind=Kind.F32, tensors=None, change=None, arch="llama"):
    """A file of the model; `change` gets the writer last."""
    config = model.config
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    vocabulary = tokenizer_json(tokenizer)["model"]
    names = [*vocabulary["vocab"], *tokenizer.special_tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(names)
    writer.add_token_types([3 if name in tokenizer.special_tokens else 1 for name in names])
    writer.add_token_merges([" ".join(pair) for pair in vocabulary["merges"]])
    for name, array in (tensors or tensors_of(model)).items():
        if array.ndim == 1 or kind == Kind.F32:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
    if change is not None:
        change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def theirs(tokenizer):
    return llama(vocab_size=tokenizer.vocab_size, **SHAPE)


@pytest.fixture(scope="module")
def file(tmp_path_factory, theirs, tokenizer):
    return write(tmp_path_factory.mktemp("gguf") / "m.gguf", theirs, tokenizer)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_same_logits(tmp_path, tokenizer, tied, groups):
    shape = SHAPE | {"num_key_value_heads": groups, "tie_word_embeddings": tied}
    theirs = llama(vocab_size=tokenizer.vocab_size, **shape)
    ours, found = minigpt.load(write(tmp_path / "m.gguf", theirs, tokenizer))
    idx = random_ids(2, 32, tokenizer.vocab_size)
    with torch.no_grad():
        expected = theirs(idx).logits
        assert expected.std() > 0.5
        assert (ours(idx) - expected).abs().max() < 1e-4
    assert not ours.training
    assert found.encode(TEXT) == tokenizer.encode(TEXT)
    assert found.special_tokens == tokenizer.special_tokens


@pytest.mark.parametrize("kind", [Kind.F16, Kind.Q8_0, Kind.Q4_1])
def test_few_bits_are_the_numbers_that_gguf_means(tmp_path, theirs, tokenizer, kind):
    path = write(tmp_path / "m.gguf", theirs, tokenizer, kind=kind)
    ours, _ = minigpt.load(path)
    tensors = tensors_of(theirs)
    for ours_now, name in [(ours.wte, "token_embd"), (ours.h[1].mlp.c_proj, "blk.1.ffn_down")]:
        packed = gguf.quants.quantize(tensors[f"{name}.weight"], kind)
        expected = torch.from_numpy(gguf.quants.dequantize(packed, kind))
        assert torch.equal(ours_now.weight, expected)
    half, _ = minigpt.load(path, dtype=torch.bfloat16)
    assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}
    assert torch.equal(half.wte.weight, ours.wte.weight.bfloat16())


def test_a_model_outlives_its_file(tmp_path, file):
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(file.read_bytes())
    model, tokenizer = minigpt.load(copy)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    copy.write_bytes(bytes(copy.stat().st_size))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])
    assert minigpt.generate_text(model, tokenizer, "the", 3, temperature=0) is not None


def test_files_cut_short_are_refused(tmp_path, file):
    whole = file.read_bytes()
    short = tmp_path / "short.gguf"
    for length in [0, 3, 4, 8, 20, 24, 30, *range(40, len(whole), len(whole) // 60)]:
        short.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"short\.gguf(:| is cut short)"):
            minigpt.load(short)
    short.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="is cut short: get it again"):
        minigpt.load(short)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"GGML", "no GGUF file"),
        (b"GGUF\x01\0\0\0", "version 1 is not supported"),
        (b"\0" * 30, "no GGUF"),
    ],
)
def test_what_is_no_gguf_file(tmp_path, file, start, words):
    path = tmp_path / "m.gguf"
    path.write_bytes(start + file.read_bytes()[len(start) :])
    with pytest.raises(ValueError, match=words):
        minigpt.load(path)


def test_another_architecture(tmp_path, theirs, tokenizer):
    path = write(tmp_path / "m.gguf", theirs, tokenizer, arch="qwen2")
    with pytest.raises(ValueError, match="architecture 'qwen2' is not supported"):
        minigpt.load(path)


def test_tensors_that_are_missing_superfluous_or_misshapen(tmp_path, theirs, tokenizer):
    tensors = tensors_of(theirs)
    path = tmp_path / "m.gguf"
    for name in ("token_embd.weight", "blk.1.ffn_up.weight", "output_norm.weight"):
        write(path, theirs, tokenizer, tensors={n: w for n, w in tensors.items() if n != name})
        with pytest.raises(ValueError, match=f"{name} is missing"):
            minigpt.load(path)
    for name in ("rope_freqs.weight", "blk.0.attn_q.bias", "blk.2.ffn_up.weight", "x"):
        write(path, theirs, tokenizer, tensors=tensors | {name: np.zeros(4, np.float32)})
        with pytest.raises(ValueError, match=f"{name} is not part of the model"):
            minigpt.load(path)
    for name in ("blk.1.attn_k.weight", "blk.0.attn_q.weight", "blk.0.ffn_down.weight"):
        write(path, theirs, tokenizer, tensors=tensors | {name: tensors[name][:-1]})
        with pytest.raises(ValueError, match="shape"):
            minigpt.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.add_rope_scaling_type(gguf.RopeScalingType.YARN), "scaled by 'yarn'"),
        (lambda w: w.add_expert_count(4), "mixtures of experts"),
        (lambda w: w.add_rope_dimension_count(8), "8 of 16 numbers"),
        (lambda w: w.add_bool("tokenizer.ggml.add_space_prefix", True), "add_space_prefix"),
        (lambda w: w.kv_data[0].pop("tokenizer.ggml.pre"), "pre-tokenizer None"),
        (lambda w: w.kv_data[0].pop("llama.context_length"), "'llama.context_length' is missing"),
        (lambda w: w.kv_data[0].pop("tokenizer.ggml.merges"), "'tokenizer.ggml.merges' is miss"),
    ],
)
def test_settings_that_are_not_supported(tmp_path, theirs, tokenizer, change, words):
    path = write(tmp_path / "m.gguf", theirs, tokenizer, change=change)
    with pytest.raises(ValueError, match=words):
        minigpt.load(path)


def test_without_the_package(file, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(ValueError, match=r"needs the package gguf.*pip install"):
        minigpt.load(file)
