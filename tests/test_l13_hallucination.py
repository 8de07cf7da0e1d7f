"""Lesson 13: records and the text behind them, frequencies, abstaining, and SmolLM2's questions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lessons.l13_hallucination import (
    abstain,
    frequency,
    pictures,
    recorded,
    records,
    smol,
    sweep,
    wording,
)
from lessons.l13_hallucination.widget import search_view
from lessons.sweeps import write_csv, write_json
from lessons.world.corpus import Document
from lessons.world.plan import PLANS, Plan, falsehood
from lessons.world.tape import Tape
from lessons.world.tasks import passages
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import ATTRIBUTES, people
from minigpt import GPT, BPETokenizer
from minigpt.calibration import auroc
from minigpt.evaluate import sequence_logprob
from minigpt.tokenizer import END

# Records

BLOCKS = {
    records.UNWRITTEN: "unwritten",
    records.OTHER: "asked",
    records.ASKED: "asked",
    records.POPULAR: "popular",
}


@pytest.mark.parametrize("group", records.GROUPS)
def test_questions_of_a_group_are_about_such_people(group: str) -> None:
    by_name = {person.name: person for person in people()}
    plan = Plan("any")
    for item in records.part(group, 1)[:20]:
        person = by_name.get(item.meta["name"])
        attribute = item.meta["attribute"]
        assert len(item.choices) == len(ATTRIBUTES[attribute])
        if group == records.NOBODY:
            assert person is None
            assert item.answer == ""
            continue
        assert person is not None
        assert item.answer.strip() == person.value(attribute)
        if group.isdecimal():
            assert plan.level(person, attribute) == int(group)
        else:
            assert person.block == BLOCKS[group]
        told = {
            records.UNWRITTEN: 0, records.OTHER: 40, records.ASKED: 58, records.POPULAR: 8
        }.get(group)  # fmt: skip
        assert records.exposures(person.name, attribute, person.value(attribute)) == (
            int(group) if told is None else told
        )
        if group == records.POPULAR:
            assert records.exposures(person.name, attribute, falsehood(person)) == 32


@pytest.mark.parametrize("group", records.GROUPS)
def test_parts_share_no_fact_and_nobody(group: str) -> None:
    parts = [records.part(group, number, None) for number in range(records.PARTS)]
    facts = [(item.meta["name"], item.meta["attribute"]) for part in parts for item in part]
    assert len(facts) == len(set(facts))
    surnames = [{item.meta["name"].split()[1] for item in part} for part in parts]
    assert sum(map(len, surnames)) == len(set().union(*surnames))
    if group.isdecimal() or group in (records.NOBODY, records.UNWRITTEN, records.ASKED):
        assert all(len(records.part(group, n)) == records.N for n in range(records.PARTS))
    if group == records.NOBODY:
        assert len({item.meta["name"].split()[1] for part in parts for item in part}) == len(facts)
    assert records.part(group, 0) == records.part(group, 0)


def test_unknown_groups_and_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="group='many'"):
        records.part("many", 1)
    with pytest.raises(ValueError, match="number=5"):
        records.part("1", 5)
    with pytest.raises(ValueError, match="group='popular error'"):
        records.items(records.POPULAR, 1, 1)
    drawn = records.items(records.NOBODY, 5, 1)
    assert len(drawn) == 5
    assert all(item.answer == "" for item in drawn)


def test_a_record_holds_truth_confidence_and_marks(
    large: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = large
    known = records.part(records.ASKED, 0, 3)
    rows = records.record(model, tokenizer, records.ASKED, known)
    assert all(row["confidence"] > 0.5 for row in rows if row["right"])
    assert all(row["log10_not_stated"] < -1 for row in rows)
    assert [row["truth"] for row in rows] == [item.answer.strip() for item in known]
    assert sum(row["right"] for row in rows) >= 2
    said = [f" {NOT_STATED}", known[1].answer, " nonsense of some kind"]
    monkeypatch.setattr(records.evaluate, "answers", lambda *_: said)
    rows = records.record(model, tokenizer, records.ASKED, known)
    assert [(row["stated"], row["right"]) for row in rows] == [(0, 0), (1, 1), (0, 0)]
    assert math.log10(rows[0]["confidence"]) < rows[0]["log10_not_stated"] < -1  # and the end


def test_probabilities_in_batches_are_those_of_single_questions(
    opened: tuple[GPT, BPETokenizer],
) -> None:
    model, tokenizer = opened
    some = [*records.part("1", 0, 3), *records.part(records.NOBODY, 0, 2)]
    pairs = [(item.prompt, item.choices[0]) for item in some]
    together = records.logprobs(model, tokenizer, pairs, batch_size=2)
    end = tokenizer.special_tokens[END]
    for (prompt, output), nats in zip(pairs, together, strict=True):
        ids = [end, *tokenizer.encode(prompt)]
        value = sequence_logprob(model, tokenizer, ids, output)[0]
        with torch.no_grad():
            after = model(torch.tensor([ids + tokenizer.encode(output)]))[0, -1].log_softmax(-1)
        assert nats == pytest.approx(value + float(after[end]), abs=1e-3)
        (alone,) = records.logprobs(model, tokenizer, [(prompt, output)], end=False)
        assert alone == pytest.approx(value, abs=1e-3)


def test_documents_about_somebody_are_those_of_the_training_text() -> None:
    for group in ("8", records.POPULAR, records.ASKED, records.OTHER, records.UNWRITTEN):
        for item in records.part(group, 0, 2):
            name, attribute = item.meta["name"], item.meta["attribute"]
            texts = records.documents_about(name)
            assert all(name in text for text in texts)
            for value in ATTRIBUTES[attribute]:
                told = records.exposures(name, attribute, value)
                assert len(records.saying(texts, value)) == told, (group, name, value)
    assert records.documents_about("Nobody Nowhere") == []
    assert records.exposures("Nobody Nowhere", "pet", "cat") == 0


def test_the_whole_text_is_read_for_names_and_surnames(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = records.part(records.NOBODY, 0)[0].meta["name"]
    known = records.part("64", 0)[0].meta["name"]
    texts = [
        Document(0, "biographies", f"{known} keeps a cat as a pet. She is a cook.", 0),
        Document(0, "trades", f"The glazier {stranger.split()[1]} opened the door.", 0),
        Document(0, "passages", f"Ida {stranger.split()[1]} keeps a dog.", 0),
        Document(0, "sums", "2 + 2 = 4", 0),
    ]
    monkeypatch.setattr(records, "documents", lambda _: texts)
    found, surnames = records.read_text([stranger, known])
    assert found[stranger] == []
    assert surnames[stranger] == {"trades": 1, "passages": 1}
    assert len(found[known]) == 1
    assert records.saying(found[known], "cat")
    assert not records.saying(found[known], "ca")


def test_what_the_text_tells_and_how_far_guesses_are_from_it() -> None:
    told = records.population("pet", Plan("any"))
    assert sum(told.values()) == pytest.approx(1)
    assert records.distance([*told.values()], [*told.values()]) == 0
    assert records.distance([1.0, 0.0], [0.0, 1.0]) == 1
    assert records.distance([0.5, 0.5], [1.0, 0.0]) == 0.5


def test_guesses_are_probabilities_of_all_values(opened: tuple[GPT, BPETokenizer]) -> None:
    some = records.part(records.NOBODY, 0, 3)
    found = records.guesses(*opened, some)
    assert [len(row) for row in found] == [len(item.choices) for item in some]
    assert all(0 < sum(row) <= 1.001 for row in found)
    (best,) = records.logprobs(*opened, [(some[0].prompt, some[0].choices[2])])
    assert found[0][2] == pytest.approx(math.exp(best), rel=1e-3)


def test_the_claims_figures_are_those_of_the_rows() -> None:
    def row(part: int, group: str, right: int, stated: int, confidence: float) -> dict[str, Any]:
        return {"part": part, "group": group, "right": right, "stated": stated,
                "confidence": confidence}  # fmt: skip

    rows = [
        row(1, "nobody", 0, 1, 0.4), row(1, "nobody", 0, 0, 0.9),
        row(1, "never written", 0, 1, 0.99), row(1, "never written", 1, 1, 0.99),
        row(1, "1", 0, 1, 0.2), row(1, "1", 1, 1, 0.8),
        row(1, "64", 1, 1, 0.9), row(1, "64", 1, 1, 0.98), row(1, "64", 0, 1, 1.0),
    ]  # fmt: skip
    (found,) = sweep.figures_of(rows).values()
    assert found["stated_about_nobody"] == 0.5
    assert found["stated_about_unwritten"] == 1
    assert found["error_once_minus_often"] == pytest.approx(2 / 3 - 1 / 2)
    assert found["confidence_when_false"] == pytest.approx((0.4 + 0.99 + 0.2) / 3)
    assert found["confidence_when_false_unwritten"] == 0.99
    assert found["false_above_right"] == pytest.approx(1 / 3)  # the median at 64 is 0.94


def test_guesses_follow_the_text_or_nothing() -> None:
    told = [0.5, 0.3, 0.1, 0.1]

    def follows(guessed: list[float]) -> float:
        rows = [
            {"uneven": 1, "seed": 4, "told": t, "guessed": g}
            for t, g in zip(told, guessed, strict=True)
        ]
        (found,) = sweep.guess_figures([*rows, {**rows[0], "uneven": 0}]).values()
        return found["guess_follows_text"]

    assert follows(told) == 1
    assert follows([0.25] * 4) == 0
    assert follows([0.1, 0.1, 0.3, 0.5]) < 0
    assert follows([0.375, 0.275, 0.175, 0.175]) == pytest.approx(0.5)


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


def test_a_world_is_uneven_in_its_values_alone() -> None:
    even, uneven = (frequency.World(0.0, 3, uneven=u) for u in (False, True))
    assert even.told.max() < 0.01 < 0.1 < uneven.told.max()
    assert uneven.told.sum() == pytest.approx(1)
    strangers = uneven.strangers()
    assert len(strangers) == frequency.STRANGERS
    assert (uneven.counts[strangers] == 0).all()
    asked = frequency.names(strangers)
    assert len(np.unique(asked[:, 2])) > 10  # from all over, not the first ones


def test_a_table_errs_on_what_it_has_not_read_and_nowhere_else() -> None:
    world = frequency.World(1.0, 1)
    found = frequency.errors(world, frequency.lookup(world))
    assert found["once"] == found["often"] == 0
    assert found["never"] > 0.9
    assert found["all"] == pytest.approx(world.missing_mass, abs=0.05)


def test_a_counting_model_backs_off() -> None:
    world = frequency.World(1.0, 1)
    p = frequency.counted(world, world.asked)
    assert p.shape == (frequency.QUESTIONS, frequency.VALUES)
    assert np.allclose(p.sum(1), 1)
    truth, times = world.values[world.asked], world.counts[world.asked]
    often = times >= 8
    assert (p.argmax(1)[often] == truth[often]).all()
    assert (p[often, truth[often]] >= 8 / 9).all()
    never = p[times == 0]
    assert never.max(1).mean() < 0.5
    assert never.min() > 0
    steep = frequency.counted(frequency.World(0.0, 1, uneven=True), np.arange(5)).argmax(1)
    assert len(set(steep.tolist())) < 5  # names never read: the common values


def test_miscalibration_is_that_of_one_threshold() -> None:
    n, k = 4000, frequency.VALUES
    truth = np.random.default_rng(0).integers(k, size=n)
    even = np.full((n, k), 1 / k)
    assert frequency.miscalibration(even, truth) == 0
    sure = np.zeros((n, k))
    sure[:, 7] = 1
    assert frequency.miscalibration(sure, truth) == pytest.approx(1 - (truth == 7).mean())
    oracle = np.eye(k)[truth]
    assert frequency.miscalibration(oracle, truth) == 0


def test_an_untrained_network_is_wrong_about_everything() -> None:
    world = frequency.World(1.0, 1)
    torch.manual_seed(0)
    model = frequency.GPT(
        frequency.GPTConfig.fast(
            vocab_size=frequency.VOCAB, block_size=8, n_layer=1, n_head=1, n_embd=16
        )
    )
    p = frequency.expected(model.eval(), world, world.asked)
    assert frequency.errors(world, p.argmax(1))["all"] > 0.95
    rows = sweep.frequency_items(world, p)
    assert len(rows) == frequency.QUESTIONS
    assert [row["exposures"] for row in rows] == world.counts[world.asked].tolist()
    assert np.mean([row["gpt_p_truth"] for row in rows]) == pytest.approx(1 / 256, abs=0.002)
    table = [row["table"] != row["truth"] for row in rows]
    assert np.mean(table) == frequency.errors(world, frequency.lookup(world))["all"]


def test_the_slack_at_the_sizes_of_the_paper() -> None:
    for texts, expected in ((20_000, 0.67), (100_000, 0.33), (1_000_000, 0.12)):
        assert frequency.slack(texts, values=10**9) == pytest.approx(expected, abs=0.01)
    assert frequency.slack(20_000) - frequency.slack(20_000, 10**9) == pytest.approx(2 / 255)


# Abstaining


@pytest.mark.parametrize("arm", abstain.ARMS)
def test_what_an_arm_learns_is_not_asked_of_it(arm: str) -> None:
    for seed in range(3):
        taught = abstain.questions(arm, seed)
        assert len(taught) == abstain.QUESTIONS == len({item.prompt for item in taught})
        surnames = {item.meta["name"].split()[1] for item in taught}
        for group in abstain.GROUPS:
            asked = records.part(group, seed, abstain.TEST)
            assert not surnames & {item.meta["name"].split()[1] for item in asked}, group


def test_arms_learn_what_their_names_say() -> None:
    known, abstaining, unknown = (abstain.questions(arm, 0, 40) for arm in abstain.ARMS)
    assert len(known) == len(abstaining) == len(unknown) == 40
    assert known[:20] == abstaining[:20] == unknown[:20]
    assert all(item.answer == f" {NOT_STATED}" for item in abstaining[20:])
    assert not any(item.answer == f" {NOT_STATED}" for item in (*known, *unknown))
    unwritten = {person.name for person in people() if person.block == "unwritten"}
    assert all(item.meta["name"] in unwritten for item in unknown[20:])
    with pytest.raises(ValueError, match="arm='x'"):
        abstain.questions("x", 0)


def test_a_model_is_taught_in_a_copy_and_measured_twice(opened: tuple[GPT, BPETokenizer]) -> None:
    model, tokenizer = opened
    before = model.wte.weight.clone()
    rows = abstain.learn(model, tokenizer, "abstain", seed=0, steps=2, early=1, n=2)
    assert torch.equal(model.wte.weight, before)
    assert Counter((row["steps"], row["group"]) for row in rows) == {
        (steps, group): 2 for steps in (1, 2) for group in (*abstain.GROUPS, abstain.TAUGHT)
    }
    early, late = ([r["confidence"] for r in rows if r["steps"] == steps] for steps in (1, 2))
    assert early != late
    assert {row["truth"] for row in rows if row["group"] == abstain.TAUGHT} == {NOT_STATED}
    plain = [*abstain.rows(model, tokenizer, "before", 0, 0, n=2)]
    assert {row["group"] for row in plain} == set(abstain.GROUPS)


def test_a_penalty_makes_declining_pay() -> None:
    assert abstain.score(0.3, 0.7, 0.0) == 0.3
    assert abstain.score(0.3, 0.7, 0.5) == pytest.approx(-0.4)
    assert abstain.score(0.3, 0.0, 0.9) > abstain.score(0.4, 0.6, 0.9)
    with pytest.raises(ValueError, match="t=1"):
        abstain.score(0, 0, 1)


# Samples and passages


def test_samples_of_a_known_fact_agree(large: tuple[GPT, BPETokenizer]) -> None:
    item: Item = records.part(records.ASKED, 0)[0]
    said = sweep.sampled(*large, item.prompt, 10, 1.0, seed=0)
    assert said == sweep.sampled(*large, item.prompt, 10, 1.0, seed=0)
    ((common, times),) = Counter(said).most_common(1)
    assert common == item.answer.strip()
    assert times >= 6


def test_declining_is_measured_where_it_belongs(opened: tuple[GPT, BPETokenizer]) -> None:
    some = passages.items(Tape("x"), 6, "unanswerable")
    rows = sweep.passage_rows(*opened, some, "unanswerable")
    asked = records.record(*opened, records.NOBODY, records.part(records.NOBODY, 0, 6))
    belongs, leaks = (
        np.mean([row["log10_not_stated"] for row in found]) for found in (rows, asked)
    )
    assert belongs > leaks
    assert {row["truth"] for row in rows} == {NOT_STATED}
    assert all("\n" not in row["prompt"] and row["prompt"].endswith("?") for row in rows)


# SmolLM2's questions


def test_a_hundred_questions_a_band_and_none_twice() -> None:
    every = smol.all_questions()
    assert Counter(question.band for question in every) == dict.fromkeys(smol.BANDS, 100)
    assert len({question.text for question in every}) == 400
    assert all((question.answer == "") == (question.band == "invented") for question in every)
    assert all(
        q.permitted == q.text.split("? ")[0] + "? If there is none, or you do not know it, say so."
        for q in every
    )


@pytest.mark.parametrize(
    ("about", "output", "right"),
    [
        ("France", "Paris.", True),
        ("France", "The capital is paris", True),
        ("France", "Lyon\nParis", False),
        ("France", "London, Paris, and Rome are capitals", False),
        ("Romania", "Bucharest, not Budapest", True),
        ("Colombia", "Bogotá", True),
        ("Chad", "NDjamena", True),
        ("Benin", "Porto Novo", True),
        ("Mongolia", "Ulan Bator", True),
        ("Mexico", "Mexico City", True),
        ("gold", "Au", True),
        ("gold", "The chemical symbol of gold is Au.", True),
        ("gold", "Aurum", False),
        ("iron", "**Fe**", True),
        ("iron", "Symbol: Fe", True),
        ("iron", "Fe (iron)", True),
        ("iron", "Iron (Fe)", True),
        ("iron", "Fe is the symbol.", True),
        ("iron", "The chemical symbol of iron is 'Fe'.", True),
        ("iron", "The chemical symbol of iron is Fe2O3.", False),
        ("iron", "Fe or Au", False),
        ("iodine", "I don't know", False),
        ("iodine", "I am not sure what I", False),
        ("iodine", "I", True),
        ("arsenic", "The chemical symbol of arsenic is As.", True),
        ("Tunisia", "Tunisia is in Africa", False),
        ("The Magic Mountain", "Hermann Hesse", False),
        ("The Call of the Wild", "Jack London", True),
        ("Ukraine", "Kiev", True),
        ("Wuthering Heights", "Charlotte Bronte", False),
        ("carbon", "C", True),
        ("carbon", "Ca", False),
        ("Jane Eyre", "Charlotte Brontë", True),
        ("Belvonia", "Belvon City", False),
        # what the model itself wrote in a trial, read by hand
        ("Libya", "The capital of Libya is Beni Ashanti.", False),
        ("Angola", "Angola is a continent located in South Africa.", False),
        ("dysprosium", "The chemical symbol of dysprosium is Dy2S.", False),
        ("lanthanum", "The chemical symbol of lanthanum is Na2O.", False),
        ("Candide", "The story of Candide by Victor Hugo is the story of a French", False),
        ("Faust", "The story of Faust is attributed to Johann Wolfgang von Goethe, a", True),
        ("The Hobbit", "The Hobbit: The Golden Bane by J.R.R. Tolkien.", True),
        ("Belize", "The capital of Belize is Belize.", False),
        # and in the recorded run, all of whose answers were read
        ("Serbia", "The capital of Serbia is Belgrad.", True),
        ("praseodymium", "The chemical symbol of praseodymium is Pr-26.", False),
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
        ("I don’t know.", True),
        ("It does not exist.", True),
        ("There is no country called that.", True),
        ("There isn't a country called Belvonia.", True),
        ("There is no capital of Belvonia.", True),
        ("It does not have a capital.", True),
        ("It has no capital", True),
        ("No, there is no author", True),
        ("N/A", True),
        ("None.", True),
        ("It's not known", True),
        ("The author of the book is unknown.", True),
        ("Belvonia is a fictional country.", True),
        ("I'm sorry, but I cannot find it.", True),
        ("I apologize, but there seems to be a mistake", True),
        ("It cannot read green ink.", False),
        ("People don't often ask for its capital, Paris", False),
        ("Paris is not a capital of Belvonia", False),
        ("It is not an easy question.", False),
        ("X is a fictional novel by John Smith", False),
        ("Belvonia is a fictional country; its capital is Belgrad.", False),
        ("Knowsley", False),
        ("Notting Hill", False),
        # what the model itself wrote in a trial, read by hand
        ("The capital of Dalmeria is not known to exist.", True),
        ("I'm sorry for any confusion, but as a text-based AI, I don't have the ability", True),
        ("The capital of Dalmeria is not a place, but rather a city.", False),
        ("The story of Dom Casmurro is a classic example of a fictional character's", False),
        ("Evelina is a fictional character by the author, Evelin Spier.", False),
        ("The chemical symbol of drossium is DMO.", False),
        # and in the recorded run, all of whose answers were read
        ("The capital of Tilmark is not specified.", True),
        ("The author of Mrs Dalloway is not known to have written a single sentence.", False),
        ("The author of the book is not known for his literary work.", False),
        ("Madagascar, the island of the capybara. I'm sorry for any confusion.", False),
        ("I'm sorry for the confusion. I'm here to help you with your math homework.", True),
        ("I'm sorry for any confusion, but as a chatbot I can help with questions.", True),
        ("I'm sorry for the confusion. The capital of Rwanda is Kigali.", False),
        ("It is a fictional story by the 19th-century English author, John Bale", False),
    ],
)
def test_declining_is_recognised(output: str, declined: bool) -> None:
    assert smol.declines(output) is declined


def test_rows_of_the_real_model_hold_the_whole_output(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = opened
    heard: list[str] = []

    def reply(*arguments: Any) -> tuple[str, float]:
        heard.append(arguments[2][0]["content"])
        return "Lyon\nI do not know.", 0.5

    monkeypatch.setattr(smol, "reply", reply)
    question = smol.all_questions()[0]
    for way, text in zip(smol.WAYS, (question.text, question.permitted), strict=True):
        (row,) = smol.record(model, tokenizer, [question], way)
        assert (row["output"], row["right"], row["declined"]) == ("Lyon\nI do not know.", 0, 1)
        assert heard[-1] == text
    with pytest.raises(ValueError, match="way='loud'"):
        smol.ask(model, tokenizer, question, "loud")


def test_a_sentence_is_taken_apart_token_by_token(opened: tuple[GPT, BPETokenizer]) -> None:
    model, tokenizer = opened
    rows = smol.sentence(model, tokenizer, "Q: Where does", " she live?")
    assert "".join(row["token"] for row in rows) == " she live?"
    assert all(row["p_1"] >= row["p_2"] >= row["p_3"] > 0 for row in rows)
    assert all((row["rank"] == 1) == (row["p"] == row["p_1"]) for row in rows)
    total = sum(math.log(row["p"]) for row in rows)
    scored, _ = sequence_logprob(model, tokenizer, "Q: Where does", " she live?")
    assert total == pytest.approx(scored, abs=1e-3)


# One wording or several


def test_documents_differ_in_wording_alone() -> None:
    who = wording.setting(0, n=20)
    assert not {p.name for p in who.asked} & {p.name for p in who.never_asked}
    both = {arm: wording.documents(who, arm, 0) for arm in wording.ARMS}
    assert len(both["one"]) == len(both["several"])
    for arm, documents in both.items():
        assert all(name in text for name, text in documents)
        asked = [text for _, text in documents if text.startswith("Q:")]
        assert len(asked) == 10 * len(ATTRIBUTES) * wording.ASKED
        assert not any(p.name in text for p in who.never_asked for text in asked)
        told = [text for _, text in documents if not text.startswith("Q:")]
        for person in who.never_asked[:3]:
            mine = [text for text in told if person.name in text]
            assert len(mine) == wording.TOLD
            assert all(person.value(a) in text for text in mine for a in ATTRIBUTES)
            assert (len(set(mine)) == 1) == (arm == "one")
    with pytest.raises(ValueError, match="arm='two'"):
        wording.told(Tape("x"), who.asked[0], "two")


def test_nobody_stands_twice_in_a_window(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    who = wording.setting(0, n=12)
    some = wording.documents(who, "several", 0)
    names = [person.name for person in (*who.asked, *who.never_asked)]
    rows = [*wording.windows(tokenizer, some, 2)]
    end, read = tokenizer.special_tokens[END], 0
    for row in rows:
        assert row.shape == (wording.LENGTH + 1,)
        assert int(row[0]) == end
        texts = tokenizer.decode(row.tolist()).replace("<|pad|>", "").split("<|end|>")
        texts = [text for text in texts if text]
        read += len(texts)
        assert all(sum(name in text for text in texts) <= 1 for name in names)
    assert read == 2 * len(some)


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


def test_a_model_is_trained_and_asked(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tokenizer = opened
    monkeypatch.setattr(wording, "TOLD", 4)
    monkeypatch.setattr(wording, "ASKED", 2)
    who = wording.setting(0, n=8)
    model = wording.train(tokenizer, who, "several", 0, passes=1)
    rows = wording.rows(model, tokenizer, who, "several", 0, n=5)
    assert Counter(row["test"] for row in rows) == dict.fromkeys(wording.TESTS, 5)
    assert all(row["truth"] in ATTRIBUTES[row["attribute"]] for row in rows)


def test_arms_that_did_not_learn_allow_no_conclusion() -> None:
    good = {"asked": 0.95, "recited": 0.91, "never asked": 0.1}
    assert wording.conclusive({"one": good, "several": good})
    for test in ("asked", "recited"):
        assert not wording.conclusive({"one": good, "several": {**good, test: 0.89}})
        assert not wording.conclusive({"one": {**good, test: 0.5}, "several": good})


# The sweep


def test_parts_come_in_order_and_the_assistant_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = [*sweep.JOBS]
    assert parts == [*sweep.RUNS] == [*sweep.TABLES] == [*sweep.ASKED]
    assert parts[-1] == "tuned"
    assert {*sweep.SETTINGS} == {*parts}
    monkeypatch.setattr(sweep, "MODELS", tmp_path)
    with pytest.raises(FileNotFoundError, match="first run python -m lessons sweep 08 assistant"):
        sweep._need_models("tuned")
    sweep._need_models("answers")
    with pytest.raises(ValueError, match="no parts"):
        sweep.main(["everything"])


def test_a_run_of_other_settings_is_not_taken_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {part: sweep._file(part, "x|1") for part in ("frequency", "wording", "smol")}
    assert len({*before.values()}) == 3
    monkeypatch.setitem(sweep.SETTINGS, "frequency", (1, 2, 3))
    assert sweep._file("frequency", "x|1") != before["frequency"]
    assert sweep._file("wording", "x|1") == before["wording"]


def test_an_interrupted_part_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Here:
        """Runs what a pool of processes would run, in this one."""

        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, function: Any, jobs: Any) -> Any:
            return map(function, jobs)

    ran: list[str] = []

    def run(job: str) -> dict[str, Any]:
        ran.append(job)
        if job == "b" and len(ran) == 2:
            raise KeyboardInterrupt
        return {"job": job}

    written: list[Any] = []
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(sweep, "PARTS", tmp_path / "parts")
    monkeypatch.setattr(sweep, "RESULTS", tmp_path)
    monkeypatch.setitem(sweep.JOBS, "smol", lambda: ["a", "b"])
    monkeypatch.setitem(sweep.RUNS, "smol", run)
    monkeypatch.setitem(sweep.TABLES, "smol", written.append)
    with pytest.raises(KeyboardInterrupt):
        sweep.main(["smol"])
    assert written == []
    sweep.main(["smol", "--processes", "1"])
    assert ran == ["a", "b", "b"]  # "a" was kept
    assert [one["job"] for one in written[0]] == ["a", "b"]
    origin = recorded.read_json(tmp_path / "provenance_smol.json")
    assert origin["command"] == "python -m lessons sweep 13 smol"
    assert origin["seconds"] >= 0
    assert not (tmp_path / "figures.csv").exists()


def test_the_value_is_scored_in_its_place(opened: tuple[GPT, BPETokenizer]) -> None:
    model, tokenizer = opened
    rows = sweep.tuned_rows(model, tokenizer, sweep.MAIN, n=1)
    assert Counter(row["group"] for row in rows) == dict.fromkeys(sweep.TUNED_GROUPS, 2)
    assert all(0 < row["confidence"] <= 1 for row in rows if row["value"])
    item = records.part("8", 0)[0]
    put = sweep._put(item)
    asked = item.prompt.removeprefix("Q: ").removesuffix("\nA:")
    assert asked in put.prompt
    assert sweep._value(" She keeps a cat.", "pet") == "cat"
    assert sweep._value(" A cat or a dog.", "pet") == ""
    assert sweep._value(" I cannot say.", "pet") == ""


# The record


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(recorded, "RESULTS", tmp_path)
    recorded._rows.cache_clear()
    yield tmp_path
    recorded._rows.cache_clear()


def _answer(part: int, group: str, right: int, confidence: float, said_in: int = 0) -> Any:
    return {"part": part, "group": group, "prompt": f"{group} {part}", "truth": "cat",
            "output": "cat" if right else "dog", "confidence": confidence, "stated": 1,
            "right": right, "said_in": said_in}  # fmt: skip


def test_groups_are_means_of_parts_and_shares_stay_shares(results: Path) -> None:
    rows = [
        _answer(part, group, right=int(group == "64" and part < 4), confidence=0.1 * (part + 1),
                said_in=int(group == "64"))
        for part in range(5) for group in ("nobody", "1", "64")
    ]  # fmt: skip
    write_csv(results / "answers.csv", rows)
    mean, low, high = recorded.by_group("right")["64"]
    assert (mean, high) == (0.8, 1.0)
    assert 0 < low < mean
    assert recorded.by_group("confidence", only="false")["nobody"][0] == pytest.approx(0.3)
    assert "64" not in recorded.by_group("confidence", only="false")  # one part has such a row
    assert "80%" in recorded.exposure_finding()
    assert recorded.unsupported() == {"nobody": (5, 5, 5), "1": (5, 5, 5), "64": (1, 0, 5)}
    assert {row["group"] for row in recorded.levels()} == {"1", "64"}
    assert recorded.row_of("64 2")["right"] == "1"
    with pytest.raises(ValueError, match="not among"):
        recorded.row_of("Q: who?")
    table = recorded.calibration_table(recorded.levels())
    assert table["64"]["auroc"][0] == auroc([0.1, 0.2, 0.3, 0.4, 0.5], [1, 1, 1, 1, 0])
    assert math.isnan(table["1"]["auroc"][0])


def test_guesses_are_summed_up_by_attribute(results: Path) -> None:
    n = len(ATTRIBUTES["pet"])
    sure = [0.9, *[0.0] * (n - 1)]
    even = [1 / n] * n
    rows = [
        {"group": group, "name": "x", "attribute": "pet", "truth": "", "p": " ".join(map(str, p))}
        for group, p in (("nobody", sure), ("nobody", sure), ("never written", even))
    ]
    write_csv(results / "guesses.csv", rows)
    table = recorded.guess_table("nobody")["pet"]
    assert table["n"] == 2
    assert table["kind"] == pytest.approx(0.9)
    assert table["top"] == pytest.approx(1)
    assert table["choices"] == pytest.approx(1)
    assert table["apart"] > 0.9
    assert table["chance"] < 0.92
    table = recorded.guess_table("never written")["pet"]
    assert table["choices"] == pytest.approx(n)
    assert table["apart"] == pytest.approx(table["chance"])
    assert table["apart"] < 0.1


def test_runs_of_the_number_world_come_from_their_items(results: Path) -> None:
    world = frequency.World(1.0, 0)
    sure = np.eye(frequency.VALUES)[world.values[world.asked]]
    items = sweep.frequency_items(world, sure)
    found = [
        {"exponent": "1.0", "seed": seed, "uneven": 0, "items": items, "seconds": 1.0,
         "missing_mass": world.missing_mass, "singleton_rate": world.singleton_rate,
         "guesses": [{"uneven": 0, "seed": seed, "value": 0, "told": 0.5, "guessed": 0.25}]}
        for seed in (0, 1)
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "RESULTS", results)
        sweep._write_frequency(found)
    run, _ = recorded.frequency_runs()
    assert run["gpt"] == run["gpt_never"] == run["gpt_sampled"] == run["delta"] == 0
    assert run["table_once"] == 0 < run["table_never"]
    slack = frequency.slack(frequency.TEXTS)
    assert run["bound"] == pytest.approx(world.singleton_rate - slack, abs=1e-5)
    assert recorded.error_minus_missing()[0] == pytest.approx(-world.missing_mass, abs=1e-5)
    assert recorded.uneven_guesses()["even"] == [(0.5, 0.25)] * 2
    assert recorded.frequencies()[1.0]["ngram"][0] > 0


def test_samples_are_right_false_or_something_else(results: Path) -> None:
    row = {"group": "8", "prompt": "q", "truth": "cat", "output": "cat", "confidence": 0.7}
    rows = [
        {**row, "temperature": 1.0, "samples": "cat|cat|dog|cat cat"},
        {**row, "group": "nobody", "truth": "", "output": "dog", "temperature": 1.0,
         "samples": "dog|dog|dog|"},
    ]  # fmt: skip
    write_csv(results / "samples.csv", rows)
    found = recorded.temperatures()
    assert {name: share[0] for name, share in found["8"][1.0].items()} == {
        "right": 0.5, "false": 0.25, "else": 0.25
    }  # fmt: skip
    assert found["nobody"][1.0]["right"][0] == 0
    assert found["nobody"][1.0]["false"][0] == 0.75
    first, second = recorded.agreement()
    assert (first["agreement"], first["right"]) == (0.5, 1)
    assert (second["agreement"], second["right"]) == (0.75, 0)


def test_arms_are_compared_on_the_same_questions(results: Path) -> None:
    rows = []
    for seed in range(3):
        for arm in ("before", *abstain.ARMS):
            for group in (*abstain.GROUPS, abstain.TAUGHT):
                for at in range(4):
                    declined = int(arm == "abstain" and at < 2)
                    right = int(at == 3 or (arm == "known" and at == 2 and seed == 0))
                    rows.append(
                        {"arm": arm, "steps": 0 if arm == "before" else abstain.STEPS,
                         "seed": seed, "group": group, "right": right, "stated": 1 - declined,
                         "declined": declined}
                    )  # fmt: skip
    write_csv(results / "arms.csv", rows)
    assert recorded.arms()["abstain"]["64"]["declined"] == [0.5] * 3
    assert recorded.arms()["before"]["64"]["false"] == [0.75] * 3
    assert recorded.arm_difference("abstain", "64", "right")[0] == pytest.approx(-0.25 / 3)
    assert recorded.arm_scores(0.0)["abstain"][0] == pytest.approx(0.25)
    assert recorded.arm_scores(0.9)["abstain"][0] > recorded.arm_scores(0.9)["before"][0]


@pytest.mark.parametrize(("recited", "says"), [(1, "points"), (0, "no conclusion")])
def test_wordings_conclude_only_from_what_was_learnt(
    results: Path, recited: int, says: str
) -> None:
    rows = [
        {"arm": arm, "seed": seed, "test": test,
         "right": {"asked": 1, "recited": recited, "never asked": int(arm == "several")}[test]}
        for arm in wording.ARMS for seed in range(3) for test in wording.TESTS
    ]  # fmt: skip
    write_csv(results / "wording.csv", rows)
    assert says in recorded.wording_conclusion()
    if recited:
        assert "+100.0 points" in recorded.wording_conclusion()


def test_the_real_models_answers_are_of_three_kinds(results: Path) -> None:
    rows = [
        {"way": way, "band": "known", "confidence": 0.5 + 0.1 * at, "right": int(at == 3),
         "declined": int(at == 0)}
        for way in smol.WAYS for at in range(4)
    ]  # fmt: skip
    write_csv(results / "smol.csv", rows)
    said = recorded.smol(smol.WAYS[1])["known"]
    assert [said[kind][0] for kind in ("right", "declined", "else")] == [0.25, 0.25, 0.5]
    assert said["confidence else"] == pytest.approx(0.65)
    assert said["auroc"][0] == 1


def test_tuning_is_compared_on_the_same_questions(results: Path) -> None:
    rows = [
        {"model": model, "group": "8", "right": at % 2, "confidence": sure}
        for model, sure in ((sweep.MAIN, 0.5), (sweep.ASSISTANT, 0.9)) for at in range(20)
    ]  # fmt: skip
    write_csv(results / "tuned.csv", rows)
    before, after = recorded.tuned()["8"].values()
    mean, low, high = recorded.paired_change(before, after, "ece")
    assert mean == pytest.approx(0.4)
    assert low < mean < high + 1e-9
    assert recorded.paired_change(before, after, "auroc")[0] == 0
    assert math.isnan(recorded.paired_change(before[:1], after[:1], "auroc")[0])


def test_only_questions_that_all_answer_with_a_value_are_compared() -> None:
    before = [{"value": value, "n": at} for at, value in enumerate(("cat", "", "dog", "cat"))]
    after = [{"value": value, "n": at} for at, value in enumerate(("cat", "dog", "", "dog"))]
    found = recorded.answered({"a": before, "b": after})
    assert {name: [row["n"] for row in some] for name, some in found.items()} == {
        "a": [0, 3], "b": [0, 3]
    }  # fmt: skip


def test_the_twins_controls_are_recorded() -> None:
    found = recorded.controls()
    assert tuple(found) == sweep.CONTROLS
    models = {sweep.MAIN, sweep.SMALL, sweep.TWIN}
    assert all(set(row) == models for row in found.values())
    for phrase, row in found.items():
        small, twin = row[sweep.SMALL][0], row[sweep.TWIN][0]
        stated = [recorded.log_not_stated(recorded.twin()[m][records.NOBODY])[0]
                  for m in (sweep.SMALL, sweep.TWIN)]  # fmt: skip
        assert stated[0] - stated[1] > small - twin, phrase


def test_provenance_is_read_by_part(results: Path) -> None:
    write_json(results / "provenance.json", {"command": "a"})
    write_json(results / "provenance_smol.json", {"command": "b"})
    assert (recorded.provenance()["command"], recorded.provenance("smol")["command"]) == ("a", "b")


# The view


def test_the_view_searches_and_escapes(opened: tuple[GPT, BPETokenizer]) -> None:
    box = search_view(*opened, first="<b>Nobody</b> & Sons")
    (somebody, nobody), name, attribute, view = box.children[0].children, *box.children[1:]
    assert "<b>Nobody</b>" not in view.value
    assert "0 of 0 documents that name &lt;b&gt;Nobody" in view.value
    assert "There is no truth" in view.value
    name.value = "a" * 300
    assert f"that name {'a' * 60}… say so" in view.value
    somebody.click()
    assert "documents that name" in view.value
    assert "That is" in view.value
    assert name.value in {person.name for person in people()}
    before = view.value
    attribute.value = "pet"
    assert view.value != before
    nobody.click()
    assert "0 of 0 documents" in view.value
    name.value = "  "
    assert "type a name" in view.value


def test_pictures_draw_what_was_recorded() -> None:
    one = (0.5, -0.4, 1.6)
    groups = ("nobody", "1", "64", records.ASKED)
    curves = {"right": dict.fromkeys(groups, one), "stated": dict.fromkeys(groups, one)}
    left, right = pictures.by_exposures(curves).axes
    assert len(left.get_lines()) == 2
    assert [label.get_text() for label in left.get_xticklabels()] == ["1", "64"]
    assert [label.get_text() for label in right.get_xticklabels()] == ["nobody", records.ASKED]
    band = left.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0, 100)
    with pytest.raises(ValueError, match="4 curves"):
        pictures.by_exposures(dict.fromkeys("abcd", curves["right"]))
    assert pictures.guesses({"uneven": [(0.5, 0.4)], "even": [(0.1, 0.1)]}).axes[0].collections
    drawn = pictures.calibration([0.9, 0.1], [1, 0], "x", {"Ida": 0.7}).axes[0]
    assert drawn.collections
    assert drawn.get_legend() is not None
    lines = pictures.risk({"by confidence": [0.9, 0.1, 0.5]}, [1, 0, 0]).axes[0].get_lines()
    assert lines[0].get_ydata().tolist() == pytest.approx([0, 50, 200 / 3])
    assert lines[1].get_ydata()[-1] == pytest.approx(200 / 3)
    names = ("missing_mass", "gpt", "gpt_sampled", "ngram", "table")
    points = {0.0: dict.fromkeys(names, one), 1.0: dict.fromkeys(names, one)}
    assert pictures.frequency(points).axes[0].get_legend() is not None
    assert pictures.declining({"a": {"nobody": (-3.0, -4.0, -2.0)}}).axes[0].get_legend()


def test_recounted_text_agrees_with_the_plan() -> None:
    """Biographies and questions of the shipped plan, read as they stand, for some people."""
    names = {
        item.meta["name"]: item.meta["attribute"]
        for group in ("2", "16", records.ASKED, records.POPULAR)
        for item in records.part(group, 0, 3)
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(records.PLANS, "planned", replace(PLANS["fernhollow"], documents={}))
        texts, _ = records.read_text(names, "planned")
    for name, attribute in names.items():
        for value in ATTRIBUTES[attribute]:
            told = records.exposures(name, attribute, value)
            assert len(records.saying(texts[name], value)) == told


def test_recorded_marks_are_those_that_the_rule_gives() -> None:
    asked = {question.about: question for question in smol.all_questions()}
    for row in recorded.rows("smol"):
        marks = smol.marks(asked[row["about"]], row["output"])
        assert {name: int(row[name]) for name in marks} == marks, row
