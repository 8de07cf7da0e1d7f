"""Lesson 08: rows and masks, methods, what is counted, mixtures, the assistant, SmolLM2."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch

from lessons.l08_fine_tuning import assistant, merging, mixture, pictures, real, sweep, tuning
from lessons.l08_fine_tuning.widget import forgetting_view
from lessons.l09_few_shot import smol
from lessons.world.corpus import PAD
from lessons.world.families import FAMILIES
from lessons.world.plan import Plan, never_asked
from lessons.world.tasks import clinic
from lessons.world.truth import people
from minigpt import GPT, BPETokenizer


@pytest.fixture
def model(opened: tuple[GPT, BPETokenizer]) -> GPT:
    copy = GPT(opened[0].config)
    copy.load_state_dict(opened[0].state_dict())
    return copy


# Rows and batches


def test_the_loss_counts_on_the_answer_and_its_end(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    note = tuning.notes(1, 0)[0]
    ids, goal = tuning.row(tokenizer, note.prompt, note.answer)
    counted = [token for token in goal if token != -100]
    assert len(ids) == len(goal)
    assert tokenizer.decode(counted[:-1]) == note.answer
    assert counted[-1] == tokenizer.special_tokens["<|end|>"]
    at = goal.index(counted[0])
    assert tokenizer.decode(ids[1 : at + 1]) == note.prompt


def test_every_note_comes_once_before_any_comes_again(opened: tuple[GPT, BPETokenizer]) -> None:
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


def test_old_documents_are_those_of_the_plan(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    rows = list(itertools.islice(tuning.old_documents(tokenizer, 0), 150))
    assert {ids[0] for ids, _ in rows} == {tokenizer.special_tokens["<|end|>"]}
    assert all(ids[1:] == goal[:-1] for ids, goal in rows)
    text = tokenizer.decode([token for ids, _ in rows for token in ids])
    for mark in ("Q:", "Tavi", "Pairs:", "Clinic note"):
        assert (mark in text) == (mark != "Clinic note")
    exposed = {person.name for person in people() if person.block == "exposure"}
    assert any(name in text for name in exposed)  # facts of whom nothing is ever asked


def test_the_mask_can_be_left_out(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    ids, goal = tuning.row(tokenizer, "a b", " c", masked=False)
    assert goal[:-1] == ids[1:]


# Methods


@pytest.mark.parametrize("name", tuning.METHODS)
def test_a_method_trains_what_it_names_and_nothing_else(
    model: GPT, opened: tuple[GPT, BPETokenizer], name: str
) -> None:
    _, tokenizer = opened
    method = tuning.METHODS[name]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    steps = tuning.tune(
        model, tokenizer, tuning.notes(16, 0), method, method.rates[0], seed=0, steps=2
    )
    assert steps == 2
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


def test_training_stops_when_told_to(model: GPT, opened: tuple[GPT, BPETokenizer]) -> None:
    asked: list[int] = []

    def stop(step: int) -> bool:
        asked.append(step)
        return step >= 4

    full = tuning.METHODS["full"]
    steps = tuning.tune(
        model, opened[1], tuning.notes(16, 0), full, 1e-3, seed=0, steps=9, every=2, stop=stop
    )
    assert (steps, asked) == (4, [2, 4])


def test_some_steps_teach_fields(model: GPT, opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    some, test = tuning.notes(32, 0), tuning.notes(10, 0, "test")
    before, _ = tuning.fields_right(model, tokenizer, test)
    tuning.tune(model, tokenizer, some, tuning.METHODS["full"], 3e-3, seed=0, steps=25)
    after, whole = tuning.fields_right(model.eval(), tokenizer, test)
    assert before < 0.1 < 0.2 < after
    assert 0 <= whole <= after


def test_general_ability_is_that_of_held_out_items(opened: tuple[GPT, BPETokenizer]) -> None:
    for family, split in tuning.GENERAL.items():
        assert split in FAMILIES[family].SPLITS
        assert split != "train"
    scores = tuning.general(*opened, 2, seed=0)
    assert [*scores] == [tuning.TOLD, *tuning.GENERAL]
    assert set(scores.values()) <= {0.0, 0.5, 1.0}


@pytest.mark.parametrize(
    ("curve", "level", "expected"),
    [
        ({8: 0.2, 32: 0.6}, 0.4, 16.0),
        ({8: 0.2, 32: 0.6}, 0.6, 32.0),
        ({8: 0.2, 32: 0.6}, 0.9, 32.0),  # never reached: the largest
        ({8: 0.7, 32: 0.9}, 0.5, 8.0),  # reached by all: the smallest
        ({8: 0.2, 16: 0.1, 32: 0.6}, 0.35, math.sqrt(16 * 32)),
    ],
)
def test_notes_needed(curve: dict[int, float], level: float, expected: float) -> None:
    assert tuning.needed(curve, level) == pytest.approx(expected)


# Figures


def test_figures_of_a_seed_are_those_of_its_rows() -> None:
    curve = [
        {"start": start, "notes": str(n), "seed": "10", "fields": str(share)}
        for start, shares in (("pre-trained", (0.5, 0.9)), ("random weights", (0.3, 0.7)))
        for n, share in zip((64, 256), shares, strict=True)
    ]
    methods = [
        {
            "method": name,
            "seed": "10",
            "fields": "0.95",
            "notes": "0.8",
            "lost": lost,
            "reached": "1",
        }
        for name, lost in (("full", "0.3"), ("replay", "0.02"), (sweep.END, "0.4"))
    ]  # fmt: skip
    shares = [
        {"trained_on": on, "family": family, "seed": "10", "right": right}
        for number, family in enumerate(mixture.SIX)
        for on, right in (
            (f"only {family}", "0.5"),
            (f"long {family}", "0.6"),
            ("all", str(0.4 + 0.1 * number)),
        )
    ]
    before = [{"seed": "10", "fields": "0.05", "constant": "0.35"}]
    tables = {"transfer": curve, "methods": methods, "before": before, "mixture": shares}
    found = sweep.figures_of(tables, "10")
    assert found["transfer"]["pretrained_minus_scratch"] == pytest.approx(0.2)
    reached = math.exp(math.log(64) + 0.75 * math.log(4))
    assert found["transfer"]["times_fewer_notes"] == pytest.approx(256 / reached)
    assert found["specialise"]["after_minus_before"] == pytest.approx(0.9)
    assert found["specialise"]["notes_right"] == 0.8
    assert found["keeps-general"] == {"lost_full": 0.3, "lost_replay": 0.02}
    assert found["multi-task"]["gain_topic"] == pytest.approx(-0.1)
    assert found["multi-task"]["mean_gain"] == pytest.approx(0.15)
    assert found["multi-task"]["mean_gain_at_equal_steps"] == pytest.approx(0.05)
    methods[1]["reached"] = "0"
    assert "lost_replay" not in sweep.figures_of(tables, "10")["keeps-general"]


def test_jobs_have_files_of_their_own() -> None:
    files = [sweep._file(part, job) for part, jobs in sweep.JOBS.items() for job in jobs()]
    assert len(files) == len({*files})
    assert set(sweep.JOBS) == set(sweep.RUNS) == set(sweep.TABLES)


# Mixtures


def test_mixtures_share_the_targets_documents() -> None:
    found = mixture.mixtures()
    assert len(found) == 19
    assert found["without topic"] == tuple(f for f in mixture.SIX if f != "topic")
    assert mixture.documents("topic", 0, 5) == mixture.documents("topic", 0, 9)[:5]
    assert mixture.steps_of(mixture.SIX) == 6 * mixture.steps_of(("topic",))


def test_a_small_mixture_trains(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    trained = mixture.train(("topic", "intent"), tokenizer, seed=0, n=16)
    assert 0 <= mixture.score(trained, tokenizer, "topic", 0, 4) <= 1


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


# SmolLM2


def test_remarks_of_training_and_test_have_other_sentences() -> None:
    train, test = real.remarks("train", 80, 0), real.remarks("test", 80, 0)
    assert len(real.remarks("validation", 40, 0)) == 40

    def sentences(some):
        return {smol._frame(remark) for remark, _ in some}

    assert sentences(train).isdisjoint(sentences(test))
    assert Counter(label for _, label in train) == dict.fromkeys(smol.LABELS, 40)


@pytest.mark.parametrize("how", real.RATES)
def test_remarks_are_learnt_by_a_stand_in(
    model: GPT, opened: tuple[GPT, BPETokenizer], how: str
) -> None:
    _, tokenizer = opened
    some = real.remarks("train", 16, 0)
    before = real._loss(model, tokenizer, some).item()
    real.tune(model, tokenizer, how, seed=0, rate=real.RATES[how][-1], steps=6)
    assert real._loss(model, tokenizer, some).item() < before


# Pictures and the view


def test_the_view_shows_a_method_and_names_what_it_lacks() -> None:
    kept = {"before": {"sums": 1.0, "a<b": 0.5}, "full": {"sums": 0.25, "a<b": 0.5},
            "replay": {"sums": 1.0, "a<b": 0.5}}  # fmt: skip
    view = forgetting_view(kept)
    method, table = view.children
    assert "-75" in table.value
    assert "a&lt;b" in table.value
    method.value = "replay"
    assert "-75" not in table.value
    with pytest.raises(ValueError, match="no method 'before'"):
        forgetting_view({"full": {}})


def test_pictures_draw_what_was_recorded() -> None:
    one = (0.5, 0.4, 0.6)
    curves = {name: dict.fromkeys((8, 16), one) for name in sweep.STARTS}
    assert len(pictures.transfer(curves, 0.8).axes[0].get_lines()) == 3
    kept = {"before": {"sums": 1.0}, "full": {"sums": 0.25}}
    assert [t.get_text() for t in pictures.forgetting(kept).axes[0].texts] == ["100", "25"]
    kinds = dict.fromkeys(("alone", "alone, longer", "all but one", "all"), one)
    assert len(pictures.mixture(dict.fromkeys(mixture.SIX, kinds)).axes[0].patches) == 24
    rows = {"full": {"lost": one, "trained": (1e6, 1e6, 1e6)}}
    assert pictures.against_trained(rows).axes[0].texts[0].get_text() == "full"


def test_clinic_is_new_to_the_model(opened: tuple[GPT, BPETokenizer]) -> None:
    fields, whole = tuning.fields_right(*opened, tuning.notes(10, 5, "test"))
    assert fields < 0.1
    assert whole == 0
    assert clinic.NAME not in tuning.GENERAL


# Adding two specialists


def test_added_changes_are_the_sum_of_both(model: GPT, opened: tuple[GPT, BPETokenizer]) -> None:
    base, _ = opened
    one, two = ({k: v + d for k, v in base.state_dict().items()} for d in (1.0, -3.0))
    found = merging.added(base, [(one, 1.0), (two, 0.5)]).state_dict()
    for key, value in base.state_dict().items():
        torch.testing.assert_close(found[key], value - 0.5)
