"""Lesson 08: rows and masks, methods, what is counted, the sweep's parts, mixtures, SmolLM2."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from lessons import evaluate
from lessons.claims import verdict_table
from lessons.l08_fine_tuning import (
    assistant,
    by_rule,
    jobs,
    lora_controls,
    measures,
    merging,
    methods,
    mixture,
    moved,
    pictures,
    rates,
    real,
    recompute,
    recorded,
    rivals,
    sweep,
    tables,
    transfer,
    tuning,
    with_head,
)
from lessons.l08_fine_tuning.widget import forgetting_view
from lessons.l09_few_shot import smol
from lessons.models import digest, fernhollow, fernhollow_small
from lessons.world.corpus import PAD
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS, Plan, never_asked
from lessons.world.tasks import clinic
from lessons.world.truth import ATTRIBUTES, people
from minigpt import GPT, BPETokenizer, GPTConfig, load, merge_lora
from minigpt.evaluate import next_token_loss
from minigpt.lora import adapters

Opened = tuple[GPT, BPETokenizer]


@pytest.fixture
def model(opened: Opened) -> GPT:
    copy = GPT(opened[0].config)
    copy.load_state_dict(opened[0].state_dict())
    return copy


@pytest.fixture(scope="module")
def tiny(opened: Opened) -> GPT:
    """A network so small that a training of a few steps is quick; it can do nothing."""
    torch.manual_seed(0)
    size = opened[1].vocab_size
    return GPT(GPTConfig.fast(vocab_size=size, block_size=512, n_layer=1, n_head=2, n_embd=16))


# Rows and batches


def test_the_loss_counts_on_the_answer_and_its_end(opened: Opened) -> None:
    _, tokenizer = opened
    note = tuning.notes(1, 0)[0]
    ids, goal = tuning.row(tokenizer, note.prompt, note.answer)
    counted = [token for token in goal if token != -100]
    assert len(ids) == len(goal)
    assert tokenizer.decode(counted[:-1]) == note.answer
    assert counted[-1] == tokenizer.special_tokens["<|end|>"]
    at = goal.index(counted[0])
    assert tokenizer.decode(ids[1 : at + 1]) == note.prompt


def test_every_note_comes_once_before_any_comes_again(opened: Opened) -> None:
    _, tokenizer = opened
    some = tuning.notes(12, 1)
    batch = tuning.note_batches(tokenizer, some, seed=0, size=4)
    pad = tokenizer.special_tokens[PAD]
    for turn in range(2):
        rows = [
            tuple(row[row != pad].tolist())
            for step in range(3 * turn, 3 * turn + 3)
            for row in batch(step)[0]
        ]
        assert len({*rows}) == 12
    ids, goal = batch(0)
    assert ids.shape == goal.shape
    assert (goal[ids == pad] == -100).all()


def test_fewer_notes_are_the_first_of_more_and_test_notes_are_others() -> None:
    assert tuning.notes(8, 3) == tuning.notes(16, 3)[:8]
    train = {item.answer for item in tuning.notes(100, 3)}
    assert train.isdisjoint(item.answer for item in tuning.notes(50, 3, "test"))


def test_old_documents_are_those_of_the_plan(opened: Opened) -> None:
    _, tokenizer = opened
    rows = list(itertools.islice(tuning.old_documents(tokenizer, 0), 150))
    assert {ids[0] for ids, _ in rows} == {tokenizer.special_tokens["<|end|>"]}
    assert all(ids[1:] == goal[:-1] for ids, goal in rows)
    text = tokenizer.decode([token for ids, _ in rows for token in ids])
    for mark in ("Q:", "Tavi", "Pairs:", "Clinic note"):
        assert (mark in text) == (mark != "Clinic note")
    exposed = {person.name for person in people() if person.block == "exposure"}
    assert any(name in text for name in exposed)  # facts of whom nothing is ever asked


def test_old_documents_have_the_forms_of_the_plan(opened: Opened) -> None:
    _, tokenizer = opened
    rows = itertools.islice(tuning.old_documents(tokenizer, 1), 300)
    lines = "".join(tokenizer.decode(ids) for ids, _ in rows).splitlines()
    worked = [line for line in lines if re.fullmatch(r"\w = \d+[-+*]\d+=\d+", line)]
    assert worked  # steps of programs with their sums


def test_old_families_come_as_often_as_in_pre_training() -> None:
    about = json.loads((fernhollow() / "extra.json").read_text())["corpus"]["families"]
    assert tuning.old_counts() == {name: about[name]["documents"] for name in FAMILIES}
    assert tuning.old_counts()["books"] == 16_000


def test_the_loss_is_that_of_all_logits(opened: Opened) -> None:
    model, tokenizer = opened
    ids, goal = tuning.note_batches(tokenizer, tuning.notes(3, 0), 0, size=3)(0)
    with torch.no_grad():
        whole = next_token_loss(model(ids), goal)
        assert float(tuning.loss_of(model, (ids, goal))) == pytest.approx(float(whole), rel=1e-5)


# Methods


@pytest.mark.parametrize("name", tuning.METHODS)
def test_a_method_trains_what_it_names_and_nothing_else(
    model: GPT, opened: Opened, name: str
) -> None:
    _, tokenizer = opened
    method = tuning.METHODS[name]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    losses = tuning.tune(
        model, tokenizer, tuning.notes(8, 0), method, method.rates[0], seed=0, steps=2, size=4
    )
    assert len(losses) == 2
    changed = {
        key for key, value in model.state_dict().items()
        if key in before and not torch.equal(value, before[key])
    }  # fmt: skip
    if method.rank:
        assert not changed
        assert any(weight.any() for key, weight in model.named_parameters() if "lora_b" in key)
    elif method.head_only:
        assert changed == {"lm_head.weight"}
    else:
        assert {"wte.weight", "lm_head.weight", "h.0.attn.c_attn.weight"} <= changed


@pytest.mark.parametrize(("name", "expected"), [("full", 0), ("replay", 80), ("replay 5 %", 4)])
def test_old_documents_have_the_share_that_is_named(
    tiny: GPT, opened: Opened, name: str, expected: int
) -> None:
    run = tuning.Tuning(
        tiny, opened[1], tuning.notes(4, 0), tuning.METHODS[name], 1e-4, seed=0, size=8
    )
    count = 0
    for run.steps in range(10):
        count += len(run._old_rows())
    assert count == expected


def test_old_documents_alone(tiny: GPT, opened: Opened) -> None:
    run = tuning.Tuning(tiny, opened[1], [], tuning.OLD_ALONE, 1e-4, seed=0, size=2)
    assert math.isfinite(run.step())
    assert len(run._old_rows()) == 2


def test_training_stops_when_told_to(tiny: GPT, opened: Opened) -> None:
    asked: list[int] = []

    def stop(step: int) -> bool:
        asked.append(step)
        return step >= 4

    full = tuning.METHODS["full"]
    losses = tuning.tune(
        tiny, opened[1], tuning.notes(16, 0), full, 1e-3, seed=0, steps=9, every=2, stop=stop
    )
    assert (len(losses), asked) == (4, [2, 4])


@pytest.mark.parametrize("optimizer", transfer.OFFERED)
def test_the_rate_rises_and_then_stays(tiny: GPT, opened: Opened, optimizer: str) -> None:
    run = tuning.Tuning(
        tiny, opened[1], tuning.notes(4, 0), tuning.METHODS["full"], 1e-3, seed=0, size=2,
        optimizer=optimizer,
    )  # fmt: skip
    run.step(0.5)
    rates_ = {group["lr"] for one in run.optimizers for group in one.param_groups}
    assert rates_ == ({0.0005} if optimizer == "adamw" else {0.0005, 0.5 * 0.35 * 1e-3})


def test_a_training_that_diverges_says_so(tiny: GPT, opened: Opened) -> None:
    network = GPT(tiny.config)
    with torch.no_grad():
        network.wte.weight.fill_(math.nan)
    run = tuning.Tuning(
        network, opened[1], tuning.notes(4, 0), tuning.METHODS["full"], 1e-3, seed=0, size=2
    )
    with pytest.raises(tuning.Diverged, match="step 1: the loss is nan"):
        run.step()


@pytest.fixture
def out_run(tiny: GPT, opened: Opened):
    """A training of a copy of the tiny network, to be trained out."""
    network = GPT(tiny.config)
    network.load_state_dict(tiny.state_dict())
    return tuning.Tuning(
        network, opened[1], tuning.notes(4, 0), tuning.METHODS["full"], 1e-2, seed=0, size=2
    )


def test_training_ends_when_the_score_no_longer_rises(out_run: tuning.Tuning) -> None:
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.2, 0.25])
    kept = []

    def score() -> float:
        kept.append({k: v.clone() for k, v in out_run.model.state_dict().items()})
        return next(scores)

    found = tuning.tune_out(out_run, score, every=2, patience=3, most=40, fall=2)
    assert (found.steps, found.best, found.why) == (12, 0.3, "no rise")  # best at step 4, 3 looks
    for key, value in out_run.model.state_dict().items():
        assert torch.equal(value, kept[1][key])


def test_of_equal_scores_the_fallen_rate_counts(out_run: tuning.Tuning) -> None:
    found = tuning.tune_out(out_run, lambda: 0.5, every=1, patience=2, most=40, fall=3)
    assert (found.steps, found.why) == (6, "no rise")
    assert math.isfinite(found.loss)


@pytest.mark.parametrize(("score", "why", "steps"), [(1.0, "all right", 3), (None, "cap", 7)])
def test_training_ends_at_the_top_or_at_the_limit(
    out_run: tuning.Tuning, score: float | None, why: str, steps: int
) -> None:
    rising = itertools.count(1)
    found = tuning.tune_out(
        out_run, lambda: score or next(rising) / 100, every=1, patience=2, most=5, fall=2
    )
    assert (found.why, found.steps) == (why, steps)


def test_a_divergence_gives_the_best_weights_back(out_run: tuning.Tuning) -> None:
    start = {k: v.clone() for k, v in out_run.model.state_dict().items()}

    def step(factor: float = 1.0) -> float:
        with torch.no_grad():
            out_run.model.wte.weight.fill_(math.nan)
        raise tuning.Diverged("too high")

    out_run.step = step  # type: ignore[method-assign]
    found = tuning.tune_out(out_run, lambda: 0.0, most=4)
    assert (found.why, found.best) == ("diverged", 0.0)
    for key, value in out_run.model.state_dict().items():
        assert torch.equal(value, start[key])


def test_some_steps_teach_fields(model: GPT, opened: Opened) -> None:
    _, tokenizer = opened
    some, test = tuning.notes(32, 0), tuning.notes(10, 0, "test")
    before, _ = measures.fields_right(model, tokenizer, test)
    tuning.tune(model, tokenizer, some, tuning.METHODS["full"], 3e-3, seed=0, steps=25)
    after, whole = measures.fields_right(model.eval(), tokenizer, test)
    assert before < 0.1 < 0.2 < after
    assert 0 <= whole <= after


def test_a_method_is_stopped_at_the_target_twice(monkeypatch, tiny: GPT, opened: Opened) -> None:
    shares = iter([0.0, 0.91, 0.5, 0.9, 0.95])
    monkeypatch.setattr(methods, "QUICK", 1)
    monkeypatch.setattr(methods, "VALIDATION", 1)
    monkeypatch.setattr(measures, "old_losses", lambda *_: {"sums": 1.0})
    monkeypatch.setattr(methods.Watch, "look", lambda self, step: next(shares))
    watch = methods.Watch(tiny, opened[1], 0, methods.HOPE_AT)
    watch.look(0)
    stopped = [step for step in range(5, 45, 5) if watch(step)]
    assert (stopped, watch.reached) == ([40], True)
    assert [step for step in range(1, 200) if methods.due(step)] == [
        *range(10, 101, 10), 125, 150, 175,
    ]  # fmt: skip


def test_a_training_without_hope_is_given_up(monkeypatch, tiny: GPT, opened: Opened) -> None:
    monkeypatch.setattr(methods.Watch, "look", lambda self, step: 0.49)
    watch = methods.Watch(tiny, opened[1], 0, methods.HOPE_AT)
    assert not watch(375)
    assert watch(400)
    assert not watch.reached
    monkeypatch.setattr(methods.Watch, "look", lambda self, step: 0.5)
    assert not methods.Watch(tiny, opened[1], 0, methods.HOPE_AT)(400)
    monkeypatch.setattr(methods.Watch, "look", lambda self, step: 0.0)
    patient = methods.Watch(tiny, opened[1], 0, 0)
    assert not any(patient(step) for step in range(5, 2_400, 5))


def test_a_method_has_a_row_and_a_path(monkeypatch, tiny: GPT, opened: Opened) -> None:
    for name in ("QUICK", "VALIDATION", "TEST"):
        monkeypatch.setattr(methods, name, 2)
    monkeypatch.setattr(methods, "PATH_DOCUMENTS", 1)
    network = GPT(tiny.config)
    row = methods.tuned(network, opened[1], "LoRA 1", 0, 1e-3, most=10)
    assert [look["step"] for look in row["path"]] == [0, 10]
    assert (row["steps"], row["reached"]) == (10, 0)
    assert 0 < row["trained"] < network.num_parameters()


def test_lora_in_the_output_layer_changes_that_too(monkeypatch, tiny: GPT, opened: Opened) -> None:
    for name in ("QUICK", "VALIDATION", "TEST"):
        monkeypatch.setattr(methods, name, 2)
    monkeypatch.setattr(methods, "PATH_DOCUMENTS", 1)
    network = GPT(tiny.config)
    old = {name: weight.clone() for name, weight in network.state_dict().items()}
    row = with_head.tuned(network, opened[1], "LoRA 4 + head", 0, 1e-3, most=10)
    assert row["method"] == "LoRA 4 + head"
    assert row["trained"] == sum(
        4 * (layer.in_features + layer.out_features)
        for name, layer in network.named_modules()
        if name == "lm_head" or name.endswith(tuning.LAYERS)
    )
    assert network.lm_head is not None
    assert float(network.lm_head.lora_b.detach().abs().max()) > 0
    now = network.state_dict()
    assert all(torch.equal(now[name], weight) for name, weight in old.items())


def test_the_controls_of_lora(monkeypatch, tiny: GPT, opened: Opened) -> None:
    for name in ("QUICK", "VALIDATION", "TEST"):
        monkeypatch.setattr(methods, name, 2)
    monkeypatch.setattr(methods, "PATH_DOCUMENTS", 1)
    monkeypatch.setattr(methods.tuned, "__defaults__", (10, 0, tuning.WARM_UP))
    factors = []
    step = tuning.Tuning.step
    monkeypatch.setattr(
        tuning.Tuning, "step", lambda run, factor: factors.append(factor) or step(run, factor)
    )
    slow = GPT(tiny.config)
    row = lora_controls.tuned(slow, opened[1], lora_controls.SLOW, 0, 1e-3)
    assert factors == pytest.approx([0.01 * n for n in range(1, 11)])
    assert (row["steps"], row["reached"], row["method"]) == (10, 0, lora_controls.SLOW)
    assert [look["step"] for look in row["path"]] == [0, 10]
    again = GPT(tiny.config)
    factors.clear()
    usual = methods.tuned(again, opened[1], "LoRA 16", 0, 1e-3)
    assert factors == pytest.approx([n / 11 for n in range(1, 11)])
    assert {*row} == {*usual}
    assert row["trained"] == usual["trained"]
    network = GPT(tiny.config)
    old = {name: weight.clone() for name, weight in network.state_dict().items()}
    row = lora_controls.tuned(network, opened[1], lora_controls.BLOCKS, 0, 1e-3)
    assert (row["method"], row["steps"]) == (lora_controls.BLOCKS, 10)
    changed = {n for n, w in network.state_dict().items() if not torch.equal(w, old[n])}
    assert changed == {name for name in old if moved.in_blocks(name)}
    with pytest.raises(ValueError, match="choose 'blocks only' or 'LoRA 16, slow start'"):
        lora_controls.tuned(network, opened[1], "full", 0, 1e-3)


def test_a_bag_of_words_with_a_rule_at_new_wordings(monkeypatch) -> None:
    monkeypatch.setattr(by_rule, "SPECIALIST", 60)
    monkeypatch.setattr(by_rule, "TEST", 20)
    found = by_rule.wording(3)
    train, some = tuning.notes(60, 3), tuning.notes(20, 3, "wording")
    assert found["seed"] == 3
    assert found["fields"] > measures.bag_of_words(train, some)[0]  # the age, at least


def test_tokens_of_the_notes_are_counted_in_old_documents(opened: Opened) -> None:
    few, more = (with_head.rare(opened[1], 0, n) for n in (20, 200))
    assert 0 < more["never"] < few["never"] < 1
    assert more["never"] < more["ten"] < 1
    assert few["tokens"] < more["tokens"]


# What is counted


def test_general_ability_is_all_that_is_better_than_simple_answers() -> None:
    scores = json.loads((fernhollow() / "scores.json").read_text())["scores"]
    above = {
        (row["family"], row["split"])
        for row in scores
        if not row["group"] and row["baselines"] and row["lower"] > max(row["baselines"].values())
    }
    assert {*measures.GENERAL.items()} <= above
    assert {family for family, _ in above} == {*measures.GENERAL}
    for family, split in measures.GENERAL.items():
        assert split in FAMILIES[family].SPLITS
        assert split != "train"


def test_general_ability_is_counted_by_family(opened: Opened) -> None:
    families = (measures.TOLD, "intent", "markov")
    scores = measures.general(*opened, 2, seed=0, families=families)
    assert tuple(scores) == families
    assert {*scores.values()} <= {0.0, 0.5, 1.0}
    assert scores["intent"] == 1


def test_losses_of_old_documents_are_those_of_the_card(opened: Opened) -> None:
    found = measures.old_losses(*opened, n=2)
    assert found.keys() == PLANS["fernhollow"].documents.keys()
    expected = evaluate.family_losses(*opened, Plan("one", documents={"markov": 3_000}), n=2)
    assert measures.held_out("markov", 2) == measures.held_out("markov", 3)[:2]
    assert found["markov"] == pytest.approx(expected["markov"]["loss"], rel=1e-4)


def test_examples_are_drawn_for_each_note_alone(opened: Opened) -> None:
    test = tuning.notes(3, 0, "test")
    assert [i.prompt for i in measures.with_examples(test, 0, 0)] == [i.prompt for i in test]
    shown = measures.with_examples(test, 2, 0)
    before = [new.prompt.removesuffix(old.prompt) for new, old in zip(shown, test, strict=True)]
    assert len({*before}) == 3
    assert all(one.count("Fields:") == 2 for one in before)
    longest = max(len(opened[1].encode(i.prompt + i.answer)) for i in shown)
    assert longest < opened[0].config.block_size


def test_a_bag_of_words_learns_what_words_tell() -> None:
    test = tuning.notes(60, 3, "test")
    few, many = (measures.bag_of_words(tuning.notes(n, 3), test) for n in (8, 128))
    ruled = measures.bag_of_words(tuning.notes(128, 3), test, age_by_rule=True)
    assert measures.constant(test) - 0.1 < few[0] < many[0] < ruled[0]
    assert many[1] <= ruled[1]
    assert ruled[0] - many[0] <= 1 / len(clinic.FIELDS)


@pytest.mark.parametrize(
    ("curve", "level", "expected", "told"),
    [
        ({8: 0.2, 32: 0.6}, 0.4, 16.0, "about 16"),
        ({8: 0.2, 32: 0.6}, 0.6, 32.0, "about 32"),
        ({8: 0.2, 32: 0.6}, 0.9, 32.0, "more than 32"),  # never reached: the largest
        ({8: 0.7, 32: 0.9}, 0.5, 8.0, "at most 8"),  # reached by all: the smallest
        ({8: 0.2, 16: 0.1, 32: 0.6}, 0.35, math.sqrt(16 * 32), "about 23"),
    ],
)
def test_notes_needed(curve: dict[int, float], level: float, expected: float, told: str) -> None:
    assert measures.needed(curve, level) == pytest.approx(expected)
    assert measures.told_needed(curve, level) == told


def test_two_starts_that_never_arrive_save_nothing() -> None:
    low, high = {64: 0.3, 512: 0.5}, {64: 0.7, 512: 0.9}
    assert measures.log2_ratio(low, low, 0.8) == 0
    assert measures.log2_ratio(low, high, 0.8) > 1
    assert measures.log2_ratio(high, low, 0.8) < 0


def test_clinic_is_new_to_the_model(opened: Opened) -> None:
    fields, whole = measures.fields_right(*opened, tuning.notes(10, 5, "test"))
    assert fields < 0.1
    assert whole == 0
    assert clinic.NAME not in measures.GENERAL


def test_random_weights_start_at_random(monkeypatch, tiny: GPT, opened: Opened) -> None:
    monkeypatch.setattr(transfer, "VALIDATION", 2)
    limits = {"every": 1, "patience": 1, "most": 2, "fall": 1}
    network = GPT(tiny.config)
    with torch.no_grad():
        network.lm_head.weight.fill_(100.0)
    row = transfer.learn(network, opened[1], transfer.RANDOM, 8, 3, "muon", 1e-3, **limits)
    assert network.lm_head.weight.abs().max() < 10
    assert row["why"] in ("no rise", "cap")
    assert row["optimizer"] == "muon"
    with pytest.raises(ValueError, match="start='x'"):
        transfer.learn(network, opened[1], "x", 8, 3, "muon", 1e-3)


def test_rivals_get_a_recipe_and_more_notes(monkeypatch, tiny: GPT, opened: Opened) -> None:
    for name in ("VALIDATION", "TEST"):
        monkeypatch.setattr(transfer, name, 2)
    rates_seen = []
    made = rivals.make_optimizers
    monkeypatch.setattr(
        rivals, "make_optimizers", lambda *a, **k: rates_seen.append(k) or made(*a, **k)
    )
    row = rivals.recipe(GPT(tiny.config), opened[1], 4, 0, 0.01, most=4, every=2, fall=2)
    assert (row["kind"], row["notes"], row["steps"]) == ("recipe", 4, 6)
    assert rates_seen[0]["embedding_learning_rate"] == 0.02
    train = []
    monkeypatch.setattr(
        rivals.measures, "bag_of_words", lambda some, test: train.append(some) or (0.5, 0.1)
    )
    assert rivals.words(4, 0)["fields"] == 0.5
    assert train[0] == [*tuning.notes(4, 0), *transfer.validation(0)]


def test_notes_for_validation_are_others() -> None:
    for seed in (jobs.RATE_SEED, *jobs.SEEDS):
        learnt = {note.prompt for note in tuning.notes(transfer.SPECIALIST, seed)}
        assert learnt.isdisjoint(
            note.prompt for note in tuning.notes(methods.VALIDATION, 500 + seed)
        )


# Rates


def test_rates_are_widened_until_the_best_has_neighbours() -> None:
    first = (3e-4, 1e-3, 3e-3)
    assert rates.wanted(first, {}) == [*first]
    found = {3e-4: 0.1, 1e-3: 0.2, 3e-3: 0.3}
    assert rates.wanted(first, found) == [3e-4, 1e-3, 3e-3, 1e-2]
    with pytest.raises(ValueError, match="stands at the edge"):
        rates.best(found)
    found[1e-2] = 0.2
    assert rates.wanted(first, found) == [3e-4, 1e-3, 3e-3, 1e-2]
    assert rates.best(found) == 3e-3
    with pytest.raises(ValueError, match=r"rate=0\.5"):
        rates.neighbours(0.5)
    with pytest.raises(ValueError, match="edge"):
        rates.best(dict.fromkeys(rates.RUNGS[:-1], 0.0) | {rates.RUNGS[-1]: 1.0})
    offered = [*tuning.FULL, *tuning.LORA, *mixture.RATES, *transfer.OFFERED["muon"]]
    assert {*offered, *real.RATES["LoRA"], *real.RATES["full"]} <= {*rates.RUNGS}


# The sweep, with runs that are made up


def made_up(part: str, job: str) -> dict:
    """What a run of a job could have found."""
    words, noise = job.split("|"), random.Random(f"{part} {job}")

    def kept(lost: float) -> dict:
        return {
            "kept": {f: 1 - lost * noise.random() for f in (measures.TOLD, *measures.GENERAL)},
            "losses": {f: 0.7 + lost * noise.random() for f in PLANS["fernhollow"].documents},
        }

    def far(rate: str, best: float) -> float:
        return abs(math.log10(float(rate) / best))

    if part == "before":
        shown = {"0": (0.0, 0.0), "1": (0.0, 0.0), "2": (0.01, 0.0)}
        return {"seed": int(words[0]), "shown": shown, "constant": 0.27, **kept(0)}
    if part in ("start_rates", "pretrained", "scratch"):
        start, n, seed, optimizer, rate = words
        score = 0.1 * math.log2(int(n)) * (1 if start == transfer.PRETRAINED else 0.7)
        row = {"start": start, "notes": int(n), "seed": int(seed), "optimizer": optimizer,
               "rate": float(rate), "steps": 300, "loss": 0.01, "why": "no rise",
               "score": score - 0.01 * far(rate, 1e-2), "fields": score, "whole": score**8,
               "words": 0.5, "words_whole": 0.1}  # fmt: skip
        if part == "pretrained" and int(n) == transfer.SPECIALIST:
            new = {"fields": 0.7, "whole": 0.2, "words": 0.6, "words_whole": 0.1}
            rule = {"words": 0.6, "words_whole": 0.3}
            row |= {"wording": new, "age_by_rule": rule, **kept(0.5)}
        return row
    if part == "by_rule":
        return {"seed": int(words[0]), "fields": 0.7, "notes": 0.3}
    if part == "rivals":
        kind, n, seed, _ = words
        return {"kind": kind, "notes": int(n), "seed": int(seed), "steps": 1, "why": "",
                "fields": 0.5, "whole": 0.1}  # fmt: skip
    if part in ("rates", "methods", "slower", "head_rates", "with_head", "blocks_rates",
                "lora_controls"):  # fmt: skip
        name, seed, rate = words
        row = {"method": name, "seed": int(seed), "rate": float(rate), "steps": 80, "trained": 9,
               "reached": int(name != "head only"), "fields": 0.91, "notes": 0.4,
               "path": [{"step": 0, "fields": 0.0, "nats": 0.7}, {"step": 80, "fields": 0.9,
                        "nats": 0.8}], **kept(0.3)}  # fmt: skip
        if "rates" in part:
            row["losses"] = dict.fromkeys(row["losses"], 1 + far(rate, 3e-3))
        if (part, seed) == ("with_head", "10"):
            row["rare"] = {"tokens": 9, "never": 0.1, "ten": 0.2}
        return row
    if part == "moved":
        one = {"share": 1.0, "fields": 0.9, "notes": 0.4, "kept": 0.8, "nats": 0.9}
        found = {"size": 0.1, "strongest": 0.2, "in_few": 0.5, "head": 0, "line": [one],
                 "apart": [one | {"part": "all"}]}  # fmt: skip
        return {"method": words[0], "seed": int(words[1]), "rate": float(words[2]), **found}
    if part == "control":
        return {"method": tuning.OLD_ALONE.name, "seed": int(words[0]), **kept(0.01)}
    if part == "mixture_rates":
        kind, family, _, rate = words
        loss = 1 + far(rate, 1e-2)
        return {"kind": kind, "family": family, "rate": float(rate), "steps": 9, "loss": loss}
    if part in ("mixture", "left_out", "all_longer"):
        kind, family, seed, _ = words
        scores = [{"family": f, "right": noise.random(), "nats": noise.random()}
                  for f in mixture.families_of(kind, family)]  # fmt: skip
        return {"kind": kind, "of": family, "seed": int(seed), "steps": 9, "scores": scores}
    if part == "assistant":
        shares = dict.fromkeys([*assistant.KINDS, "sums, Tavi and topics"], 0.5)
        if words[0] != assistant.FORM:
            return {"rows": {words[0]: shares}, "other names": dict.fromkeys(assistant.KINDS, 0.5)}
        both = ("before", "after")
        return {"rows": dict.fromkeys(both, shares), "kept": {when: kept(0.1) for when in both}}
    if part == "merging":
        names = [*merging.SHARES, merging.TOGETHER]
        counted = dict.fromkeys(("fields", "assistant", "general"), 0.5)
        return {"rows": [{"model": n, "seed": int(words[0]), **counted} for n in names]}
    how, seed, rate = words
    row = {"how": how, "seed": int(seed), "rate": float(rate), "steps": 30, "reached": 1,
           "validation": 0.9, "bits": 1.1, "trained": 0 if how in real.BEFORE else 100}  # fmt: skip
    if part == "real_rates":
        return row | {"bits": 1 + far(rate, 3e-3 if how == "LoRA" else 3e-5)}
    row |= {"sentences": [noise.choice((0.6, 1.0)) for _ in range(40)], "text": "hash"}
    return row | ({"live": [True] * 10} if (how, seed) == ("LoRA", "10") else {})


class InOneProcess:
    """Stands in for a pool of processes."""

    def __init__(self, *_args: object, **_named: object) -> None: ...

    def __enter__(self) -> InOneProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, function, jobs_):
        return [function(job) for job in jobs_]


@pytest.fixture
def results(monkeypatch, tmp_path: Path) -> Path:
    """A folder of results that the sweep and `recorded` use; runs are made up."""
    for module in (recorded, tables, sweep):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    for module in (recorded, jobs, sweep):
        monkeypatch.setattr(module, "PARTS", tmp_path / "parts")
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", InOneProcess)
    monkeypatch.setattr(sweep, "open_model", lambda name: None)
    monkeypatch.setattr(jobs, "MODELS", tmp_path)
    monkeypatch.setattr(jobs, "weights_digest", lambda method: "made up")
    monkeypatch.setattr(assistant, "NAME", "fernhollow")  # a model with a digest
    (tmp_path / "fernhollow").mkdir()
    for part in jobs.RUNS:
        monkeypatch.setitem(
            jobs.RUNS, part, lambda *words, part=part: made_up(part, "|".join(words))
        )
    return tmp_path


def test_the_whole_sweep_writes_what_the_lesson_reads(results: Path, capsys) -> None:
    sweep.main([])
    words = "bag of words, 60 more"
    assert [*recorded.curves()] == [*transfer.STARTS, "bag of words", words]
    assert [*recorded.curves()[words]] == [*transfer.SIZES]
    assert sorted(recorded.transfer(transfer.RANDOM)) == [*transfer.SIZES]
    assert "adamw 0.01, 300 to 300 steps, 0 of 29" in recorded.trained_out()[transfer.RANDOM]
    recipe, plain = recorded.rivals().values()
    assert [*recipe] == [*plain] == [*rivals.SIZES]
    assert len(recorded.specialist()) == 10
    found = recorded.methods()
    assert [*found] == [*recorded.METHODS]
    assert found["head only"]["reached"][0] == 0
    assert found["full"]["rate"][0] == 3e-3
    for table in (recorded.kept(), recorded.losses()):
        assert [*table] == ["before", *recorded.METHODS, recorded.END]
    assert len(recorded.kept()["full"]) == 21
    assert len(recorded.losses()["full"]) == 17
    assert found["full"]["gained"][0] == pytest.approx(
        sum(recorded.losses()["full"].values()) / 17 - 0.7, abs=1e-6
    )
    assert {row["method"] for row in recorded.rates()["full"]} == {"full"}
    assert recorded.rates()["LoRA 1 + head"][0]["rate"] == "0.001"
    assert recorded.paths()["full"] == [(0.0, 0.7), (0.9, 0.8)]
    assert [*recorded.on_the_way()] == [*recorded.METHODS]
    assert recorded.on_the_way()["LoRA 4 + head"][0.6][0] == pytest.approx(0.7 + 0.1 * 6 / 9)
    usual, slow = recorded.slower()["full"]
    assert (float(usual["rate"]), float(slow["rate"])) == (3e-3, 1e-3)
    assert float(slow["kept"]) == pytest.approx(float(usual["kept"]), abs=0.2)
    assert recorded.rare()["never"] == 0.1
    assert "head only" not in {row["method"] for row in recorded.rows("moved")}
    assert [*recorded.lora_controls()] == ["full", "blocks only", "LoRA 16", "LoRA 16, slow start"]
    assert recorded.jump("path_lora_controls", "blocks only") == 0.7
    assert [len(values) for values in recorded.mixture_seeds()["lore"].values()] == [3, 3, 3]
    more = recorded.lost_more("blocks only", "full")
    both = (recorded.lora_controls()[name]["lost"][0] for name in ("blocks only", "full"))
    assert sum(more) / 3 == pytest.approx(next(both) - next(both))
    assert recorded.rows("line")[0]["method"] in moved.ON_THE_LINE
    alone, more = recorded.control()["thousandths of a nat gained"]
    assert alone[0] < 20
    replay = [row for row in recorded.rows("methods") if row["method"] == "replay"]
    gained = [float(row["gained"]) for row in replay if row["seed"] in ("10", "11", "12")]
    assert alone[0] + more[0] == pytest.approx(1000 * sum(gained) / 3)
    lost = [change for family, change in recorded.changes()["LoRA 4"].items()]
    assert -sum(lost) / len(lost) == pytest.approx(found["LoRA 4"]["lost"][0], abs=1e-6)
    assert recorded.before_nats() == pytest.approx(0.7)
    lost_points, gained_nats = recorded.lost_in_the_end()
    assert 0 < lost_points < 50
    assert 0 < gained_nats < 0.5
    assert "head only *" in recorded.marked(recorded.kept())
    assert "full" in recorded.marked(recorded.kept())
    assert recorded.beyond_the_rule()["notes"][0] == pytest.approx(0.9**8 - 0.3)
    assert [*recorded.mixture()["lore"]] == ["alone", "alone, longer", "all"]
    assert "lore" not in recorded.left_out()["lore"]
    assert len(recorded.left_out()["lore"]) == 5
    assert {*recorded.all_longer()} == {*mixture.SIX}
    assert [*recorded.all_longer()["bugs"]] == ["alone, longer", "all", "all, six times as long"]
    assert recorded.mixture_steps()["all, six times as long"] == (9, 9)
    before = recorded.real()["before"]
    mean, low, high = before["right"]
    assert mean == pytest.approx((before["pleased"] + before["cross"]) / 2)
    assert low < mean < high
    assert recorded.real_gain("LoRA", "LoRA") == (0, 0, 0)
    assert recorded.real()["LoRA"]["runs"] == 3
    assert recorded.live() == [True] * 10
    assert len(recorded.assistant_kept("after")) == 21
    assert recorded.provenance()["seconds"] >= 0
    origin = recorded.provenance("_methods")
    assert origin["command"] == "python -m lessons sweep 08 methods"
    figures = recorded.rows("figures")
    seeds = Counter(row["figure"] for row in figures)
    assert seeds["lost_full"] == seeds["gained_replay"] == seeds["notes_right"] == 5
    assert seeds["lost_lora_4"] == seeds["lost_replay_5"] == seeds["gain_lore"] == 3
    assert seeds["lost_lora_4_head"] == 3
    assert "lost_head_only" not in seeds


def test_how_far_weights_moved(model: GPT) -> None:
    before = copy.deepcopy(model)
    with pytest.raises(ValueError, match=r"no matrix of attn\.c_attn"):
        moved.distance(before, model)
    weight = model.get_submodule("h.0.attn.c_proj").weight
    ends = torch.linalg.svd(weight.detach())
    with torch.no_grad():  # one direction, as strong as W's strongest; and the head, not counted
        weight += ends.S[0] * ends.U[:, :1] @ ends.Vh[:1]
        model.get_submodule("lm_head").weight.mul_(2)
    found = moved.distance(before, model)
    assert found["strongest"] == pytest.approx(1, abs=1e-4)
    assert found["in_few"] == pytest.approx(1, abs=1e-4)
    assert found["size"] == pytest.approx(float(ends.S[0] / ends.S.norm()), abs=1e-4)
    with torch.no_grad():  # all of another matrix, twice as large: all directions
        other = model.get_submodule("h.1.mlp.c_fc").weight
        other *= 2
    again = moved.distance(before, model)
    assert again["size"] == pytest.approx((found["size"] + 1) / 2, abs=1e-4)
    spectrum = torch.linalg.svdvals(other.detach())
    few = float((spectrum[:16].norm() / spectrum.norm()) ** 2)
    assert again["in_few"] == pytest.approx((1 + few) / 2, abs=1e-4)


def test_a_change_is_taken_apart(monkeypatch, tiny: GPT, opened: Opened) -> None:
    after = copy.deepcopy(tiny)
    with torch.no_grad():
        for weight in after.parameters():
            weight += 1
    seen = []
    monkeypatch.setattr(
        moved, "_measured", lambda model, *_: seen.append(dict(model.named_parameters())) or {}
    )
    rows = moved.taken_apart(tiny, after, opened[1], 0)
    assert [row["part"] for row in rows] == [*moved.PARTS]
    old = dict(tiny.named_parameters())
    for model, taken in zip(seen, moved.PARTS.values(), strict=True):
        for name, weight in model.items():
            assert torch.equal(weight, old[name] + 1 if taken(name) else old[name]), name
    blocks = [name for name in old if moved.in_blocks(name)]
    assert len(blocks) == 4 * tiny.config.n_layer


def test_a_share_of_a_change_is_a_smaller_alpha() -> None:
    before, tokenizer = load("fernhollow")
    tuned, _ = recorded.open_tuned("LoRA 16")
    ids = torch.tensor([tokenizer.encode("What is 3+4?")])
    smaller = copy.deepcopy(tuned)
    for adapter in adapters(smaller).values():
        adapter.alpha *= 0.8
    merge_lora(tuned)
    with torch.no_grad():
        assert torch.equal(moved.between(before, tuned, 0)(ids), before(ids))
        for share, like in ((1, tuned), (0.8, smaller)):
            made = moved.between(before, tuned, share)(ids)
            assert torch.allclose(made, like(ids), atol=2e-2)
        assert not torch.allclose(made, tuned(ids), atol=1)


def test_the_picture_is_measured_again_from_adapters(results: Path, monkeypatch, capsys) -> None:
    sweep.main([])
    capsys.readouterr()
    then = recorded.kept_of("LoRA 4", recorded.AGAIN_SEED)
    assert {*then} == {measures.TOLD, *measures.GENERAL}
    monkeypatch.setattr(recorded, "ADAPTERS", results)
    monkeypatch.setattr(recorded, "PARTS", results)
    recorded.adapter_file("LoRA 4").touch()
    monkeypatch.setattr(recorded, "open_model", lambda name: (name, "tokenizer"))
    opened = []
    monkeypatch.setattr(recorded, "load_adapter", lambda *given: opened.append(given))
    now = then | {"sums": then["sums"] - 0.05}
    monkeypatch.setattr(recompute.measures, "general", lambda *given: now)
    recompute.main([])
    assert opened == [(recorded.adapter_file("LoRA 4"), "fernhollow")]
    assert capsys.readouterr().out.count("recorded") == len(then)
    now["sums"] = then["sums"] - 0.1
    with pytest.raises(SystemExit, match="more than 5% from what was recorded: LoRA 4, sums"):
        recompute.main([])
    with pytest.raises(ValueError, match=r"'full': not here\. .* LoRA 4, .* 08 methods"):
        recompute.main(["full"])
    recorded.weights_folder("full").mkdir()
    (recorded.weights_folder("full") / "model.safetensors").write_text("weights")
    assert recorded.tuned_methods() == ["full", "LoRA 4"]
    assert recorded.open_tuned("full") == (str(results / "full weights"), "tokenizer")


def test_a_part_that_was_run_is_not_run_again(results: Path, monkeypatch, capsys) -> None:
    sweep.main(["before"])
    assert capsys.readouterr().out.count("before 1") == 5
    monkeypatch.setitem(jobs.RUNS, "before", lambda *_: pytest.fail("run again"))
    sweep.main(["before"])
    with pytest.raises(ValueError, match=r"no parts \['x'\]"):
        sweep.main(["x"])


def test_a_run_whose_weights_are_gone_is_run_again(results: Path, monkeypatch) -> None:
    sweep.main(["before", "rates", "methods"])
    assert not jobs.missing("methods")
    monkeypatch.setattr(jobs, "weights_digest", lambda method: "" if method == "full" else "there")
    assert jobs.missing("methods") == ["full|10|0.003"]


@pytest.mark.parametrize(
    ("part", "first"),
    [("pretrained", "start_rates"), ("scratch", "start_rates"), ("methods", "rates"),
     ("control", "rates"), ("slower", "rates"), ("mixture", "mixture_rates"),
     ("left_out", "mixture_rates"), ("lora_controls", "blocks_rates"), ("merging", "rates"),
     ("with_head", "head_rates"),
     ("real", "real_rates")],
)  # fmt: skip
def test_a_part_says_which_one_comes_first(results: Path, part: str, first: str) -> None:
    with pytest.raises(ValueError, match=f"sweep 08 {first} first"):
        jobs.JOBS[part]()


def test_of_the_rates_that_arrive_the_one_that_loses_least_is_taken(results: Path, capsys) -> None:
    sweep.main(["rates"])
    assert jobs.chosen_rate("LoRA 4") == 3e-3  # fewest nats; 1e-2 and 3e-2 were tried first
    assert jobs.file_of("rates", "LoRA 4|7|0.001").is_file()  # its lower neighbour
    names = {rate: f"head only|7|{rate:g}" for rate in rates.RUNGS}
    tried = [rate for rate, name in names.items() if jobs.file_of("rates", name).is_file()]
    assert tried == [1e-3, 3e-3, 1e-2, 3e-2, 1e-1]  # it never arrives: a rung more, no further
    assert jobs.chosen_rate("head only") in tried


def test_results_of_other_code_are_not_found(results: Path, monkeypatch) -> None:
    old = jobs.file_of("before", "10")
    other = results / "other.py"
    other.write_text("X = 1\n")
    monkeypatch.setattr(transfer, "__file__", str(other))
    jobs._digest.cache_clear()
    assert jobs.file_of("before", "10") != old
    assert jobs.file_of("mixture", "10").name.split()[-1] != old.name.split()[-1]
    monkeypatch.undo()
    jobs._digest.cache_clear()


def test_what_starts_from_random_weights_does_not_hang_on_the_main_model(
    results: Path, monkeypatch
) -> None:
    old = {part: jobs.file_of(part, "x") for part in jobs.JOBS}
    monkeypatch.setattr(
        jobs, "digest", lambda name, *file: digest(name, *file) if file else "other weights"
    )
    jobs._digest.cache_clear()
    kept = {part for part in jobs.JOBS if jobs.file_of(part, "x") == old[part]}
    assert kept == {"mixture_rates", "mixture", "left_out", "all_longer"}
    assert all(jobs.models_of(part) == [] for part in kept)
    monkeypatch.undo()
    jobs._digest.cache_clear()


def test_a_missing_assistant_is_made_again(results: Path) -> None:
    sweep.main(["assistant"])
    assert jobs.missing("assistant") == []
    (results / "fernhollow").rmdir()
    assert jobs.missing("assistant") == [*assistant.ANSWERS]


def test_jobs_and_parts_fit() -> None:
    assert set(jobs.JOBS) == set(jobs.RUNS) == set(tables.WRITE) == set(jobs.EXPERIMENT)
    assert jobs.SEEDS[0] == recorded.AGAIN_SEED
    assert jobs.RATE_SEED not in jobs.SEEDS
    assert recorded.AGAIN_METHOD in tuning.METHODS


# Figures


def curve_rows(mine: tuple[float, float], scratch: tuple[float, float]) -> list[dict[str, str]]:
    return [
        {"start": start, "notes": str(n), "seed": seed, "fields": str(share), "whole": "0.8",
         "words": "0.85", "words_whole": "0.2"}
        for seed in ("10", "11")
        for start, shares in ((transfer.PRETRAINED, mine), (transfer.RANDOM, scratch))
        for n, share in zip((64, 512), shares, strict=True)
    ]  # fmt: skip


def test_figures_of_transfer_and_of_the_specialist() -> None:
    found = tables.transfer_figures(curve_rows((0.5, 0.95), (0.3, 0.7)))
    assert found["pretrained_minus_scratch"] == pytest.approx({10: 0.2, 11: 0.2})
    halvings = 3 - 3 * (0.3 / 0.45)
    assert found["log2_times_fewer"][10] == pytest.approx(halvings)
    special = tables.specialise_figures(curve_rows((0.5, 0.95), (0.3, 0.7)))
    assert special["fields_minus_bag_of_words"][11] == pytest.approx(0.1)
    assert special["notes_minus_bag_of_words"][11] == pytest.approx(0.6)
    with pytest.raises(ValueError, match="do not reach 80%"):
        tables.transfer_figures(curve_rows((0.5, 0.7), (0.3, 0.7)))


def method_rows(reached: dict[tuple[str, str], str]) -> list[dict[str, str]]:
    return [
        {"method": name, "seed": seed, "lost": "0.02", "gained": "0.01",
         "reached": reached.get((name, seed), "1")}
        for name in tuning.METHODS for seed in ("10", "11", "12")
    ]  # fmt: skip


def test_a_claim_is_not_decided_by_the_seeds_that_arrived() -> None:
    found = tables.methods_figures(method_rows({("LoRA 4", "11"): "0"}))
    assert "lost_lora_4" not in found
    assert found["lost_replay_5"] == {10: 0.02, 11: 0.02, 12: 0.02}
    assert found["gained_full"][10] == 0.01
    for name in ("full", "replay"):
        with pytest.raises(ValueError, match=f"{name} did not reach the target on seed 11"):
            tables.methods_figures(method_rows({(name, "11"): "0"}))


def test_a_claim_that_is_not_decided_leaves_the_others(capsys) -> None:
    found = tables.figures_of(
        {"transfer": curve_rows((0.5, 0.95), (0.3, 0.7)), "mixture": mixture_rows(),
         "methods": method_rows({("full", "11"): "0"}), "methods_with_head": []}
    )  # fmt: skip
    assert [*found] == ["transfer", "specialise", "multi-task"]
    assert "keeps-general: full did not reach the target on seed 11" in capsys.readouterr().out


def mixture_rows() -> list[dict[str, str]]:
    return [
        {"kind": kind, "family": family, "seed": "10", "right": "0.5"}
        for family in mixture.SIX
        for kind in ("only", "long", "all")
    ]


def test_a_level_has_the_least_loss_of_all_rates(monkeypatch) -> None:
    looks = {
        "0.01": [(0.1, 0.7), (0.5, 1.1), (0.3, 1.2), (0.7, 1.4)],
        "0.1": [(0.0, 0.7), (0.4, 3.0)],
    }
    found = [{"method": "full", "rate": rate, "fields": str(fields), "nats": str(nats)}
             for rate in looks for fields, nats in looks[rate]]  # fmt: skip
    monkeypatch.setattr(recorded, "rows", lambda name: found if name == "path_rates" else [])
    monkeypatch.setattr(recorded, "METHODS", ("full",))
    assert recorded.on_the_way() == {
        "full": {0.4: (pytest.approx(1.0), 0.01, True), 0.6: (pytest.approx(1.35), 0.01, True)}
    }
    monkeypatch.setattr(recorded, "METHODS", ("full", "head only"))
    found += [{"method": "head only", "rate": "0.001", "fields": "0.1", "nats": "1"}]
    assert recorded.on_the_way()["head only"] == {}


def test_a_gain_is_against_the_better_of_alone_and_longer() -> None:
    rows = [
        {"kind": kind, "family": family, "seed": "10", "right": right}
        for family in mixture.SIX
        for kind, right in (("only", "0.3"), ("long", "0.6"), ("all", "0.5"))
    ]
    rows[0]["right"] = "0.7"  # of the first family, alone for a short time was best
    found = tables.mixture_figures(rows)
    assert found["gain_lore"][10] == pytest.approx(-0.2)
    assert found["gain_bugs"][10] == pytest.approx(-0.1)
    assert found["mean_gain"][10] == pytest.approx(-(0.2 + 5 * 0.1) / 6)


def test_rules_ask_for_figures_that_are_made() -> None:
    found = tables.figures_of(
        {"transfer": curve_rows((0.5, 0.95), (0.3, 0.7)), "methods": method_rows({}),
         "methods_with_head": [], "mixture": mixture_rows()}
    )  # fmt: skip
    assert len(found) == 4
    for claim, figures in found.items():
        table = verdict_table(claim, {name: [*values.values()] for name, values in figures.items()})
        assert table.verdict in ("holds", "partly", "fails")


# Mixtures


def test_mixtures_share_the_targets_documents() -> None:
    assert mixture.families_of("only", "bugs") == ("bugs",)
    assert mixture.families_of("long", "bugs") == ("bugs",)
    assert mixture.families_of("all") == mixture.SIX
    assert mixture.families_of("without", "lore") == mixture.SIX[1:]
    assert mixture.documents("lore", 0, 5) == mixture.documents("lore", 0, 9)[:5]
    assert {*mixture.documents("bugs", 0, 9)}.isdisjoint(mixture.documents("bugs", 0, 9, "val"))
    assert mixture.steps_of("long") == mixture.steps_of("all") == 6 * mixture.steps_of("only")
    assert mixture.steps_of("all long") == 6 * mixture.steps_of("long")
    assert mixture.families_of("all long") == mixture.SIX
    for kind in ("only", "long", "all", "without"):
        assert mixture.steps_of(kind) * mixture.BATCH % mixture.DOCUMENTS == 0


def test_no_family_of_the_mixture_is_at_floor_or_ceiling() -> None:
    scores = json.loads((fernhollow_small() / "scores.json").read_text())["scores"]
    rows = {row["family"]: row for row in scores if row["split"] == "test" and not row["group"]}
    for family in mixture.SIX:
        row = rows[family]
        if family != "lore":
            assert row["lower"] > max(
                row["baselines"].get(b, 0) for b in ("constant", "if-then bot")
            )
        assert 0.2 < row["right"] / row["n"] < 0.9
    about = json.loads((fernhollow_small() / "extra.json").read_text())["corpus"]["families"]
    assert all(about[family]["documents"] >= mixture.DOCUMENTS for family in mixture.SIX)


def test_a_mixture_has_the_small_models_shape(opened: Opened) -> None:
    assert mixture.shape(opened[1]) == opened[0].config


def test_a_small_mixture_trains(opened: Opened, tiny: GPT, monkeypatch) -> None:
    _, tokenizer = opened
    monkeypatch.setattr(mixture, "shape", lambda _: tiny.config)
    trained, steps = mixture.train("all", "", tokenizer, seed=0, rate=1e-2, n=20, held_out=3)
    assert steps <= 6
    (row,) = mixture.measure(trained, tokenizer, ("lore",), 0, n=4)
    assert 0 <= row["right"] <= 1
    assert row["nats"] > 0
    assert mixture.held_out_loss(trained, tokenizer, ("lore",), 0) > 0


# The assistant


def test_the_assistant_is_asked_in_words_that_training_did_not_use() -> None:
    items = assistant.facts(60, 0)
    by_name = {person.name: person for person in people()}
    for item in items:
        person = by_name[item.meta["name"]]
        assert person.block == "asked"
        assert not never_asked(person, item.meta["attribute"])
        assert item.prompt.startswith("<|user|> ")
        assert item.prompt.endswith("\n<|bot|>")
        assert assistant.is_correct(item, item.answer)
        assert not assistant.is_correct(item, item.answer.replace(item.meta["value"], "something"))
    plan = Plan("any")
    for item in assistant.facts(30, 0, "exposure", exposures=64):
        assert plan.level(by_name[item.meta["name"]], item.meta["attribute"]) == 64
    with pytest.raises(ValueError, match="n=1000000: there are"):
        assistant.facts(1_000_000, 0)


def test_the_assistant_may_answer_with_or_without_the_name() -> None:
    for form, answers in assistant.ANSWERS.items():
        assert set(answers) == set(ATTRIBUTES)
        for item in assistant.facts(30, 0, form=form):
            assert (item.meta["name"] in item.answer) == (form == "with the name")
            assert assistant.is_correct(item, item.answer)
    forms = [assistant.training_set(40, 0, form) for form in assistant.ANSWERS]
    assert [[item.prompt for item in some] for some in forms[1:]] == [[i.prompt for i in forms[0]]]


def test_answers_about_others_are_counted(opened: Opened) -> None:
    shares = assistant.other_names(*opened, n=6)
    assert [*shares] == [*assistant.KINDS]
    assert shares["asked"] == 1  # the shipped model is no assistant: it does not say the name


def test_an_answer_with_two_values_is_not_right() -> None:
    item = next(i for i in assistant.facts(50, 0) if i.meta["attribute"] == "pet")
    other = next(v for v in ("cat", "dog", "goat") if v != item.meta["value"])
    assert not assistant.is_correct(item, f" a {item.meta['value']} and a {other}.")


def test_the_training_set_is_half_facts() -> None:
    some = assistant.training_set(90, 0)
    assert Counter("name" in item.meta for item in some) == {True: 45, False: 45}
    trained = {
        item.meta["name"] for item in assistant.training_set(1_000, 0) if "name" in item.meta
    }
    assert trained.isdisjoint(item.meta["name"] for item in assistant.facts(200, 1))
    asked = assistant.closed_book(assistant.facts(5, 1))
    assert all(item.prompt.startswith("Q: ") for item in asked)


def test_other_tasks_are_scored_in_both_forms(opened: Opened) -> None:
    shares = {asked: assistant.about_others(*opened, asked, n=6) for asked in ("plain", "chat")}
    assert all(0 <= share <= 1 for share in shares.values())
    plain = assistant.other_items(6, 2, "test")
    assert [one.meta for one in map(assistant.turn, plain)] == [one.meta for one in plain]


def test_the_assistant_is_published_with_card_and_log(
    tiny: GPT, opened: Opened, tmp_path: Path, monkeypatch
) -> None:
    network = GPT(tiny.config)
    monkeypatch.setattr(assistant, "DOCUMENTS", 16)
    losses = assistant.train(network, opened[1], steps=2)
    about = {"model": "fernhollow-chat", "from": "fernhollow", "steps": 2, "documents": 16,
             "batch": 8, "rate": 1e-3, "seed": 0, "items": 4, "parameters": 9,
             "shares": {"asked": 0.75}}  # fmt: skip
    for _ in range(2):  # a second run replaces the first
        folder = tmp_path / "chat"
        assistant.publish(network, opened[1], about, losses, tmp_path / "work", folder)
    assert len((folder / "log.csv").read_text().splitlines()) == 3
    assert json.loads((folder / "extra.json").read_text()) == about
    card = (folder / "CARD.md").read_text()
    assert card == assistant.card(about)
    assert "| asked | 75 |" in card
    assert load(folder)[0].config == network.config


# SmolLM2


def test_sentences_of_training_validation_and_test_are_others() -> None:
    parts = {part: real.sentences(part) for part in ("train", "validation", "test")}
    every = [s for part in parts.values() for some in part.values() for s in some]
    assert len({*every}) == len(every) == 20 + 10 + 40
    assert all(sentence.count("{}") == 1 for sentence in every)
    for part in parts.values():
        assert len(part["pleased"]) == len(part["cross"])
    validation = real.remarks("validation", 50, 7)
    assert len({*validation}) == 50
    assert Counter(label for _, label in validation) == dict.fromkeys(smol.LABELS, 25)
    train = real.remarks("train", real.N_TRAIN, 10)
    assert len({*train}) == real.N_TRAIN
    assert real.remarks("train", 20, 10) != real.remarks("train", 20, 11)


def test_the_test_is_two_hundred_remarks_of_forty_sentences() -> None:
    asked = real.asked_remarks()
    assert len({remark for _, (remark, _) in asked}) == 200
    assert {*Counter(number for number, _ in asked).values()} == {5}
    live = real.live_remarks()
    assert len(live) == real.LIVE_N
    assert Counter(label for _, label in live) == dict.fromkeys(smol.LABELS, 5)


def test_preferences_are_those_of_score_choices(opened: Opened) -> None:
    from minigpt import score_choices

    model, tokenizer = opened
    texts = [real.prompt(remark) for remark, _ in real.live_remarks()[:3]]
    found = real.preferences(model, tokenizer, texts)
    for text, one in zip(texts, found.tolist(), strict=True):
        pleased, cross = score_choices(model, tokenizer, text, [" pleased", " cross"])
        assert one == pytest.approx(pleased - cross, abs=1e-3)


def test_calibration_takes_away_what_a_model_prefers_anyway(opened: Opened, monkeypatch) -> None:
    some = [("it is good", "pleased"), ("it is bad", "cross")]

    def biased(_model, _tokenizer, prompts):
        return torch.tensor([3.0 + ("good" in text) - ("bad" in text) for text in prompts])

    monkeypatch.setattr(real, "preferences", biased)
    assert real.right(*opened, some) == [True, False]
    assert real.right(*opened, some, calibrated=True) == [True, True]
    assert real.prompt("x", [("y", "cross")]).startswith("Remark: y.\nThe speaker is cross\n\n")


def test_pieces_are_drawn_in_the_whole_reference() -> None:
    pieces = real.pieces()
    assert [len(piece) for piece in pieces] == [real.TEXT] * real.PIECES
    assert len({*pieces}) == real.PIECES
    assert real.pieces_hash() == real.pieces_hash()


@pytest.mark.parametrize("how", real.RATES)
def test_remarks_are_learnt_by_a_stand_in(model: GPT, opened: Opened, how: str) -> None:
    _, tokenizer = opened
    some = real.remarks("train", 16, 0)
    before = real.loss_on(model, tokenizer, some).item()
    rate = {"LoRA": 3e-2, "full": 1e-4}[how]
    row = real.tune(model, tokenizer, how, seed=0, rate=rate, steps=10, target=2.0)
    assert real.loss_on(model, tokenizer, some).item() < before
    assert (row["steps"], row["reached"]) == (10, 0)
    assert real.tune(model, tokenizer, "full", 0, 1e-5, target=0.0)["steps"] == 0


# Pictures and the view


def test_the_view_shows_a_method_and_names_what_it_lacks() -> None:
    kept = {"before": {"sums": 1.0, "a<b": 0.5}, "full": {"sums": 0.25, "a<b": 0.5},
            "replay": {"sums": 1.0, "a<b": 0.5}}  # fmt: skip
    changes = {"full": {"sums": -0.75, "a<b": 0.0}, "replay": {"sums": 0.0, "a<b": 0.0}}
    view = forgetting_view(kept, changes)
    method, table = view.children
    assert "-75" in table.value
    assert "a&lt;b" in table.value
    method.value = "replay"
    assert "-75" not in table.value
    assert ">0.0<" in table.value
    assert "before" not in method.options
    assert "100%" in table.value
    with pytest.raises(ValueError, match="give both of each method"):
        forgetting_view({"full": {}}, {})
    with pytest.raises(ValueError, match=r"changes of \['full', 'replay'\], shares of \['full'\]"):
        forgetting_view({"full": kept["full"]}, changes)


def test_pictures_draw_what_was_recorded() -> None:
    one = (0.5, 0.4, 0.6)
    curves = {name: dict.fromkeys((8, 16), one) for name in (*transfer.STARTS, "bag of words")}
    assert len(pictures.transfer(curves, 0.8).axes[0].get_lines()) == 4
    kept = {"before": {"sums": 1.0}, "full": {"sums": 0.25}}
    texts = [t.get_text() for t in pictures.forgetting(kept).axes[0].texts]
    assert texts == ["100", "25", "100", "25"]  # the second row is the mean
    kinds = dict.fromkeys(("alone", "alone, longer", "all"), one)
    assert len(pictures.mixture(dict.fromkeys(mixture.SIX, kinds)).axes[0].patches) == 18
    changes = {"a": {"b": -0.1}, "b": {"a": 0.2}}
    assert [t.get_text() for t in pictures.left_out(changes).axes[0].texts] == ["-10", "+20"]
    paths = {"full": [(0.0, 0.7), (0.9, 1.0)], "replay": [(0.0, 0.7)], "LoRA 1": [(0.0, 0.7)]}
    near, far = pictures.paths(paths, 0.9, ("full", "replay")).axes
    assert (len(near.get_lines()), len(far.get_lines())) == (3, 2)
    assert {*pictures.LINES} == {*recorded.METHODS}


# Adding two specialists


def test_added_changes_are_the_sum_of_both(model: GPT, opened: Opened) -> None:
    base, _ = opened
    one, two = ({k: v + d for k, v in base.state_dict().items()} for d in (1.0, -3.0))
    found = merging.added(base, [(one, 1.0), (two, 0.5)]).state_dict()
    for key, value in base.state_dict().items():
        torch.testing.assert_close(found[key], value - 0.5)


def test_the_control_learns_both_in_the_steps_of_both(
    tiny: GPT, opened: Opened, monkeypatch
) -> None:
    monkeypatch.setattr(merging, "N_TRAIN", 6)
    both = merging.lessons_of("both", 0)
    assert Counter("fields" in item.meta for item in both) == {True: 6, False: 6}
    taken = []
    tune = tuning.tune
    monkeypatch.setattr(
        tuning, "tune", lambda *a, **b: taken.append(b["steps"]) or tune(*a, **(b | {"steps": 1}))
    )
    for task in (*merging.TASKS, "both"):
        state = merging.specialist(tiny, opened[1], task, 0, 1e-2, steps=5)
        assert state.keys() == tiny.state_dict().keys()
    assert taken == [5, 5, 10]
    with pytest.raises(ValueError, match="task='x'"):
        merging.lessons_of("x", 0)
