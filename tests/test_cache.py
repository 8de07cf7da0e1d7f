"""The key-value cache: inside the window it changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import BLOCK, CONFIGS, random_ids, random_model

from minigpt import GPTConfig, KVCache
from minigpt.cache import causal_mask

NAMES = st.sampled_from(sorted(CONFIGS))


@pytest.mark.parametrize("name", CONFIGS)
def test_token_by_token_equals_all_at_once(name):
    model, idx = random_model(CONFIGS[name]), random_ids(3, BLOCK)
    cache = model.new_cache(3)
    with torch.no_grad():
        found = torch.cat([model(idx[:, t : t + 1], cache) for t in range(BLOCK)], dim=1)
        torch.testing.assert_close(found, model(idx), atol=2e-5, rtol=1e-5)
    assert cache.length == BLOCK


@given(NAMES, st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(1, 3))
def test_any_cut_into_chunks_equals_all_at_once(name, chunks, batch):
    model = random_model(CONFIGS[name])
    total = min(sum(chunks), BLOCK)
    idx, cache, at = random_ids(batch, total), model.new_cache(batch), 0
    with torch.no_grad():
        expected = model(idx)
        for size in chunks:
            part = idx[:, at : at + size]
            if part.size(1):
                found = model(part, cache)
                torch.testing.assert_close(found, expected[:, at : at + size], atol=2e-5, rtol=1e-5)
            at += size


@given(
    NAMES,
    st.lists(st.integers(0, BLOCK - 2), min_size=2, max_size=4),
    st.integers(1, BLOCK - 1),
)
def test_a_padded_row_equals_the_row_alone(name, padding, cut):
    """Filler on the left changes nothing, whether the prompt comes in one piece or two."""
    model, idx = random_model(CONFIGS[name]), random_ids(len(padding), BLOCK)
    cache = model.new_cache(len(padding), padding)
    with torch.no_grad():
        found = torch.cat([model(idx[:, :cut], cache), model(idx[:, cut:], cache)], dim=1)
        assert torch.isfinite(found).all(), "filler, too, must stay a number"
        for row, filler in enumerate(padding):
            alone = model(idx[row : row + 1, filler:])[0]
            torch.testing.assert_close(found[row, filler:], alone, atol=2e-5, rtol=1e-5)


def test_filler_is_never_seen():
    model, idx = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(2, 8)
    other = idx.clone()
    other[0, :3] = (idx[0, :3] + 7) % 31
    with torch.no_grad():
        first, second = (model(ids, model.new_cache(2, [3, 0])) for ids in (idx, other))
    assert torch.equal(first[0, 3:], second[0, 3:])
    assert torch.equal(first[1], second[1])


def test_the_model_itself_remembers_nothing():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"])
    a, b = random_ids(1, 6, seed=1), random_ids(1, 6, seed=2)
    cache_a, cache_b = model.new_cache(1), model.new_cache(1)
    with torch.no_grad():
        for t in range(6):
            last_a = model(a[:, t : t + 1], cache_a)
            last_b = model(b[:, t : t + 1], cache_b)
        torch.testing.assert_close(last_a[:, 0], model(a)[:, -1])
        torch.testing.assert_close(last_b[:, 0], model(b)[:, -1])


@given(st.integers(1, 6), st.integers(0, 6))
def test_causal_mask_lets_the_last_queries_see_back(queries, past):
    keys = queries + past
    mask = causal_mask(queries, keys)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[s <= past + t for s in range(keys)] for t in range(queries)]


def test_it_holds_what_the_config_says():
    config = GPTConfig(vocab_size=9, block_size=20, n_layer=3, n_head=4, n_kv_head=2, n_embd=32)
    cache = KVCache(config, 5, dtype=torch.bfloat16)
    for tensors in (cache.keys, cache.values):
        assert [tensor.shape for tensor in tensors] == [(5, 2, 20, 8)] * 3
        assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
    assert cache.length == 0


def test_it_holds_no_more_than_was_asked_for():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    cache = model.new_cache(1, room=4)
    assert {tensor.size(2) for tensor in cache.keys + cache.values} == {4}
    with torch.no_grad():
        model(random_ids(1, 3), cache)
        with pytest.raises(ValueError, match=r"5 tokens.*room=4"):
            model(random_ids(1, 2), cache)
        assert cache.length == 3
        found = model(random_ids(1, 4)[:, 3:], cache)
        torch.testing.assert_close(found[0, 0], model(random_ids(1, 4))[0, 3])


@pytest.mark.parametrize("room", [0, BLOCK + 1])
def test_room_beyond_the_context_is_refused(room):
    with pytest.raises(ValueError, match=f"room={room}"):
        KVCache(CONFIGS["layernorm-gelu-learned"], 2, room=room)


def test_it_can_be_used_with_and_without_gradients():
    model, idx = random_model(CONFIGS["rmsnorm-swiglu-rope"]), random_ids(1, 6)
    with torch.no_grad():
        cache = model.new_cache(1)
        model(idx[:, :3], cache)
    torch.testing.assert_close(model(idx[:, 3:], cache), model(idx)[:, 3:])


def test_it_takes_the_models_dtype():
    model = random_model(CONFIGS["rmsnorm-swiglu-rope"], std=0.1).to(torch.bfloat16)
    cache, idx = model.new_cache(2), random_ids(2, 8)
    assert cache.keys[0].dtype == torch.bfloat16
    with torch.no_grad():
        found = torch.cat([model(idx[:, :5], cache), model(idx[:, 5:], cache)], dim=1)
        torch.testing.assert_close(found, model(idx), atol=0.05, rtol=0.05)


def test_a_full_cache_is_refused_and_stays_as_it_was():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    cache = model.new_cache(1)
    with torch.no_grad():
        model(random_ids(1, BLOCK - 1), cache)
        with pytest.raises(ValueError, match=f"{BLOCK + 1} tokens do not fit block_size={BLOCK}"):
            model(random_ids(1, 2), cache)
        assert cache.length == BLOCK - 1
        model(random_ids(1, 1), cache)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_cache_for_another_number_of_rows_is_refused(rows):
    """Keys of one row would otherwise be spread over all rows, without a word."""
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    with pytest.raises(ValueError, match=f"2 rows.*{rows}"):
        model(random_ids(rows, 4), model.new_cache(2))


@pytest.mark.parametrize("padding", [[1], [1, 2, 3], [-1, 0], [0, BLOCK]])
def test_bad_padding_is_refused(padding):
    with pytest.raises(ValueError, match="padding"):
        KVCache(CONFIGS["layernorm-gelu-learned"], 2, padding=padding)
