"""Every tensor is made on the right device; no token sees the future; a batch can be learnt.

torch's `meta` device computes shapes only and refuses tensors of another device, so a tensor made
on the wrong one is found without a GPU. Where there is a GPU, the same runs there.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import BLOCK, CONFIGS, VOCAB, random_ids, random_model

from minigpt import GPT, generate, sample_next
from minigpt.evaluate import next_token_loss, token_losses
from minigpt.generate import _Window
from minigpt.modes import evaluating
from minigpt.optim import make_optimizers

DEVICES = [
    "meta",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    ),
]


def ids_on(device, batch=2, length=BLOCK):
    return random_ids(batch, length).to(device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_training_step(name, device, optimizer):
    model = random_model(CONFIGS[name])
    model(random_ids(1, 3))  # what it keeps from the CPU must not follow it
    model.to(device)
    before = {n: w.detach().clone() for n, w in model.named_parameters()}
    optimizers = make_optimizers(model, optimizer=optimizer)
    idx = ids_on(device)
    logits = model(idx[:, :-1])
    loss = next_token_loss(logits, idx[:, 1:])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for each in optimizers:
        each.step()
    assert logits.shape == (2, BLOCK - 1, VOCAB)
    assert {x.device.type for x in (logits, loss, *model.parameters())} == {device}
    if device != "meta":
        assert all(not torch.equal(w, before[n]) for n, w in model.named_parameters())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CONFIGS)
def test_writing_until_the_window_moves(name, device):
    """Few steps, for the meta device is slow: prefill, cached steps, and a window that moves."""
    model = random_model(CONFIGS[name]).to(device)
    rows = ids_on(device, batch=3, length=BLOCK - 1)
    window = _Window(model, [0, 2, 4], use_cache=True)
    with evaluating(model):
        for _ in range(3):
            logits = window.next_logits(rows)
            assert logits.shape == (3, VOCAB)
            assert logits.device.type == device
            rows = torch.cat([rows, logits.argmax(-1, keepdim=True)], dim=1)
    assert window.starts == [BLOCK + 1 - BLOCK // 2, 2, 4]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("padding", [None, [0, 3]])
@pytest.mark.parametrize("name", ["layernorm-gelu-learned", "rmsnorm-relu2-rope"])
def test_cache_in_chunks(name, device, padding):
    model = random_model(CONFIGS[name]).to(device)
    cache = model.new_cache(2, padding)
    for size in (3, 1, 4):
        assert model(ids_on(device, length=size), cache).device.type == device


def test_meta_refuses_a_tensor_of_another_device():
    """Without this the tests above would prove nothing."""
    model = random_model(CONFIGS["layernorm-gelu-learned"]).to("meta")
    with pytest.raises((RuntimeError, NotImplementedError)):
        model.wte(random_ids(1, 3).to("meta")) + torch.zeros(1, 3, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", CONFIGS)
def test_cuda_equals_cpu(name):
    model, idx = random_model(CONFIGS[name]), random_ids(3, 5)
    settings = {"temperature": 0, "lengths": [5, 2, 4], "pad_id": 0}
    text, logits = generate(model, idx, 2 * BLOCK, **settings), model(idx)
    losses = token_losses(model, random_ids(1, 50)[0], stride=3)
    model.cuda()
    torch.testing.assert_close(model(idx.cuda()).cpu(), logits, atol=1e-3, rtol=1e-3)
    assert torch.equal(generate(model, idx.cuda(), 2 * BLOCK, **settings).cpu(), text)
    found = token_losses(model, random_ids(1, 50)[0], stride=3)
    torch.testing.assert_close(found, losses, atol=1e-3, rtol=1e-3)
    drawn = [
        sample_next(logits[:, -1].to(d), top_k=9, generator=torch.Generator().manual_seed(3)).cpu()
        for d in ("cpu", "cuda")
    ]
    assert torch.equal(*drawn), "a generator on the CPU draws the same on any device"


@given(
    st.sampled_from(sorted(CONFIGS)),
    st.lists(st.integers(0, VOCAB - 1), min_size=2, max_size=BLOCK),
    st.integers(1, VOCAB - 1),
    st.data(),
)
def test_changing_a_later_token_never_changes_an_earlier_logit(name, row, shift, data):
    model, idx = random_model(CONFIGS[name]), torch.tensor([row])
    at = data.draw(st.integers(0, len(row) - 1), label="changed position")
    other = idx.clone()
    other[0, at] = (other[0, at] + shift) % VOCAB
    with torch.no_grad():
        first, second = model(idx), model(other)
    assert torch.equal(first[:, :at], second[:, :at])
    assert not torch.equal(first[:, at], second[:, at]), "and its own logits do change"


@pytest.mark.parametrize("name", CONFIGS)
def test_every_earlier_token_is_seen(name):
    model = random_model(CONFIGS[name])
    inputs = []
    model.wte.register_forward_hook(lambda _, __, out: inputs.append(out) or out.retain_grad())
    model(random_ids(1, 7))[0, 5].sum().backward()
    reach = inputs[0].grad[0].abs().sum(-1)
    assert (reach[:6] > 0).all()
    assert reach[6] == 0


@pytest.mark.parametrize("name", list(CONFIGS)[::4])
def test_one_batch_overfits(name):
    """Next tokens without any rule are learnt by heart: to nearly no loss."""
    torch.manual_seed(0)
    config = CONFIGS[name]
    model = GPT(config)
    idx = torch.stack([torch.randperm(VOCAB)[: BLOCK + 1] for _ in range(4)])
    optimizers = make_optimizers(model, learning_rate=0.02, weight_decay=0.0)
    for _ in range(120):
        loss = next_token_loss(model(idx[:, :-1]), idx[:, 1:])
        loss.backward()
        for each in optimizers:
            each.step()
            each.zero_grad()
    floor = 0.7 if config.position == "none" else 0.1
    assert loss < floor, f"the loss is still {loss:.3f}"
