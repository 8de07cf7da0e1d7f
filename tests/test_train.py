"""The training loop: what it computes, what it tells, how it stops, what it leaves as it was."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import signal
import threading

import pytest
import torch
import torch.nn.functional as F
from small_runs import (
    BLOCK,
    VOCAB,
    assert_same_weights,
    differ,
    settings,
    small_model,
    stream,
    weights,
)

from minigpt import TrainConfig, fit, load_checkpoint
from minigpt.data import Batches
from minigpt.evaluate import evaluate_loss
from minigpt.modes import deferred_interrupt
from minigpt.optim import schedule_factor
from minigpt.train import bf16_pays
from minigpt.train_config import StepInfo, TrainingDiverged

# --- what is learnt -----------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "optimizer"), [("fast", "muon"), ("gpt2", "adamw")])
def test_one_batch_is_learnt_by_heart(preset, optimizer):
    model = small_model(preset)
    x, y = Batches(stream(), BLOCK, 4)(0)
    config = settings(steps=150, optimizer=optimizer, learning_rate=0.01, weight_decay=0.0)
    history = fit(model, lambda step: (x, y), None, config)
    assert history.train_loss[0] == pytest.approx(math.log(VOCAB), abs=0.3)
    assert history.train_loss[-1] < 0.1


def test_held_out_loss_falls_below_that_of_guessing():
    config = settings(steps=80, eval_interval=20, batch_size=16, learning_rate=0.01)
    history = fit(small_model(), stream(2_000), stream(seed=1), config)
    assert history.val_loss[-1] < history.val_loss[0]
    assert history.val_loss[-1] < 1.6  # log(24) = 3.2; the best possible is log(3) = 1.1


def test_the_loss_is_the_mean_cross_entropy_before_the_update():
    model = small_model("gpt2")
    x, y = Batches(stream(), BLOCK, 4, seed=5)(0)
    expected = F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
    history = fit(model, stream(), None, settings(steps=1, seed=5))
    assert history.train_loss == [pytest.approx(expected, rel=1e-6)]


def test_targets_of_minus_100_carry_no_loss():
    x, y = Batches(stream(), BLOCK, 4)(0)
    masked = y.clone()
    masked[:, ::2] = -100
    model = small_model("gpt2")
    logits = model(x)[:, 1::2]
    expected = F.cross_entropy(logits.flatten(0, 1), y[:, 1::2].flatten()).item()
    history = fit(model, lambda step: (x, masked), None, settings(steps=1))
    assert history.train_loss == [pytest.approx(expected, rel=1e-6)]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_accumulated_batches_equal_one_bigger_batch(optimizer):
    draw = Batches(stream(), BLOCK, 4)

    def both(step):
        parts = [draw(2 * step), draw(2 * step + 1)]
        return tuple(torch.cat(sides) for sides in zip(*parts, strict=True))

    config = settings(steps=4, optimizer=optimizer)
    whole, parts = small_model(), small_model()
    big = fit(whole, both, None, config)
    small = fit(parts, draw, None, dataclasses.replace(config, grad_accumulation=2))
    assert small.train_loss == pytest.approx(big.train_loss, rel=1e-5)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_seed_decides_batches_and_dropout_and_nothing_else_does(dropout):
    results = []
    for seed in (0, 0, 1):
        model = small_model(dropout=dropout)
        fit(model, stream(), None, settings(steps=3, seed=seed))
        results.append(weights(model))
        torch.rand(3)  # the global generators play no part
    assert_same_weights(results[0], results[1])
    assert differ(results[0], results[2])


def test_dropout_is_on_in_training_and_off_in_evaluation():
    model = small_model("gpt2", dropout=0.5)
    x, y = Batches(stream(), BLOCK, 4)(0)
    plain = evaluate_loss(model, stream())
    seen = []
    # At a rate this low the weights do not move, so only the masks differ from step to step.
    config = settings(steps=2, learning_rate=1e-30, muon_learning_rate=1e-30, eval_interval=1)
    history = fit(model, lambda step: (x, y), stream(), config, on_step=seen.append)
    assert history.train_loss[0] != history.train_loss[1]
    assert history.val_loss == [pytest.approx(plain)] * 2


def test_gradients_that_were_there_before_do_not_count():
    clean, stale = small_model(), small_model()
    x, y = Batches(stream(), BLOCK, 4)(0)
    F.cross_entropy(stale(x).flatten(0, 1), y.flatten()).backward()
    for model in (clean, stale):
        fit(model, stream(), None, settings(steps=2))
    assert_same_weights(clean, stale)


def test_frozen_weights_stay():
    model = small_model("gpt2")
    model.wte.weight.requires_grad_(False)
    before = weights(model)
    fit(model, stream(), None, settings(steps=2))
    assert torch.equal(model.wte.weight, before["wte.weight"])
    assert not torch.equal(model.wpe.weight, before["wpe.weight"])


def test_clipping_shortens_the_gradient():
    results = []
    for clip in (None, 1e-6):
        model = small_model("gpt2")
        # AdamW's first step is blind to the gradient's length unless epsilon counts.
        fit(model, stream(), None, settings(steps=1, optimizer="adamw", grad_clip=clip))
        results.append(weights(model))
    assert differ(*results)


def test_bfloat16_computes_coarser_and_keeps_float32_weights():
    losses = {}
    for dtype in ("float32", "bfloat16"):
        model = small_model("gpt2")
        losses[dtype] = fit(model, stream(), None, settings(steps=4, dtype=dtype)).train_loss
        assert {w.dtype for w in model.parameters()} == {torch.float32}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=2e-2)
    assert losses["bfloat16"] != losses["float32"]


def test_dtype_auto_is_one_of_the_two():
    results = {}
    for dtype in ("float32", "bfloat16", "auto"):
        model = small_model("gpt2")
        fit(model, stream(), None, settings(steps=2, dtype=dtype))
        results[dtype] = weights(model)
    chosen = "bfloat16" if bf16_pays(torch.device("cpu")) else "float32"
    assert_same_weights(results["auto"], results[chosen])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its compiler
def test_a_compiled_model_trains_to_the_same_losses():
    if not any(map(shutil.which, ("g++", "clang++", "cl"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none")
    plain, compiled = small_model("gpt2"), small_model("gpt2")
    expected = fit(plain, stream(), stream(seed=1), settings(steps=3))
    found = fit(compiled, stream(), stream(seed=1), settings(steps=3, compile=True))
    assert found.train_loss == pytest.approx(expected.train_loss, rel=1e-4)
    assert found.val_loss == pytest.approx(expected.val_loss, rel=1e-4)
    assert compiled.state_dict().keys() == plain.state_dict().keys()


# --- what is told -------------------------------------------------------------------------------


def test_history_is_plain_lists_that_json_holds():
    history = fit(small_model(), stream(), stream(seed=1), settings(steps=5))
    fields = dataclasses.asdict(history)
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert history.step == [1, 2, 3, 4, 5]
    assert history.val_step == [2, 4, 5]  # each second step, and the last
    lists = (history.train_loss, history.learning_rate, history.tokens_per_second)
    assert [len(values) for values in lists] == [5, 5, 5]
    assert len(history.val_loss) == 3
    for values in lists:
        assert {type(value) for value in values} == {float}
    assert history.stopped == "finished"
    assert history.seconds > 0


def test_on_step_is_told_what_the_history_holds():
    told: list[StepInfo] = []
    history = fit(small_model(), stream(), stream(seed=1), settings(steps=5), on_step=told.append)
    assert [info.step for info in told] == history.step
    assert [info.train_loss for info in told] == history.train_loss
    assert [info.learning_rate for info in told] == history.learning_rate
    assert [info.val_loss for info in told if info.val_loss is not None] == history.val_loss
    assert [info.step for info in told if info.val_loss is not None] == history.val_step
    assert {info.steps for info in told} == {5}
    assert told[-1].remaining == 0
    assert all(info.remaining > 0 for info in told[:-1])
    assert told[-1].seconds == history.seconds
    assert all(info.tokens_per_second > 0 for info in told)
    with pytest.raises(dataclasses.FrozenInstanceError):
        told[0].step = 7


def test_learning_rates_follow_the_schedule():
    plan = {"schedule": "cosine", "warmup_steps": 2, "min_factor": 0.1}
    history = fit(small_model(), stream(), None, settings(learning_rate=0.01, **plan))
    expected = [0.01 * schedule_factor(step, 6, **plan) for step in range(6)]
    assert history.learning_rate == pytest.approx(expected)
    assert history.learning_rate[0] < history.learning_rate[1]


def test_held_out_loss_is_evaluate_loss_after_the_update():
    model = small_model()
    history = fit(model, stream(), stream(seed=1), settings(steps=2))
    assert history.val_loss == [evaluate_loss(model, stream(seed=1))]


def test_eval_batches_shorten_the_evaluation():
    model, val = small_model(), stream(seed=1)
    history = fit(model, stream(), val, settings(steps=2, eval_batches=1))
    assert history.val_loss == [evaluate_loss(model, val[: 4 * BLOCK + 1])]


def test_held_out_batches_may_come_from_a_function():
    numbers = []
    draw = Batches(stream(seed=1), BLOCK, 4)

    def val(number):
        numbers.append(number)
        return draw(number)

    model = small_model()
    history = fit(model, stream(), val, settings(steps=2, eval_batches=3))
    assert numbers == [0, 1, 2]
    with torch.no_grad():
        losses = [
            F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
            for x, y in map(draw, range(3))
        ]
    assert history.val_loss == [pytest.approx(sum(losses) / 3, rel=1e-6)]


def test_seconds_leave_out_the_callback():
    def sleep(info):
        threading.Event().wait(0.2)

    history = fit(small_model(), stream(), None, settings(steps=3), on_step=sleep)
    assert history.seconds < 0.5


# --- what is left as it was ---------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_callers_random_state_is_untouched(dropout):
    model = small_model(dropout=dropout)
    torch.manual_seed(11)
    state = torch.get_rng_state()
    fit(model, stream(), stream(seed=1), settings())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ZeroDivisionError])
def test_the_mode_is_given_back(training, error):
    model = small_model().train(training)
    modes = []

    def on_step(info):
        modes.append(model.training)
        if error is not None:
            raise error

    if error is ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            fit(model, stream(), stream(seed=1), settings(), on_step=on_step)
    else:
        fit(model, stream(), stream(seed=1), settings(), on_step=on_step)
    assert model.training is training
    assert modes
    assert all(modes)


def test_no_gradients_are_left():
    model = small_model()
    fit(model, stream(), stream(seed=1), settings())
    assert all(weight.grad is None for weight in model.parameters())


# --- interrupting -------------------------------------------------------------------------------


def weights_after(steps: int, **model_changes) -> dict[str, torch.Tensor]:
    """Weights of an uninterrupted run after so many of six steps."""
    model = small_model(**model_changes)
    found = {}

    def on_step(info):
        if info.step == steps:
            found.update(weights(model))

    fit(model, stream(), None, settings(), on_step=on_step)
    return found


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_keyboard_interrupt_in_on_step_returns_the_history(stop):
    model = small_model(dropout=0.1)

    def on_step(info):
        if info.step == stop:
            raise KeyboardInterrupt

    history = fit(model, stream(), None, settings(), on_step=on_step)
    assert history.stopped == "interrupted"
    assert history.step == list(range(1, stop + 1))
    assert_same_weights(model, weights_after(stop, dropout=0.1))


@pytest.mark.parametrize("stop", [1, 3])
def test_ctrl_c_waits_for_the_end_of_the_step(stop):
    """A real signal while the batch of a step is drawn: the step is still done, whole."""
    model = small_model(dropout=0.1)
    draw = Batches(stream(), BLOCK, 4)
    before = signal.getsignal(signal.SIGINT)

    def batch(step):
        if step == stop - 1:
            signal.raise_signal(signal.SIGINT)
        return draw(step)

    history = fit(model, batch, None, settings())
    assert history.stopped == "interrupted"
    assert history.step == list(range(1, stop + 1))
    assert_same_weights(model, weights_after(stop, dropout=0.1))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_at_once():
    def batch(step):
        if step == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second Ctrl-C was ignored")
        return draw(step)

    draw = Batches(stream(), BLOCK, 4)
    model = small_model()
    before = signal.getsignal(signal.SIGINT)
    history = fit(model, batch, None, settings())
    assert history.stopped == "interrupted"
    assert history.step == [1, 2]
    assert_same_weights(model, weights_after(2))
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_last_step_is_a_finished_run():
    def on_step(info):
        if info.step == 6:
            signal.raise_signal(signal.SIGINT)

    history = fit(small_model(), stream(), None, settings(), on_step=on_step)
    assert history.stopped == "finished"


def test_a_process_that_was_told_to_ignore_ctrl_c_ignores_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupt() as pressed:
            signal.raise_signal(signal.SIGINT)
            assert not pressed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_works_outside_the_main_thread():
    done = []
    thread = threading.Thread(
        target=lambda: done.append(fit(small_model(), stream(), None, settings()))
    )
    thread.start()
    thread.join()
    assert done[0].stopped == "finished"


# --- stopping early -----------------------------------------------------------------------------


def overfitting(**changes) -> TrainConfig:
    """Settings under which few tokens are learnt by heart, so that held-out loss soon rises."""
    base = {"steps": 60, "learning_rate": 0.02, "schedule": "constant", "patience": 3}
    return settings(**(base | changes))


def test_patience_stops_the_run_and_brings_back_the_best_weights():
    model = small_model()
    seen = {}

    def on_step(info):
        if info.val_loss is not None:
            seen[info.step] = weights(model)

    history = fit(model, stream(30), stream(seed=1), overfitting(), on_step=on_step)
    best = min(range(len(history.val_loss)), key=history.val_loss.__getitem__)
    assert history.stopped == "early stop"
    assert history.step[-1] < 60
    assert len(history.val_loss) - 1 - best == 3
    assert_same_weights(model, seen[history.val_step[best]])
    assert evaluate_loss(model, stream(seed=1)) == min(history.val_loss)


def test_a_finished_run_with_patience_ends_with_the_best_weights_too():
    model = small_model()
    history = fit(model, stream(30), stream(seed=1), overfitting(patience=1_000))
    assert history.stopped == "finished"
    assert evaluate_loss(model, stream(seed=1)) == min(history.val_loss) < history.val_loss[-1]


def test_patience_needs_something_to_look_at():
    with pytest.raises(ValueError, match="patience=3 needs val"):
        fit(small_model(), stream(30), None, overfitting())


def test_without_patience_the_last_weights_stay():
    model = small_model()
    history = fit(model, stream(30), stream(seed=1), overfitting(patience=None))
    assert evaluate_loss(model, stream(seed=1)) == history.val_loss[-1]


# --- numbers that are none ----------------------------------------------------------------------


def test_a_broken_weight_stops_the_run_before_anything_moves(tmp_path):
    model = small_model("gpt2")
    with torch.no_grad():
        model.wte.weight[3, 3] = torch.nan
    before = weights(model)
    with pytest.raises(TrainingDiverged, match=r"step 1: the loss is nan.*no checkpoint yet.*rate"):
        fit(model, stream(), None, settings())
    with pytest.raises(TrainingDiverged, match="step 0: a weight is no longer a number"):
        fit(model, stream(), None, settings(), checkpoint_dir=tmp_path / "run")
    for name, weight in model.state_dict().items():
        assert torch.equal(weight.nan_to_num(7.0), before[name].nan_to_num(7.0)), name
    assert not list((tmp_path / "run").glob("step-*"))
    assert all(weight.grad is None for weight in model.parameters())


def test_a_broken_batch_names_the_step_and_the_last_good_checkpoint(tmp_path):
    draw = Batches(stream(), BLOCK, 4)

    def batch(step):
        x, y = draw(step)
        return x, torch.full_like(y, -100) if step == 4 else y  # a mean over nothing

    model = small_model()
    run = tmp_path / "run"
    with pytest.raises(TrainingDiverged) as caught:
        fit(model, batch, None, settings(), checkpoint_dir=run)
    assert "step 5: the loss is nan" in str(caught.value)
    assert str(run / "step-000004") in str(caught.value)
    assert [p.name for p in sorted(run.glob("step-*"))] == ["step-000002", "step-000004"]
    assert_same_weights(model, weights_after(4))  # of the step before


def test_a_learning_rate_far_too_high_saves_no_broken_checkpoint(tmp_path):
    run = tmp_path / "run"
    config = settings(
        steps=60, learning_rate=1e30, muon_learning_rate=1e30, weight_decay=0.0, schedule="constant"
    )
    with pytest.raises(TrainingDiverged, match=r"step \d+: .*Lower the learning rate \(now 1e\+30"):
        fit(small_model("gpt2"), stream(), stream(), config, checkpoint_dir=run)
    for folder in run.glob("step-*"):
        model, _, _ = load_checkpoint(folder)
        assert all(bool(w.isfinite().all()) for w in model.parameters())


def test_an_update_that_breaks_the_weights_at_the_very_end_is_noticed():
    """Also without a folder and without held-out text."""
    model = small_model()

    def on_step(info):
        with torch.no_grad():
            model.ln_f.weight[0] = torch.inf

    with pytest.raises(TrainingDiverged, match="step 1: a weight is no longer a number"):
        fit(model, stream(), None, settings(steps=1), on_step=on_step)


def test_a_held_out_loss_that_is_no_number_stops_the_run():
    x, y = Batches(stream(), BLOCK, 4)(0)
    with pytest.raises(TrainingDiverged, match="step 2: the held-out loss is nan"):
        fit(small_model(), stream(), lambda n: (x, torch.full_like(y, -100)), settings())


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("steps", True),
        ("steps", "5"),
        ("batch_size", 0),
        ("grad_accumulation", 0),
        ("eval_interval", 0),
        ("eval_batches", 0),
        ("patience", 0),
        ("checkpoint_interval", 0),
        ("keep_checkpoints", 0),
        ("warmup_steps", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "1e-3"),
        ("learning_rate", True),
        ("weight_decay", None),
        ("betas", None),
        ("compile", "yes"),
        ("muon_learning_rate", -1.0),
        ("embedding_learning_rate", 0.0),
        ("muon_momentum", 1.0),
        ("weight_decay", -0.1),
        ("grad_clip", 0.0),
        ("grad_clip", math.nan),
        ("betas", (0.9, 1.0)),
        ("betas", (0.9,)),
        ("decay_fraction", 1.5),
        ("min_factor", -0.1),
        ("optimizer", "adam"),
        ("schedule", "linear"),
        ("dtype", "float16"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name}=") as caught:
        TrainConfig(**{name: value})
    assert repr(value) in str(caught.value)
    assert any(word in str(caught.value) for word in ("must be", "choose"))


def test_a_misspelt_setting_is_refused():
    with pytest.raises(TypeError, match="batchsize"):
        TrainConfig(batchsize=4)


def test_the_largest_seed_works_with_dropout():
    fit(small_model(dropout=0.1), stream(), None, settings(steps=1, seed=2**32 - 1))


@pytest.mark.parametrize("length", [0, 1, BLOCK])
def test_too_few_tokens_to_train_on(length, tmp_path):
    with pytest.raises(ValueError, match=f"{length} tokens are too few"):
        fit(small_model(), stream()[:length], None, settings(), checkpoint_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_held_out_tokens_are_noticed_before_the_first_step():
    steps = []
    with pytest.raises(ValueError, match=r"val.*at least 2"):
        fit(small_model(), stream(), stream()[:1], settings(), on_step=steps.append)
    assert not steps


def test_tokens_outside_the_vocabulary():
    with pytest.raises(ValueError, match=r"vocabulary holds 0 to 23"):
        fit(small_model(), stream() + VOCAB, None, settings())
