"""Muon against torch's own, which weight goes where, and the schedules' shapes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import CONFIGS, random_ids, random_model
from torch import nn

from minigpt import GPT, GPTConfig
from minigpt.evaluate import next_token_loss
from minigpt.optim import Muon, make_optimizers, orthogonalize, schedule_factor


def matrices(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- Muon ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 64, 64), (2, 96, 32), (2, 32, 96), (4, 5, 7)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_orthogonalize_makes_all_singular_values_about_one(shape, scale):
    x = matrices(*shape)
    found = orthogonalize(x * scale)
    assert found.shape == shape
    # The iteration is made for speed; values far below the largest need more than five steps.
    U, S, V = torch.linalg.svd(x, full_matrices=False)
    values = torch.diagonal(U.mT @ found @ V.mT, 0, 1, 2)
    large = S / S.norm(dim=1, keepdim=True) > 0.02
    assert values[large].min() > 0.6
    assert values.max() < 1.25
    rest = found - U @ torch.diag_embed(values) @ V
    assert rest.abs().max() < 1e-3, "the singular vectors stay"


def test_orthogonalize_has_the_same_singular_vectors_sign():
    x = torch.diag_embed(torch.tensor([[3.0, -2.0, 1.0]]))
    found = orthogonalize(x)[0]
    assert found.diagonal().sign().tolist() == [1, -1, 1]
    assert torch.allclose(found, torch.diag(found.diagonal()), atol=1e-5)


def test_no_gradient_is_no_direction():
    assert torch.equal(orthogonalize(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


def test_one_by_one_equals_together():
    x = matrices(5, 12, 8)
    together = orthogonalize(x)
    for one, found in zip(x, together, strict=True):
        torch.testing.assert_close(orthogonalize(one[None])[0], found, atol=1e-5, rtol=1e-5)


def trained(make, shapes, steps=6):
    weights = [nn.Parameter(matrices(*shape, seed=i)) for i, shape in enumerate(shapes)]
    optimizer = make(weights)
    for step in range(steps):
        for i, weight in enumerate(weights):
            weight.grad = matrices(*weight.shape, seed=100 * step + i + 50)
        optimizer.step()
    return [weight.detach() for weight in weights]


SHAPES = [(16, 16), (48, 16), (16, 48), (16, 16), (48, 16), (7, 3)]


@pytest.mark.parametrize(("momentum", "decay"), [(0.95, 0.0), (0.9, 0.5), (0.0, 0.0)])
def test_the_same_path_as_torchs(momentum, decay):
    """torch rounds to bfloat16 on the way, hence the tolerance; six steps show every part."""
    settings = {"lr": 0.05, "momentum": momentum, "weight_decay": decay}
    ours = trained(lambda w: Muon(w, **settings), SHAPES)
    theirs = trained(lambda w: torch.optim.Muon(w, **settings), SHAPES)
    starts = [matrices(*shape, seed=i) for i, shape in enumerate(SHAPES)]
    for our, their, start in zip(ours, theirs, starts, strict=True):
        a, b = (our - start).flatten(), (their - start).flatten()
        assert torch.cosine_similarity(a, b, dim=0) > 0.998
        assert float(a.norm() / b.norm()) == pytest.approx(1, abs=0.02)


def test_weights_of_one_shape_do_not_mix():
    make = lambda w: Muon(w, lr=0.1)  # noqa: E731
    together = trained(make, [(8, 6)] * 3)
    for i in range(3):
        alone = nn.Parameter(matrices(8, 6, seed=i))
        optimizer = Muon([alone], lr=0.1)
        for step in range(6):
            alone.grad = matrices(8, 6, seed=100 * step + i + 50)
            optimizer.step()
        torch.testing.assert_close(alone.detach(), together[i], atol=1e-5, rtol=1e-5)


def test_weights_without_a_gradient_stay():
    a, b = (nn.Parameter(matrices(4, 4, seed=i)) for i in range(2))
    optimizer = Muon([a, b], lr=0.1, weight_decay=0.1)
    before = b.detach().clone()
    a.grad = torch.ones(4, 4)
    optimizer.step()
    assert torch.equal(b, before)
    assert b not in optimizer.state


def test_muon_goes_on_from_its_state():
    def steps(optimizer, weight, numbers):
        for number in numbers:
            weight.grad = matrices(6, 4, seed=number)
            optimizer.step()

    a, b = (nn.Parameter(matrices(6, 4)) for _ in range(2))
    first = Muon([a])
    steps(first, a, range(5))
    second = Muon([b])
    steps(second, b, range(2))
    third = Muon([b])
    third.load_state_dict(second.state_dict())
    steps(third, b, range(2, 5))
    assert torch.equal(a, b)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_muon_refuses_what_is_no_matrix(shape):
    with pytest.raises(ValueError, match=r"matrices only.*AdamW"):
        Muon([nn.Parameter(torch.zeros(shape))])


@pytest.mark.parametrize(("name", "value"), [("lr", -1), ("momentum", 1.0), ("weight_decay", -1)])
def test_muon_refuses_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        Muon([nn.Parameter(torch.zeros(2, 2))], **{name: value})


def test_muon_calls_a_closure():
    weight = nn.Parameter(matrices(4, 4))
    before = weight.detach().clone()
    optimizer = Muon([weight])

    def closure():
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == pytest.approx(float(before.square().sum()))
    assert not torch.equal(weight, before)


# --- which weight goes where --------------------------------------------------------------------


def groups_of(model, **settings):
    """name -> (kind of optimizer, weight decay)"""
    names = {id(w): n for n, w in model.named_parameters()}
    found = {}
    for optimizer in make_optimizers(model, **settings):
        for group in optimizer.param_groups:
            for weight in group["params"]:
                name = names[id(weight)]
                assert name not in found, f"{name} is updated twice"
                found[name] = (type(optimizer).__name__, group["weight_decay"])
    return found


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_weight_has_its_optimizer(name, optimizer):
    model = random_model(CONFIGS[name])
    found = groups_of(model, optimizer=optimizer, weight_decay=0.3)
    assert found.keys() == dict(model.named_parameters()).keys()
    for weight, (kind, decay) in found.items():
        inside = weight.startswith("h.") and ".c_" in weight and weight.endswith(".weight")
        matrix = inside or weight.split(".")[0] in ("wte", "wte_back", "wpe", "lm_head")
        assert kind == ("Muon" if inside and optimizer == "muon" else "AdamW"), weight
        assert decay == (0.3 if matrix else 0.0), weight


def test_frozen_weights_are_left_out():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    model.wte.requires_grad_(False)
    model.h[0].requires_grad_(False)
    found = groups_of(model)
    assert "wte.weight" not in found
    assert not any(name.startswith("h.0.") for name in found)
    assert "h.1.mlp.c_fc.weight" in found
    assert {kind for kind, _ in found.values()} == {"Muon", "AdamW"}


def test_a_model_with_nothing_to_train_is_refused():
    model = random_model(CONFIGS["layernorm-gelu-learned"]).requires_grad_(False)
    with pytest.raises(ValueError, match="frozen"):
        make_optimizers(model)


def test_only_the_blocks_give_matrices_to_muon():
    """Names that merely end in h, and wrapped models."""
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    other = nn.ModuleDict({"branch": nn.Linear(3, 3), "inner": model})
    found = groups_of(other)
    assert found["branch.weight"][0] == "AdamW"
    assert found["inner.h.0.mlp.c_fc.weight"][0] == "Muon"
    assert found["inner.wte.weight"][0] == "AdamW"


def test_only_hidden_matrices_left_need_no_adamw():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    for name, weight in model.named_parameters():
        weight.requires_grad_(name == "h.0.mlp.c_fc.weight")
    assert [type(o).__name__ for o in make_optimizers(model)] == ["Muon"]


def test_rates_are_remembered():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    muon, adamw = make_optimizers(model, learning_rate=0.5, muon_learning_rate=0.25)
    assert [group["initial_lr"] for group in muon.param_groups] == [0.25]
    assert [group["initial_lr"] for group in adamw.param_groups] == [0.5, 0.5]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_embeddings_may_have_a_rate_of_their_own(optimizer):
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    adamw = make_optimizers(
        model, optimizer=optimizer, learning_rate=0.5, embedding_learning_rate=2.0, weight_decay=0.1
    )[-1]
    rates = {id(w): group["initial_lr"] for group in adamw.param_groups for w in group["params"]}
    for name, weight in model.named_parameters():
        if id(weight) in rates:
            assert rates[id(weight)] == (2.0 if name.startswith("wte") else 0.5), name
    assert {id(w) for w in model.wte.parameters()} <= rates.keys()
    trained = [w for group in adamw.param_groups for w in group["params"]]
    assert len(trained) == len({id(w) for w in trained})


def test_unknown_optimizers_are_refused():
    with pytest.raises(ValueError, match=r"optimizer='sgd'.*adamw.*muon"):
        make_optimizers(random_model(CONFIGS["layernorm-gelu-learned"]), optimizer="sgd")


def test_adamw_is_adamw_by_the_formula():
    """Decoupled decay on matrices alone; the moments' biases corrected (1711.05101)."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=31, n_layer=1, n_head=2, n_embd=8, block_size=8))
    settings = {"learning_rate": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.5}
    (optimizer,) = make_optimizers(model, optimizer="adamw", **settings)
    expected = {n: w.detach().clone().double() for n, w in model.named_parameters()}
    first = {n: torch.zeros_like(w) for n, w in expected.items()}
    second = {n: torch.zeros_like(w) for n, w in expected.items()}
    idx = random_ids(2, 9)
    for step in range(1, 4):
        optimizer.zero_grad()
        next_token_loss(model(idx[:, :-1]), idx[:, 1:]).backward()
        for name, weight in model.named_parameters():
            gradient = weight.grad.double()
            first[name] = 0.8 * first[name] + 0.2 * gradient
            second[name] = 0.9 * second[name] + 0.1 * gradient**2
            m, v = first[name] / (1 - 0.8**step), second[name] / (1 - 0.9**step)
            if weight.dim() == 2:
                expected[name] = expected[name] * (1 - 0.1 * 0.5)
            expected[name] = expected[name] - 0.1 * m / (v.sqrt() + 1e-8)
        optimizer.step()
        for name, weight in model.named_parameters():
            large = second[name] > 1e-12  # elsewhere rounding decides
            torch.testing.assert_close(
                weight.double()[large], expected[name][large], atol=1e-3, rtol=1e-3
            )
            expected[name] = weight.detach().double()


# --- schedules ----------------------------------------------------------------------------------


def factors(steps, **settings):
    return [schedule_factor(step, steps, **settings) for step in range(steps)]


def test_warm_up_stay_decay():
    found = factors(100, schedule="wsd", warmup_steps=9, decay_fraction=0.4)
    assert found[:9] == pytest.approx([(i + 1) / 10 for i in range(9)])
    assert found[9:61] == [1.0] * 52
    assert found[60:] == pytest.approx([(100 - step) / 40 for step in range(60, 100)])
    assert factors(10, schedule="wsd", decay_fraction=0.0) == [1.0] * 10
    assert schedule_factor(100, 100, schedule="wsd", min_factor=0.1) == pytest.approx(0.1)


def test_cosine():
    found = factors(100, schedule="cosine", warmup_steps=20, min_factor=0.1)
    assert found[:20] == pytest.approx([(i + 1) / 21 for i in range(20)])
    assert found[20] == 1.0
    assert found[60] == pytest.approx(0.55)
    assert schedule_factor(100, 100, schedule="cosine", min_factor=0.1) == pytest.approx(0.1)
    assert found[20:] == sorted(found[20:], reverse=True)
    for step in range(20, 100):
        share = (step - 20) / 80
        assert found[step] == pytest.approx(0.1 + 0.9 * math.cos(math.pi / 2 * share) ** 2)


def test_constant():
    assert factors(10, schedule="constant", warmup_steps=1) == [0.5] + [1.0] * 9


@given(
    st.sampled_from(["wsd", "cosine", "constant"]),
    st.integers(1, 60),
    st.integers(0, 80),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_schedule_stays_between_zero_and_one(schedule, steps, warmup, decay, low):
    settings = {"schedule": schedule, "warmup_steps": warmup, "decay_fraction": decay,
                "min_factor": low}  # fmt: skip
    found = [schedule_factor(step, steps, **settings) for step in range(steps + 3)]
    assert all(0 <= factor <= 1 for factor in found)
    assert all(factor > 0 for factor in found[:steps]), "every step counts"
    after = found[warmup:]
    assert after == sorted(after, reverse=True), "after the warm-up it only falls"


def test_unknown_schedules_are_refused():
    for step in (0, 5):
        with pytest.raises(ValueError, match=r"schedule='linear'.*wsd.*cosine.*constant"):
            schedule_factor(step, 10, schedule="linear", warmup_steps=3)
