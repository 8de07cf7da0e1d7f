"""Writing: cached equals uncached, a row equals the row alone, and only allowed tokens come."""

from __future__ import annotations

import math
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import BLOCK, CONFIGS, VOCAB, random_ids, random_model

from minigpt import (
    GPT,
    BPETokenizer,
    CharTokenizer,
    GPTConfig,
    generate,
    generate_text,
    sample_next,
    stream,
)

END = "<|end|>"


def written_alone(model, prompt, count, eos_id=None):
    """Greedy writing by the rule alone: no cache, no batch, no padding."""
    text = list(prompt)
    window = list(prompt)
    block = model.config.block_size
    with torch.no_grad():
        for _ in range(count):
            if len(window) > block:
                window = window[-(block // 2) :]
            text.append(int(model(torch.tensor([window]))[0, -1].argmax()))
            window.append(text[-1])
            if text[-1] == eos_id:
                break
    return text


# --- cached, uncached, batched, alone -----------------------------------------------------------


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("name", CONFIGS)
def test_ragged_prompts_far_beyond_the_window(name, use_cache):
    model = random_model(CONFIGS[name])
    lengths = [3, 1, BLOCK + 5, BLOCK, 2 * BLOCK + 1]
    idx, count = random_ids(len(lengths), max(lengths)), 2 * BLOCK + 3
    found = generate(
        model, idx, count, temperature=0, lengths=lengths, pad_id=-100, use_cache=use_cache
    )
    assert found.shape == (len(lengths), max(lengths) + count)
    for row, prompt, length in zip(found.tolist(), idx.tolist(), lengths, strict=True):
        expected = written_alone(model, prompt[:length], count)
        assert row == expected + [-100] * (max(lengths) - length)
    assert len(set(found.flatten().tolist())) > 5, "too monotonous to show an error"


@given(
    st.sampled_from(sorted(CONFIGS)),
    st.lists(st.integers(1, 2 * BLOCK), min_size=1, max_size=4),
    st.integers(0, 2 * BLOCK),
    st.integers(0, 2**31),
)
@settings(max_examples=25)
def test_sampled_with_and_without_cache_are_equal(name, lengths, count, seed):
    model, idx = random_model(CONFIGS[name]), random_ids(len(lengths), max(lengths), seed=seed)
    texts = [
        generate(
            model,
            idx,
            count,
            temperature=0.9,
            top_k=9,
            top_p=0.95,
            lengths=lengths,
            pad_id=0,
            generator=torch.Generator().manual_seed(seed),
            use_cache=use_cache,
        )
        for use_cache in (True, False)
    ]
    assert torch.equal(*texts)


def test_an_odd_window_keeps_the_smaller_half():
    model = random_model(GPTConfig(vocab_size=VOCAB, block_size=7, n_layer=2, n_head=2, n_embd=16))
    idx = random_ids(2, 4)
    found = generate(model, idx, 20, temperature=0)
    assert found.tolist() == [written_alone(model, row, 20) for row in idx.tolist()]


def test_the_smallest_window():
    model = random_model(GPTConfig(vocab_size=VOCAB, block_size=2, n_layer=1, n_head=2, n_embd=16))
    idx = random_ids(2, 3)
    found = generate(model, idx, 9, temperature=0)
    assert found.tolist() == [written_alone(model, row, 9) for row in idx.tolist()]


def test_in_bfloat16():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"]).to(torch.bfloat16)
    found = generate(model, random_ids(2, 5), 2 * BLOCK, lengths=[5, 2], pad_id=0, top_k=5)
    assert found.shape == (2, 5 + 2 * BLOCK)


# --- compiled -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++"))), reason="there is no C++ compiler"
)
def test_compiled_equals_eager_and_compiles_once_for_all_lengths():
    config = CONFIGS["rmsnorm-swiglu-rope"]
    model, idx = random_model(config), random_ids(1, 3)
    counters = torch._dynamo.utils.counters["stats"]
    before = counters["unique_graphs"]
    for count in (5, 3 * BLOCK):  # also until the window has moved more than once
        found = generate(model, idx, count, temperature=0, compile=True)
        assert found.tolist() == [written_alone(model, idx[0].tolist(), count)]
    assert counters["unique_graphs"] == before + 1
    with torch.no_grad():
        model.h[0].attn.c_attn.weight.mul_(-1)  # what was compiled must not hold old weights
    found = generate(model, idx, 9, temperature=0, compile=True)
    assert found.tolist() == [written_alone(model, idx[0].tolist(), 9)]


def test_without_a_compiler_compiled_decoding_says_so(monkeypatch):
    from torch._inductor import config, cpp_builder

    def none(*_):
        raise RuntimeError("No working C++ compiler found in torch._inductor.config.cpp.cxx")

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    said = r"could not be compiled.*C\+\+ compiler.*compile=True"
    with config.patch(force_disable_caches=True), pytest.raises(RuntimeError, match=said):
        generate(model, random_ids(1, 3), 3, compile=True)


def test_compiled_needs_the_cache():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    with pytest.raises(ValueError, match="use_cache=True"):
        generate(model, random_ids(1, 3), 3, compile=True, use_cache=False)


# --- ends and fillings --------------------------------------------------------------------------


@pytest.mark.parametrize("pad_id", [None, -1, 0, 10_000])
@pytest.mark.parametrize("use_cache", [True, False])
def test_each_row_ends_after_its_own_end_token(pad_id, use_cache):
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"])
    lengths = [4, 2, 6, 1]
    idx, count = random_ids(4, 6, seed=5), 2 * BLOCK
    prompts = [row[:n] for row, n in zip(idx.tolist(), lengths, strict=True)]
    texts = [written_alone(model, prompt, count) for prompt in prompts]
    written = [text[n:] for text, n in zip(texts, lengths, strict=True)]
    eos = max(range(VOCAB), key=lambda token: len({w.index(token) for w in written if token in w}))
    found = generate(
        model,
        idx,
        count,
        temperature=0,
        lengths=lengths,
        eos_id=eos,
        pad_id=pad_id,
        use_cache=use_cache,
    )
    filler = eos if pad_id is None else pad_id
    ends = set()
    for row, prompt, n in zip(found.tolist(), idx.tolist(), lengths, strict=True):
        expected = written_alone(model, prompt[:n], count, eos)
        ends.add(len(expected) - n)
        assert row == expected + [filler] * (len(row) - len(expected))
    assert len(ends) >= 3, "the rows must end at different steps, or this shows nothing"


def test_an_end_token_in_the_prompt_ends_nothing():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    prompt = [3, 5, 3]
    expected = written_alone(model, prompt, 6)
    eos = next(token for token in range(VOCAB) if token not in expected)
    found = generate(model, torch.tensor([[eos, *prompt]]), 6, temperature=0, eos_id=eos)
    assert found.tolist() == [written_alone(model, [eos, *prompt], 6, eos)]


def test_nothing_to_write():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(2, 4)
    assert torch.equal(generate(model, idx, 0), idx)
    found = generate(model, idx, 0, lengths=[4, 2], pad_id=30)
    assert found.tolist() == [idx[0].tolist(), [*idx[1, :2].tolist(), 30, 30]]


def test_the_callers_tensors_stay_as_they_were():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(3, 5)
    before, lengths = idx.clone(), [5, 3, 1]
    generate(model, idx, 2 * BLOCK, lengths=lengths, pad_id=7)
    assert torch.equal(idx, before)
    assert lengths == [5, 3, 1]
    logits = torch.randn(3, VOCAB)
    before = logits.clone()
    sample_next(logits, temperature=0.5, top_k=4, top_p=0.8)
    assert torch.equal(logits, before)


def test_lengths_may_be_a_tensor():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(2, 5)
    texts = [
        generate(model, idx, 3, temperature=0, lengths=lengths, pad_id=0)
        for lengths in ([5, 2], torch.tensor([5, 2]))
    ]
    assert torch.equal(*texts)


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_is_given_back(mode, char_tokenizer):
    model = random_model(
        GPTConfig(vocab_size=char_tokenizer.vocab_size, n_layer=1, n_embd=16, n_head=2, dropout=0.9)
    ).train(mode)
    first, second = (generate(model, random_ids(1, 3, 20), 9, temperature=0) for _ in range(2))
    assert torch.equal(first, second), "dropout is off while writing"
    assert model.training is mode
    pieces = stream(model, char_tokenizer, "the", 3)
    next(pieces)
    assert model.training is mode, "also between two pieces"
    assert torch.is_grad_enabled()
    model.wte.weight.data.fill_(math.nan)
    with pytest.raises(ValueError, match="not finite"):
        generate(model, random_ids(1, 3, 20), 2)
    assert model.training is mode, "also after an error"


def test_a_part_in_another_mode_keeps_it():
    model = random_model(CONFIGS["layernorm-gelu-learned"]).train()
    model.h[0].eval()
    generate(model, random_ids(1, 3), 2)
    assert [model.training, model.h[0].training, model.h[1].training] == [True, False, True]


def test_the_same_seed_writes_the_same_text():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(2, 3)
    a, b, c = (
        generate(model, idx, 20, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": -0.1}, "temperature=-0.1"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"temperature": math.inf}, "temperature=inf"),
        ({"top_k": 0}, "top_k=0"),
        ({"top_k": -3}, "top_k=-3"),
        ({"top_p": 0.0}, r"top_p=0\.0"),
        ({"top_p": 1.1}, r"top_p=1\.1"),
        ({"max_new_tokens": -1}, "max_new_tokens=-1"),
        ({"lengths": [4]}, "2 numbers from 1 to 4"),
        ({"lengths": [0, 4], "pad_id": 0}, "from 1 to 4"),
        ({"lengths": [5, 4], "pad_id": 0}, "from 1 to 4"),
        ({"lengths": [3, 4]}, "pad_id"),
        ({"eos_id": VOCAB}, f"eos_id={VOCAB}"),
        ({"eos_id": -1}, "eos_id=-1"),
        ({"idx": torch.tensor([1, 2, 3])}, r"\(B, T\).*\(3,\)"),
        ({"idx": torch.zeros(0, 3, dtype=torch.int64)}, r"\(0, 3\)"),
        ({"idx": torch.zeros(2, 0, dtype=torch.int64)}, r"\(2, 0\)"),
        ({"idx": torch.zeros(2, 4)}, "float32"),
        ({"idx": torch.full((2, 4), VOCAB)}, f"0 to {VOCAB - 1}"),
    ],
)
def test_bad_input_is_refused(changes, words):
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    with pytest.raises(ValueError, match=words):
        generate(model, **({"idx": random_ids(2, 4), "max_new_tokens": 3} | changes))


def test_bad_sampling_is_refused_even_if_nothing_is_written():
    with pytest.raises(ValueError, match="top_k"):
        generate(random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(1, 2), 0, top_k=0)


# --- one token ----------------------------------------------------------------------------------

ROWS = st.lists(
    st.lists(
        st.sampled_from([-4.0, -2.0, -1.5, -0.25, 0.0, 0.5, 0.75, 1.0, 3.0, -math.inf]),
        min_size=6,
        max_size=6,
    ).filter(lambda row: max(row) > -math.inf),
    min_size=1,
    max_size=4,
)


@given(
    ROWS,
    st.sampled_from([0.3, 1.0, 2.0]),
    st.none() | st.integers(1, 8),
    st.none() | st.floats(0.01, 1.0),
    st.integers(0, 1000),
)
def test_only_the_most_probable_tokens_of_each_row_come(rows, temperature, top_k, top_p, seed):
    logits = torch.tensor(rows)
    many = logits.repeat(50, 1)
    generator = torch.Generator().manual_seed(seed)
    found = sample_next(
        many, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
    ).view(50, -1)
    for number, row in enumerate(logits):
        drawn = set(found[:, number].tolist())
        probability = (row.double() / temperature).softmax(0)
        kept = probability.sort(descending=True).values[: top_k or 6]
        assert len(drawn) <= len(kept), "at most k different tokens, also among equals"
        if top_p is not None:
            share = kept / kept.sum()
            before = share.cumsum(0) - share
            kept = kept[before < top_p + 1e-6]
        assert all(probability[token] >= kept[-1] * (1 - 1e-6) for token in drawn)
        assert all(probability[token] > 0 for token in drawn)
        if top_p is not None and not (row == kept[-1]).sum() > 1:
            assert len(drawn) <= len(kept)


def test_draws_follow_the_probabilities_of_what_is_kept():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 3.0, 2.9]])
    n = 20_000
    for settings_, kept in [
        ({}, [[0, 1, 2, 3]] * 2),
        ({"temperature": 2.0}, [[0, 1, 2, 3]] * 2),
        ({"top_k": 2}, [[0, 1], [2, 3]]),
        ({"top_p": 0.8}, [[0, 1], [2, 3]]),  # 0.64 + 0.24, and 0.51 + 0.46
        ({"top_p": 0.49}, [[0], [2]]),
        ({"top_k": 3, "top_p": 0.9}, [[0, 1], [2, 3]]),
    ]:
        generator = torch.Generator().manual_seed(0)
        many = logits.repeat_interleave(n, 0)
        found = sample_next(many, generator=generator, **settings_).view(2, n)
        for row, allowed, drawn in zip(logits, kept, found, strict=True):
            share = torch.zeros(4)
            share[allowed] = (row[allowed] / settings_.get("temperature", 1.0)).softmax(0)
            frequency = drawn.bincount(minlength=4) / n
            assert (frequency[share == 0] == 0).all(), settings_
            assert (frequency - share).abs().max() < 4 * 0.5 / math.sqrt(n), settings_


def test_temperature_zero_is_the_most_probable_token():
    logits = torch.randn(50, 30, generator=torch.Generator().manual_seed(0))
    for settings_ in ({}, {"top_k": 5}, {"top_p": 0.3}):
        assert torch.equal(sample_next(logits, temperature=0, **settings_), logits.argmax(-1))
    assert torch.equal(sample_next(logits, top_k=1), logits.argmax(-1))
    assert torch.equal(sample_next(logits, top_p=1e-9), logits.argmax(-1))
    for tiny in (1e-4, 1e-30):
        assert torch.equal(sample_next(logits, temperature=tiny), logits.argmax(-1))


def test_large_logits_do_not_overflow():
    logits = torch.tensor([[3e38, 0.0, -3e38]])
    assert sample_next(logits, temperature=0.01).tolist() == [0]
    assert sample_next(logits.to(torch.bfloat16), top_p=0.9).tolist() == [0]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_logits_that_are_no_numbers_are_refused(broken, temperature):
    logits = torch.zeros(3, 5)
    logits[1, 2] = broken
    with pytest.raises(ValueError, match="not finite"):
        sample_next(logits, temperature=temperature)
    with pytest.raises(ValueError, match="not finite"):
        sample_next(torch.full((1, 5), -math.inf), temperature=temperature)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 5)])
@pytest.mark.parametrize("temperature", [0, 1])
def test_logits_of_another_shape_are_refused(shape, temperature):
    with pytest.raises(ValueError, match=r"\(B, V\)"):
        sample_next(torch.zeros(shape), temperature=temperature)


def test_a_generator_is_used_and_nothing_else():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    sample_next(torch.zeros(4, 9), generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.random.get_rng_state(), before)


# --- text ---------------------------------------------------------------------------------------


class Scripted(GPT):
    """A model that writes given tokens, whatever it reads."""

    def __init__(self, script, vocab_size):
        super().__init__(GPTConfig(vocab_size=vocab_size, n_layer=1, n_head=1, n_embd=2))
        self.script, self.read = list(script), []

    def features(self, idx, cache=None):
        self.read.append(idx.tolist())
        one_hot = torch.zeros(*idx.shape, self.config.vocab_size)
        one_hot[:, -1, self.script[len(self.read) - 1]] = 1.0
        return one_hot

    def head(self, h):
        return h


BYTES = BPETokenizer.train("", vocab_size=257, special_tokens=[END])


def streamed(ids, tokenizer, *, count=None, **settings_):
    model = Scripted(ids, tokenizer.vocab_size)
    count = len(ids) if count is None else count
    return list(stream(model, tokenizer, "x", count, temperature=0, **settings_))


def cut_at_first(text, stops):
    """Read on until a stop string is complete; the text before the leftmost complete one."""
    for end in range(len(text) + 1):
        if found := [text[:end].index(s) for s in stops if s in text[:end]]:
            return text[: min(found)]
    return text


@given(
    st.text("ab\n", max_size=12),
    st.lists(st.text("ab\n", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_stop_strings_across_tokens(text, stops):
    tokenizer = CharTokenizer("ab\nx")
    pieces = streamed(tokenizer.encode(text), tokenizer, stop=stops)
    assert "".join(pieces) == cut_at_first(text, stops)
    assert all(pieces), "no empty pieces"


def test_stop_strings_inside_one_token():
    tokenizer = BPETokenizer.train("stop it now. " * 9, vocab_size=290)
    ids = tokenizer.encode("now stop it")
    assert len(ids) <= 4, "tokens of several letters are the point"
    assert "".join(streamed(ids, tokenizer, stop="op")) == "now st"
    assert "".join(streamed(ids, tokenizer, stop="p i")) == "now sto"
    assert "".join(streamed(ids, tokenizer, stop=["it", "w s"])) == "no"
    assert "".join(streamed(ids, tokenizer, stop="ITX")) == "now stop it"


@given(st.text(max_size=8), st.integers(0, 4))
def test_characters_come_whole(text, kept):
    stop = None if not kept else "\x00" * kept
    text = text.replace("\x00", "")
    pieces = streamed(BYTES.encode(text), BYTES, stop=stop)
    assert "".join(pieces) == text
    for piece in pieces:
        assert "�" not in piece.replace("�", "", text.count("�"))


def test_characters_come_as_soon_as_they_are_complete():
    assert streamed(BYTES.encode("aé🙂b"), BYTES) == ["a", "é", "🙂", "b"]


def test_half_a_character_at_the_end_is_marked():
    assert "".join(streamed(BYTES.encode("a🙂")[:3], BYTES)) == "a�"
    assert "".join(streamed([0xFF, *b"ok"], BYTES)) == "�ok"


def test_a_stop_string_of_many_bytes():
    assert "".join(streamed(BYTES.encode("ja 🙂 nein"), BYTES, stop="🙂")) == "ja "


def test_the_end_token_ends_and_is_not_written():
    ids = [*BYTES.encode("ab"), BYTES.special_tokens[END], *BYTES.encode("c")]
    assert streamed(ids, BYTES) == ["a", "b"]


def test_what_is_held_back_comes_at_the_end():
    assert "".join(streamed(BYTES.encode("abc"), BYTES, stop="cd")) == "abc"
    assert "".join(streamed(BYTES.encode("abc"), BYTES, stop="cd", count=2)) == "ab"
    assert streamed(BYTES.encode("abc"), BYTES, count=0) == []


def test_an_empty_prompt_starts_from_the_end_token():
    model = Scripted(BYTES.encode("hi"), 257)
    assert generate_text(model, BYTES, "", 2, temperature=0) == "hi"
    assert model.read[0] == [[BYTES.special_tokens[END]]]
    with pytest.raises(ValueError, match="prompt is empty"):
        generate_text(model, CharTokenizer("ab"), "", 2)


def test_text_equals_ids(bpe_tokenizer):
    model = random_model(GPTConfig(vocab_size=300, block_size=16, n_layer=2, n_embd=16, n_head=2))
    prompt = bpe_tokenizer.encode("the cat")
    ids = written_alone(model, prompt, 40, bpe_tokenizer.special_tokens[END])[len(prompt) :]
    expected = bpe_tokenizer.decode([i for i in ids if i != bpe_tokenizer.special_tokens[END]])
    for use_cache in (True, False):
        found = generate_text(
            model, bpe_tokenizer, "the cat", 40, temperature=0, use_cache=use_cache
        )
        assert found == expected


def test_a_larger_table_than_vocabulary_writes_no_unknown_tokens():
    """Published models often round their table up; nobody trained the rest."""
    tokenizer = CharTokenizer("abc")
    model = random_model(GPTConfig(vocab_size=64, n_layer=1, n_embd=16, n_head=2))
    assert set(generate_text(model, tokenizer, "a", 200, temperature=5.0)) <= set("abc")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stop": ""}, "empty stop"),
        ({"stop": ["a", ""]}, "empty stop"),
        ({"temperature": -1}, "temperature=-1"),
        ({"max_new_tokens": -1}, "max_new_tokens=-1"),
        ({"prompt": "q"}, "'q'"),
    ],
)
def test_bad_text_input_is_refused(changes, words):
    tokenizer = CharTokenizer("abc")
    model = random_model(GPTConfig(vocab_size=3, n_layer=1, n_embd=8, n_head=2))
    arguments = {"prompt": "a", "max_new_tokens": 2} | changes
    with pytest.raises(ValueError, match=words):
        generate_text(model, tokenizer, **arguments)
