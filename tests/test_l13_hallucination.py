"""Lesson 13: records and the text behind them, frequencies, abstaining, and SmolLM2's questions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from lessons.l13_hallucination import (
    abstain,
    frequency,
    pictures,
    records,
    smol,
    sweep,
    wording,
)
from lessons.l13_hallucination.widget import search_view
from lessons.world.plan import PLANS, Plan
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import ATTRIBUTES, people
from minigpt import GPT, BPETokenizer

# Records


@pytest.mark.parametrize("group", records.GROUPS)
def test_questions_of_a_group_are_about_such_people(group: str) -> None:
    by_name = {person.name: person for person in people()}
    plan = Plan("any")
    for item in records.items(group, 10, seed=1):
        person = by_name.get(item.meta["name"])
        if group == records.NOBODY:
            assert person is None
            assert item.answer == ""
            continue
        assert person is not None
        assert item.answer.strip() == person.value(item.meta["attribute"])
        if group.isdecimal():
            assert plan.level(person, item.meta["attribute"]) == int(group)
        else:
            assert person.block == {"asked": "asked", "never written": "unwritten"}[group]
    with pytest.raises(ValueError, match="group='many'"):
        records.items("many", 1, 1)


def test_a_record_holds_truth_confidence_and_marks(
    large: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = large
    known = records.items(records.ASKED, 3, 1)
    rows = records.record(model, tokenizer, records.ASKED, known)
    assert all(row["confidence"] > 0.8 for row in rows if row["right"])
    assert [row["truth"] for row in rows] == [item.answer.strip() for item in known]
    assert sum(row["right"] for row in rows) >= 2
    said = [f" {NOT_STATED}", known[1].answer, " nonsense of some kind"]
    monkeypatch.setattr(records.evaluate, "answers", lambda *_: said)
    rows = records.record(model, tokenizer, records.ASKED, known)
    assert [(row["stated"], row["right"]) for row in rows] == [(0, 0), (1, 1), (0, 0)]


def test_documents_about_somebody_are_those_of_the_training_text() -> None:
    plan = PLANS["fernhollow"]
    exposed = [person for person in people() if person.block == "exposure"][:3]
    for person in exposed:
        texts = records.documents_about(person.name)
        assert all(person.name in text for text in texts)
        for attribute in ATTRIBUTES:
            told = plan.level(person, attribute)
            assert told == records.exposures_in_text(person.name, attribute)
    assert records.documents_about("Nobody Nowhere") == []
    with pytest.raises(ValueError, match="nobody in Fernhollow is called 'Nobody Nowhere'"):
        records.exposures_in_text("Nobody Nowhere", "pet")


def test_what_the_text_tells_and_how_far_guesses_are_from_it() -> None:
    told = records.population("pet", Plan("any"))
    assert sum(told.values()) == pytest.approx(1)
    assert records.distance(told, told) == 0
    assert records.distance({"a": 1.0}, {"b": 1.0}) == 1
    assert records.distance({"a": 0.5, "b": 0.5}, {"a": 1.0}) == 0.5


def test_guesses_are_a_distribution_over_the_values(opened: tuple[GPT, BPETokenizer]) -> None:
    some = records.items(records.NOBODY, 12, 1)
    attribute = some[0].meta["attribute"]
    found = records.guesses(*opened, some, attribute)
    assert list(found) == list(ATTRIBUTES[attribute])
    assert sum(found.values()) == pytest.approx(1)
    with pytest.raises(ValueError, match="no question asks for 'hat'"):
        records.guesses(*opened, some, "hat")


def test_the_claims_figures_are_those_of_the_rows() -> None:
    def row(seed, group, right, stated, confidence):
        return {"seed": seed, "group": group, "right": right, "stated": stated,
                "confidence": confidence}  # fmt: skip

    rows = [
        row(1, "nobody", 0, 1, 0.4), row(1, "nobody", 0, 0, 0.9),
        row(1, "1", 0, 1, 0.2), row(1, "1", 1, 1, 0.8),
        row(1, "64", 1, 1, 1.0), row(1, "64", 1, 1, 1.0),
    ]  # fmt: skip
    found = {entry["figure"]: entry["value"] for entry in sweep.figures_of(rows)}
    assert found["stated_about_nobody"] == 0.5
    assert found["error_once_minus_often"] == 0.5
    assert found["confidence_when_false"] == pytest.approx(0.3)


# Frequencies


def test_missing_mass_and_singleton_rate_agree_as_good_and_turing_say() -> None:
    for exponent in (0.0, 1.0):
        world = frequency.World(exponent, seed=0)
        assert world.counts.sum() == frequency.TEXTS
        assert world.missing_mass == pytest.approx(world.singleton_rate, abs=0.02)
    even, steep = (frequency.World(exponent, 0).missing_mass for exponent in (0.0, 1.3))
    assert even > 0.8 > 0.3 > steep


def test_names_are_unique_and_texts_hold_them() -> None:
    facts = np.arange(frequency.FACTS)
    assert len(np.unique(frequency.names(facts), axis=0)) == frequency.FACTS
    world = frequency.World(1.0, 0)
    texts = world.texts(world.read[:50])
    assert texts.shape == (50, 5)
    assert (texts[:, -1] - frequency.SYLLABLES == world.values[world.read[:50]]).all()
    assert texts.max() == frequency.VOCAB - 1


def test_a_table_errs_on_what_it_has_not_read_and_nowhere_else() -> None:
    world = frequency.World(1.0, 1)
    found = frequency.errors(world, frequency.lookup(world))
    assert found["once"] == found["often"] == 0
    assert found["never"] > 0.9
    assert found["all"] == pytest.approx(world.missing_mass, abs=0.03)


def test_an_untrained_network_is_wrong_about_everything() -> None:
    world = frequency.World(1.0, 1)
    torch.manual_seed(0)
    model = frequency.GPT(
        frequency.GPTConfig.fast(
            vocab_size=frequency.VOCAB, block_size=8, n_layer=1, n_head=1, n_embd=16
        )
    )
    assert frequency.errors(world, frequency.answers(model.eval(), world))["all"] > 0.95
    assert frequency.sampled_error(model, world) == pytest.approx(1 - 1 / 256, abs=0.002)


def test_the_slack_at_the_sizes_of_the_paper() -> None:
    for texts, expected in ((20_000, 0.67), (100_000, 0.33), (1_000_000, 0.12)):
        assert frequency.slack(texts, values=10**9) == pytest.approx(expected, abs=0.01)
    assert frequency.slack(20_000) - frequency.slack(20_000, 10**9) == pytest.approx(2 / 255)


# Abstaining


def test_arms_learn_what_their_names_say() -> None:
    known, abstaining, unknown = (abstain.questions(arm, 0, 40) for arm in abstain.ARMS)
    assert len(known) == len(abstaining) == len(unknown) == 40
    assert sum(item.answer == f" {NOT_STATED}" for item in abstaining) == 20
    assert not any(item.answer == f" {NOT_STATED}" for item in (*known, *unknown))
    unwritten = {person.name for person in people() if person.block == "unwritten"}
    assert sum(item.meta["name"] in unwritten for item in unknown) == 20
    with pytest.raises(ValueError, match="arm='x'"):
        abstain.questions("x", 0)


def test_a_model_is_taught_in_a_copy(opened: tuple[GPT, BPETokenizer]) -> None:
    model, tokenizer = opened
    before = model.wte.weight.clone()
    tuned = abstain.taught(model, tokenizer, "abstain", seed=0, steps=2)
    assert torch.equal(model.wte.weight, before)
    assert not torch.equal(tuned.wte.weight, before)
    shares = abstain.shares(tuned, tokenizer, ("64",), 5, seed=0)
    assert set(shares["64"]) == {"right", "stated", "declined"}


def test_samples_of_a_known_fact_agree(large: tuple[GPT, BPETokenizer]) -> None:
    item: Item = records.items(records.ASKED, 1, 1)[0]
    said = sweep.sampled(*large, item.prompt, 10, 1.0, seed=0)
    assert said == sweep.sampled(*large, item.prompt, 10, 1.0, seed=0)
    ((common, times),) = Counter(said).most_common(1)
    assert common == item.answer.strip()
    assert times >= 6


# SmolLM2's questions


def test_a_hundred_questions_a_band_and_none_twice() -> None:
    every = smol.all_questions()
    assert Counter(question.band for question in every) == dict.fromkeys(smol.BANDS, 100)
    assert len({question.text for question in every}) == 400
    assert all((question.answer == "") == (question.band == "invented") for question in every)


@pytest.mark.parametrize(
    ("about", "output", "right"),
    [
        ("France", "Paris.", True),
        ("France", "The capital is paris", True),
        ("France", "Lyon\nParis", False),
        ("Colombia", "Bogotá", True),
        ("Chad", "NDjamena", True),
        ("gold", "Au", True),
        ("gold", "The chemical symbol of gold is Au.", True),
        ("gold", "Aurum", False),
        ("iodine", "I don't know", False),
        ("Tunisia", "Tunisia is in Africa", False),
        ("The Magic Mountain", "Hermann Hesse", False),
        ("Ukraine", "Kiev", True),
        ("Wuthering Heights", "Charlotte Bronte", False),
        ("carbon", "C", True),
        ("carbon", "Ca", False),
        ("Jane Eyre", "Charlotte Brontë", True),
        ("Belvonia", "Belvon City", False),
    ],
)
def test_answers_are_checked_by_name_or_symbol(about: str, output: str, right: bool) -> None:
    question = next(q for q in smol.all_questions() if q.about == about)
    assert smol.is_right(question, output) is right


@pytest.mark.parametrize(
    ("output", "declined"),
    [
        ("I'm not aware of such a country.", True),
        ("There is no such element.", True),
        ("I don't know.", True),
        ("It does not exist.", True),
        ("There is no country called that.", True),
        ("It does not have a capital.", True),
        ("I'm sorry, but I cannot find it.", True),
        ("It cannot read green ink.", False),
        ("People don't often ask for its capital, Paris", False),
        ("Knowsley", False),
        ("Notting Hill", False),
    ],
)
def test_declining_is_recognised(output: str, declined: bool) -> None:
    assert smol.declines(output) is declined


# One wording or several


def test_documents_differ_in_wording_alone() -> None:
    who = wording.setting(0, n=20)
    assert not {p.name for p in who.asked} & {p.name for p in who.never_asked}
    both = {arm: wording.documents(who, arm, 0) for arm in wording.ARMS}
    assert len(both["one"]) == len(both["several"])
    for arm, documents in both.items():
        asked = [text for text in documents if text.startswith("Q:")]
        assert len(asked) == 10 * len(ATTRIBUTES) * wording.ASKED
        assert not any(p.name in text for p in who.never_asked for text in asked)
        told = [text for text in documents if not text.startswith("Q:")]
        for person in who.never_asked[:3]:
            mine = [text for text in told if person.name in text]
            assert len(mine) == wording.TOLD
            assert all(person.value(a) in text for text in mine for a in ATTRIBUTES)
            assert (len(set(mine)) == 1) == (arm == "one")
    with pytest.raises(ValueError, match="arm='two'"):
        wording.told(Tape("x"), who.asked[0], "two")


def test_reciting_goes_on_with_a_document_of_the_arm() -> None:
    who = wording.setting(0, n=20)
    by_name = {person.name: person for person in who.never_asked}
    documents = [wording.told(Tape("x"), person, "one") for person in who.never_asked]
    for item in wording._recited(Tape("x"), who.never_asked, "one", 30):
        assert any(text.startswith(item.prompt + item.answer) for text in documents)
    for item in wording._recited(Tape("x"), who.never_asked, "several", 30):
        person = by_name[" ".join(item.prompt.split()[:2])]
        assert item.answer.strip() in [person.value(attribute) for attribute in ATTRIBUTES]
        assert item.answer not in item.prompt


def test_a_model_is_trained_and_asked(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    who = wording.setting(0, n=8)
    model = wording.train(tokenizer, who, "several", 0, part=0.2)
    found = wording.shares(model, tokenizer, who, "several", 0, n=5)
    assert set(found) == {"asked", "never asked", "recited"}
    assert all(0 <= share <= 1 for share in found.values())


# The view


def test_the_view_searches_and_escapes(opened: tuple[GPT, BPETokenizer]) -> None:
    box = search_view(*opened, first="<b>Nobody</b> & Sons")
    (somebody, nobody), name, attribute, view = box.children[0].children, *box.children[1:]
    assert "<b>Nobody</b>" not in view.value
    assert "0 biographies that it read name &lt;b&gt;Nobody" in view.value
    somebody.click()
    assert "biographies that it read name" in view.value
    assert name.value in {person.name for person in people()}
    before = view.value
    attribute.value = "pet"
    assert view.value != before
    nobody.click()
    assert "0 say so" in view.value
    name.value = "  "
    assert "type a name" in view.value


def test_pictures_draw_what_was_recorded() -> None:
    one = (0.5, 0.4, 0.6)
    curves = {"right": dict.fromkeys(("1", "64"), one), "stated": dict.fromkeys(("1", "64"), one)}
    assert len(pictures.by_exposures(curves, "%").axes[0].get_lines()) == 2
    assert len(pictures.guesses({"cat": 1.0}, {"cat": 0.5, "dog": 0.5}).axes[0].patches) == 4
    assert pictures.calibration([0.9, 0.1], [1, 0], "x").axes[0].collections
    names = ("missing_mass", "gpt_all", "table_all")
    points = {0.0: dict.fromkeys(names, one), 1.0: dict.fromkeys(names, one)}
    assert pictures.frequency(points).axes[0].get_legend() is not None
