"""Lesson 09: prompts and their labels, absent tasks, heads that look up, chains, SmolLM2."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch

from lessons.claims import read_rules
from lessons.l09_few_shot import (
    absent,
    deeper,
    diversity,
    induction,
    pictures,
    recorded,
    shots,
    smol,
    sweep,
)
from lessons.l09_few_shot.widget import shot_view
from lessons.sweeps import read_json, write_csv, write_json
from lessons.world.corpus import encode
from lessons.world.tasks import by_example, functions, mappings, markov, sentiment, topic
from minigpt import GPT, BPETokenizer
from minigpt.probes import induction_scores, repeated_tokens

LABELLED = ("reviews", "topics", shots.FOREIGN)


def pairs_of(item) -> list[tuple[str, str]]:
    """The examples of a prompt."""
    return item.meta["pairs"]


# Prompts


@pytest.mark.parametrize("kind", shots.KINDS)
@pytest.mark.parametrize("k", shots.SHOTS)
def test_a_prompt_holds_k_examples_and_ends_where_its_answer_begins(kind: str, k: int) -> None:
    for item in shots.items(kind, k, "gold", 5, seed=1):
        assert len(pairs_of(item)) == k == item.meta["k"]
        assert item.prompt.endswith(("->", "is", "Sentiment:", "Topic:"))
        assert item.answer.startswith(" ")
        assert item.meta["shown"] == (item.answer if k else "")
        assert item.meta["kept"] == 1
        for given, answer in pairs_of(item):
            assert given in item.prompt
            assert f"{answer} ;" in item.prompt or f" {answer}\n\n" in item.prompt


def test_prompts_are_written_as_training_documents_are() -> None:
    (item,) = shots.items("trained function", 2, "gold", 1, seed=1)
    assert item.prompt == by_example.prompt(pairs_of(item), item.meta["query"])
    (item,) = shots.items("reviews", 2, "gold", 1, seed=1)
    (one, label), (two, other) = pairs_of(item)
    asked = item.meta["query"]
    assert item.prompt == (
        f"Review: {one}\nSentiment: {label}\n\nReview: {two}\nSentiment: {other}\n\n"
        f"Review: {asked}\nSentiment:"
    )
    assert sentiment.ASKED[0].format(text=asked) == f"Review: {asked}\nSentiment:"
    assert topic.ASKED[0].format(text="x") == "Text: x\nTopic:"
    (item,) = shots.items("invented values", 2, "gold", 1, seed=1)
    assert item.prompt.startswith(mappings.document_of(pairs_of(item)))


@pytest.mark.parametrize("kind", shots.KINDS)
def test_queries_are_the_same_for_every_k_and_examples_are_nested(kind: str) -> None:
    """So that the gain from 0 to 16 examples is paired."""
    found = {k: shots.items(kind, k, "gold", 6, seed=2) for k in shots.SHOTS}
    for items in zip(*found.values(), strict=True):
        assert len({(item.meta["query"], item.answer) for item in items}) == 1
        for fewer, more in pairwise(items):
            assert not Counter(pairs_of(fewer)) - Counter(pairs_of(more))


@pytest.mark.parametrize("kind", shots.KINDS)
@pytest.mark.parametrize("k", [2, 4, 8, 16])
def test_modes_change_labels_and_nothing_else(kind: str, k: int) -> None:
    found = {mode: shots.items(kind, k, mode, 10, seed=2) for mode in shots.MODES}
    assert found["gold"] == shots.items(kind, k, "gold", 10, seed=2)
    for one, two, three in zip(*found.values(), strict=True):
        assert one.answer == two.answer == three.answer
        words = [[word for word, _ in pairs_of(item)] for item in (one, two, three)]
        assert words[0] == words[1] == words[2]
        assert two.meta["shown"] == ""
        assert one.meta["kept"] == 1
    kept = sum(item.meta["kept"] for item in found["shuffled"]) / 10
    assert kept == 0.5 if kind in ("reviews", shots.FOREIGN) else kept < 0.2


@pytest.mark.parametrize(
    "kind", ["trained function", "untrained function", "topics", "invented values"]
)
def test_shuffled_labels_are_the_same_ones_dealt_anew(kind: str) -> None:
    gold, dealt = (shots.items(kind, 8, mode, 10, seed=3) for mode in ("gold", "shuffled"))
    for one, two in zip(gold, dealt, strict=True):
        mine, other = ([answer for _, answer in pairs_of(item)] for item in (one, two))
        assert Counter(mine) == Counter(other)


@pytest.mark.parametrize("k", [2, 4, 8, 16])
def test_of_two_labels_half_are_wrong_so_that_none_tells(k: int) -> None:
    gold, dealt = (shots.items("reviews", k, mode, 20, seed=3) for mode in ("gold", "shuffled"))
    for one, two in zip(gold, dealt, strict=True):
        labels = [label for _, label in pairs_of(one)]
        assert Counter(labels) == dict.fromkeys(sentiment.LABELS, k // 2)
        right = Counter(
            label
            for (_, label), (_, shown) in zip(pairs_of(one), pairs_of(two), strict=True)
            if label == shown
        )
        assert right.total() == k // 2
        if k > 2:
            assert right == dict.fromkeys(sentiment.LABELS, k // 4)


def test_eight_topics_are_shown_once_each_and_one_text_never_twice() -> None:
    for item in shots.items("topics", 8, "gold", 10, seed=3):
        assert Counter(label for _, label in pairs_of(item)) == dict.fromkeys(topic.TOPICS, 1)
    for kind in LABELLED:
        for item in shots.items(kind, 16, "gold", 10, seed=3):
            texts = [text for text, _ in pairs_of(item)]
            assert len({*texts, item.meta["query"]}) == 17


@pytest.mark.parametrize("kind", shots.KINDS)
def test_sixteen_examples_and_the_answer_fit_the_context(
    kind: str, opened: tuple[GPT, BPETokenizer]
) -> None:
    model, tokenizer = opened
    for item in shots.items(kind, 16, "gold", 30, seed=30):
        room = len(encode(tokenizer, item.answer)) + 8
        assert 1 + len(encode(tokenizer, item.prompt)) + room <= model.config.block_size


def test_permuted_labels_follow_one_other_rule() -> None:
    for item in shots.items("trained function", 8, "permuted", 10, seed=4):
        rules = [
            name
            for name in shots.LETTERS
            if all(functions.FUNCTIONS[name].apply(w) == a for w, a in pairs_of(item))
        ]
        assert rules
        assert item.meta["function"] not in rules
        query, word = item.meta["query"], item.meta["shown"].strip()
        assert word in [functions.FUNCTIONS[name].apply(query) for name in rules]
    for item in shots.items("invented values", 8, "permuted", 10, seed=4):
        assert item.meta["shown"].strip() == dict(pairs_of(item))[item.meta["query"]]
        assert item.meta["shown"] != item.answer
    for item in shots.items("reviews", 4, "permuted", 10, seed=4):
        assert {item.answer.strip(), item.meta["shown"].strip()} == set(sentiment.LABELS)
    for item in shots.items("topics", 16, "permuted", 10, seed=4):
        assert item.meta["shown"].strip() in {*topic.TOPICS} - {item.answer.strip()}
    for item in shots.items("topics", 2, "permuted", 20, seed=4):
        told = {label for _, label in pairs_of(item)}
        assert item.meta["shown"].strip() in told | {""}  # where the examples tell nothing of it


def test_untrained_functions_are_in_no_training_document_and_keys_differ() -> None:
    names = {item.meta["function"] for item in shots.items("untrained function", 2, "gold", 60, 1)}
    assert names == set(shots.UNTRAINED)
    assert not any(functions.FUNCTIONS[name].trained for name in names)


@pytest.mark.parametrize("k", [1, 2, 4, 8, 16])
def test_eight_invented_keys_at_every_k(k: int) -> None:
    """Or k would change the number of keys with the number of examples."""
    for item in shots.items("invented values", k, "gold", 10, 1):
        told = pairs_of(item)
        assert len(dict(told)) == min(k, shots.KEYS_TOLD)
        assert all(count == max(1, k // shots.KEYS_TOLD) for count in Counter(told).values())
        assert dict(told)[item.meta["query"]] == item.answer.strip()
        assert set(dict(told)) <= set(mappings.KEYS)
    if k > 1:
        gold, dealt = (
            [item.prompt for item in shots.items("invented values", k, mode, 20, 1)]
            for mode in ("gold", "shuffled")
        )
        assert not set(gold) & set(dealt)


@pytest.mark.parametrize(
    ("kind", "mode", "words"), [("x", "gold", "kind='x'"), ("reviews", "y", "mode='y'")]
)
def test_other_kinds_and_modes_are_named(kind: str, mode: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shots.items(kind, 4, mode, 1, 1)


def test_reordered_examples_are_the_same_ones() -> None:
    for kind in shots.KINDS:
        item = shots.items(kind, 4, "gold", 1, 1)[0]
        others = [shots.reordered(item, seed) for seed in range(6)]
        assert len({other.prompt for other in others}) > 2
        for other in others:
            assert sorted(pairs_of(other)) == sorted(pairs_of(item))
            assert other.prompt.endswith(item.prompt[-8:])


def test_one_item_in_other_forms() -> None:
    item = shots.items("reviews", 2, "gold", 1, 1)[0]
    (one, label), *_ = pairs_of(item)
    arrow, lines = (shots.rebuilt(item, form=form) for form in ("->", "Input, Output"))
    assert arrow.prompt.startswith(f"Examples: {one} -> {label} ;")
    assert lines.prompt.startswith(f"Input: {one}\nOutput: {label}\n\n")
    assert (arrow.stop, lines.stop) == (" ;", "\n")
    assert arrow.answer == lines.answer == item.answer


def test_scores_count_what_is_right_and_what_follows_the_examples(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = shots.items("invented values", 8, "permuted", 4, 1)
    said = [some[0].answer, some[1].meta["shown"], " nonsense", some[3].meta["shown"]]
    monkeypatch.setattr(shots.evaluate, "answers", lambda *_: said)
    assert shots.score(*opened, some) == {"right": 0.25, "follows": 0.5, "kept": 0.0}


def test_an_answer_ends_where_the_next_line_or_example_begins() -> None:
    """The model goes on as its training documents do: that is not wrong."""
    assert shots.said(" bad\ndinner: bad") == shots.said(" bad ; x -> good") == "bad"
    assert shots.said(" n e d ") == "n e d"


# Absent tasks


def test_absent_tasks_are_paraphrased_with_their_words() -> None:
    some = absent.named(20, 1)
    other = absent.paraphrased(some)
    assert Counter(i.meta["function"] == "third letter" for i in some) == {True: 20, False: 20}
    for one, two in zip(some, other, strict=True):
        assert one.answer == two.answer
        assert one.prompt != two.prompt
        assert two.prompt.startswith(("From ", "Now "))
    third = [item for item in some if item.meta["function"] == "third letter"]
    assert 0.1 < absent.prior(third) < 0.4  # a letter of the word at random
    assert 0 < absent.prior(some) < 0.25
    for item in some:  # no trained function gives the answer: a guess of that kind would be 0
        assert by_example.prior_guess(item.meta["word"]) != item.answer.strip()


def test_sixteen_third_letters_are_shown() -> None:
    some = absent.third_letter_shown(5, 1)
    for item in some:
        body = item.prompt.split(":", 1)[1]
        pairs = [part.strip().split(" -> ") for part in body.split(" ;")[:-1]]
        assert len(pairs) == 16
        assert all(word.replace(" ", "")[2] == answer for word, answer in pairs)
    assert absent.prior(some, by_example) > 0.1


# Heads


def test_heads_are_ranked_and_random_sets_leave_them_out(opened: tuple[GPT, BPETokenizer]) -> None:
    scores = torch.tensor([[0.1, 0.9], [0.5, 0.2]])
    assert induction.ranked(scores) == [(0, 1), (1, 0), (1, 1), (0, 0)]
    model, _ = opened
    top = [(2, 0), (3, 1)]
    for same_layers in (True, False):
        sets = induction.random_sets(model, top, 10, seed=1, same_layers=same_layers)
        assert sets == induction.random_sets(model, top, 10, seed=1, same_layers=same_layers)
        assert len({frozenset(heads) for heads in sets}) == 10
        for heads in sets:
            assert len({*heads}) == len(top)
            assert not {*heads} & {*top}
        layers = {layer for heads in sets for layer, _ in heads}
        assert (layers == {2, 3}) == same_layers
    with pytest.raises(ValueError, match="fewer than 100 sets of 2"):
        induction.random_sets(model, top, 100, seed=1)


def test_silenced_heads_are_those_that_look_at_the_value(
    large: tuple[GPT, BPETokenizer],
) -> None:
    """The shipped model looks up, with one head, which the score on random tokens does not find."""
    model, tokenizer = large
    assert induction.scores(model, tokenizer).max() < 0.1
    scores = induction.lookup_scores(model, tokenizer)
    assert scores.shape == (model.config.n_layer, model.config.n_head)
    assert (scores > 0.5).sum() == induction.SILENCED
    top = induction.lookup_heads(model, tokenizer)
    assert top == induction.ranked(scores)[: induction.SILENCED]
    other = induction.ranked(induction.lookup_scores(model, tokenizer, seed=1))
    assert top == other[: induction.SILENCED]


def test_silencing_heads_that_look_up_costs_more_than_others(
    large: tuple[GPT, BPETokenizer],
) -> None:
    model, tokenizer = large
    some = shots.items("invented values", 16, "gold", 20, 1)
    top = induction.lookup_heads(model, tokenizer)

    def right() -> float:
        return shots.score(model, tokenizer, some)["right"]

    found = induction.silence(model, right, top, seed=1, n_sets=2)
    assert set(found) == {"none", "top", "others", "worst_others", "any_layer"}
    assert found["top"] < 0.5 < found["worst_others"] <= found["others"]
    assert found["none"] > 0.9


def test_a_piece_stands_twice_and_can_be_known_from_its_second_token_on() -> None:
    some = induction.repeats(3, n=50)
    for ids, again, length, known in zip(
        some.ids, some.again.tolist(), some.length.tolist(), some.known(), strict=True
    ):
        assert again + length <= induction.LENGTH
        piece = ids[again : again + length]
        assert torch.equal(piece, ids[again - length : again])
        assert len({*piece.tolist()}) == length  # one place only can be meant
        outside = {*ids[: again - length].tolist(), *ids[again + length :].tolist()}
        assert not outside & {*piece.tolist()}
        assert known.nonzero().flatten().tolist() == list(range(again, again + length - 1))
    assert len({*(some.again - some.length).tolist()}) > 3
    assert len({*some.length.tolist()}) > 5
    x, y = induction.batch(0)
    assert ((y != -100) == induction.repeats(1_000_003).known()).all()
    assert torch.equal(y[y != -100], induction.repeats(1_000_003).ids[:, 1:][y != -100])
    assert x.shape == y.shape


def test_a_head_that_looks_up_scores_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map made by hand: each place attends to what followed the same token."""

    def by_hand(model: object, ids: torch.Tensor) -> torch.Tensor:
        some = induction.repeats(98, 64)
        maps = torch.zeros(1, 64, 2, induction.LENGTH, induction.LENGTH)
        for row, length in enumerate(some.length.tolist()):
            for at in range(length, induction.LENGTH):
                maps[0, row, 1, at, at + 1 - length] = 1.0
                maps[0, row, 0, at, at - length] = 1.0
        return maps

    monkeypatch.setattr(induction, "attention_maps", by_hand)
    assert induction.looks_up(None) == pytest.approx(1.0)


def test_a_few_steps_teach_nothing_and_places_have_losses() -> None:
    model = induction.train(2, seed=0, steps=5)
    assert 0 <= induction.copied(model) < 0.3
    losses = induction.loss_by_place(model)
    assert losses.shape == (induction.AROUND[1] - induction.AROUND[0],)
    assert losses.isfinite().all()
    assert 0 <= induction.looks_up(model) <= 1


def test_a_birth_begins_untrained_and_watching_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(induction, "BIRTH_STEPS", (0, 2, 4))
    rows = induction.birth(1, seed=3, steps=4)
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert rows[0]["copied"] < 0.1  # chance is 1 in 64
    assert rows[-1]["copied"] == induction.copied(induction.train(1, seed=3, steps=4))
    assert induction.BIRTH_STEPS[0] == 0


@pytest.mark.slow
def test_two_layers_learn_to_look_up_and_one_does_not() -> None:
    """The live recipe, on a seed that is not recorded."""
    two, one = (induction.train(n, seed=83) for n in (2, 1))
    assert induction.copied(two) > 0.9 > 0.4 > induction.copied(one)
    assert induction.looks_up(two) > 0.6
    assert induction_scores(two, repeated_tokens(two, length=12)).max() > 0.5


# Chains


def test_documents_follow_their_chains() -> None:
    matrices = diversity.chains(1, seed=0)
    symbols = diversity.documents(matrices, 400, np.random.default_rng(0))
    counts = np.zeros((4, 4))
    np.add.at(counts, (symbols[:, :-1].ravel(), symbols[:, 1:].ravel()), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), matrices[0], atol=0.03)


def test_who_knows_the_chains_by_heart_finds_out_which_it_is() -> None:
    known = diversity.chains(8, seed=1)
    generator = np.random.default_rng(2)
    (symbols,) = diversity.documents(known[3:4], 1, generator)
    expected = diversity.by_heart(symbols, known)
    assert expected.shape == (diversity.LENGTH - 1, 4)
    np.testing.assert_allclose(expected.sum(1), 1)
    np.testing.assert_allclose(expected[-1], known[3][symbols[-2]], atol=0.02)
    np.testing.assert_allclose(expected[0], known[:, symbols[0]].mean(0))


def test_divergence_of_an_untrained_model_is_above_both_readers() -> None:
    known = diversity.chains(4, seed=0)
    model = diversity.train(4, seed=0, steps=2)
    found = diversity.divergence(model, known, known, seed=0, n=5)
    assert found["by heart"] < found["counting"] < found["model"]


def test_new_chains_are_not_the_trained_ones() -> None:
    found = diversity.both(diversity.train(2, seed=0, steps=2), 2, seed=0, n=4)
    assert set(found) == {"trained chains", "new chains"}
    assert found["trained chains"]["by heart"] < 0.05 < found["new chains"]["by heart"]


def test_windows_of_symbols_read_do_not_overlap_and_end_with_the_chain() -> None:
    ends = [end for _, end in deeper.WINDOWS]
    assert [first for first, _ in deeper.WINDOWS] == [1, *(end + 1 for end in ends[:-1])]
    assert ends[-1] == deeper.LENGTH - 1
    symbols = deeper.chain(0)
    assert len(symbols) == deeper.LENGTH
    best = markov.optimal(symbols)
    assert deeper.divergence(best, best) == pytest.approx(0)
    assert (deeper.divergence(best, markov.uniform(symbols)) >= -1e-12).all()


def test_a_chains_rows_are_one_for_each_chain(opened: tuple[GPT, BPETokenizer]) -> None:
    rows = deeper.markov_rows(*opened, n=2)
    assert len(rows) == 2 * 2 * len(deeper.WINDOWS)
    assert {row["chain"] for row in rows} == {0, 1}
    rows = deeper.plateau_rows(*opened, n=3)
    assert len(rows) == 3
    assert set(rows[0]) == {"chain", *deeper.PREDICTORS}


def test_a_head_that_looks_up_chains_scores_one(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two maps made by hand: to what followed the same symbol last time, and to all alike."""
    _, tokenizer = opened

    def by_hand(model: object, ids: torch.Tensor) -> torch.Tensor:
        length = ids.size(1)
        maps = torch.zeros(1, 1, 2, length, length)
        tokens = ids[0].tolist()
        for at in range(length):
            maps[0, 0, 1, at, : at + 1] = 1 / (at + 1)
            before = [place for place in range(at) if tokens[place] == tokens[at]]
            maps[0, 0, 0, at, before[-1] + 1 if before else 0] = 1.0
        return maps

    monkeypatch.setattr(deeper, "attention_maps", by_hand)
    found = deeper.chain_lookup(None, tokenizer, n=2)
    assert found["highest"] == pytest.approx(1)
    monkeypatch.setattr(deeper, "attention_maps", lambda *given: by_hand(*given)[:, :, 1:])
    evenly = deeper.chain_lookup(None, tokenizer, n=2)
    assert evenly["highest"] == pytest.approx(evenly["even"], rel=1e-3)
    assert 0.15 < evenly["even"] < 0.6


# How frail


def test_a_prompt_without_content_keeps_its_examples() -> None:
    item = shots.items(shots.FOREIGN, 4, "gold", 1, 1)[0]
    texts = deeper.without_content(item)
    assert len({*texts}) == len(deeper.CONTENT_FREE)
    for text in texts:
        assert text.startswith(item.prompt.rpartition(";")[0])
        assert text.endswith("->")
        assert item.meta["query"] not in text
        assert "  " not in text  # no query leaves no blank


def test_orders_and_wordings_count_the_same_items(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's habit of going on after a label is one answer, not several."""
    said = iter([" bad\ndinner: bad", " bad\nbed: good"] * 1000)
    monkeypatch.setattr(deeper.evaluate, "answers", lambda m, t, some: [next(said) for _ in some])
    rows = deeper.orders(*opened, "reviews", n=3)
    assert [row["different"] for row in rows] == [1, 1, 1]
    assert {row["right"] for row in rows} <= {0, deeper.ORDERS}
    rows = deeper.wordings(*opened, "reviews", n=3)
    assert Counter(row["form"] for row in rows) == dict.fromkeys(deeper.WORDINGS["reviews"], 3)
    for number in range(3):
        assert len({row["right"] for row in rows if row["item"] == number}) == 1


def test_corrected_labels_are_of_the_same_prompts(opened: tuple[GPT, BPETokenizer]) -> None:
    rows = deeper.calibrated(*opened, n=4)
    assert [row["item"] for row in rows] == [0, 1, 2, 3]
    assert all(0 < row["good_of_nothing"] < 1 for row in rows)
    assert {row["last_example"] for row in rows} <= set(sentiment.LABELS)


# SmolLM2's tasks


def test_shuffled_prompts_have_the_same_examples() -> None:
    gold, dealt = (smol.prompts("past tense", 8, 5, 1, shuffled=s) for s in (False, True))
    for (one, answer), (two, same) in zip(gold, dealt, strict=True):
        assert answer == same
        verbs = [[line.split(" -> ")[0] for line in text.split("\n")] for text in (one, two)]
        assert verbs[0] == verbs[1]
        assert one != two


@pytest.mark.parametrize("task", smol.TASKS)
def test_two_hundred_examples_and_no_prompt_shows_its_query(task: str) -> None:
    every = smol.examples(task)
    assert len(every) == len(dict(every)) == 200
    for k in smol.SHOTS:
        for prompt, answer in smol.prompts(task, k, 20, seed=1):
            instruction, *lines = prompt.split("\n")
            assert instruction == smol.ASKED[task]
            assert len(lines) == k + 1
            query = lines[-1].removesuffix(" ->")
            assert dict(every)[query] == answer
            assert query not in "\n".join(lines[:-1])
    with pytest.raises(ValueError, match="task='x'"):
        smol.examples("x")


def test_a_hundred_sentences_half_of_them_pleased() -> None:
    every = smol.examples("remarks")
    assert len({smol.group("remarks", remark) for remark, _ in every}) == 100
    assert Counter(label for _, label in every) == dict.fromkeys(smol.LABELS, 100)
    assert len({smol.group("past tense", verb) for verb, _ in smol.examples("past tense")}) == 200
    assert smol.baseline("past tense") == 0.48


def test_shuffled_remarks_have_half_of_their_labels_wrong() -> None:
    truth = dict(smol.examples("remarks"))
    for k in (4, 8):
        for some in smol.shown("remarks", k, 20, 1, shuffled=True):
            right = Counter(label for remark, label in some if truth[remark] == label)
            assert right == dict.fromkeys(smol.LABELS, k // 4)


def test_a_row_for_each_prompt_and_no_weights_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smol, "output", lambda *given: "pleased")
    rows = smol.rows(None, None, "remarks", 4, "gold", 10, seed=30)
    assert [row["item"] for row in rows] == [*range(10)]
    assert [row["asked"] for row in rows] == [
        query for query, _ in smol.queries("remarks", 30)[:10]
    ]
    assert all(row["right"] == (row["answer"] == "pleased") for row in rows)


@pytest.mark.slow
def test_a_stand_in_has_heads_and_answers(large: tuple[GPT, BPETokenizer], monkeypatch) -> None:
    """The measures of SmolLM2 on the shipped model, which has few heads."""
    model, tokenizer = large
    monkeypatch.setattr(smol, "HEADS", 2)
    monkeypatch.setattr(smol, "SETS", 2)
    monkeypatch.setattr(smol, "words_of", lambda t: induction.ordinary(t))
    found = smol.heads(model, tokenizer, 3, seed=1)
    assert set(found["loss"]) == set(found["right"]) == {"none", "top", "others"}
    json.dumps(found)


# The record


def test_every_figure_of_a_rule_is_computed_by_the_sweep() -> None:
    seed = 30
    curves = [
        {"kind": kind, "k": k, "mode": mode, "seed": seed, "right": 0.5}
        for kind in shots.KINDS for k in shots.SHOTS for mode in shots.MODES
    ]  # fmt: skip
    tasks = [absent.NAMED, absent.PARAPHRASED, *absent.SPLITS, absent.SHOWN]
    tasks += [name + absent.REWORDED_SUFFIX for name in absent.REWORDED]
    zero = [{"seed": seed, "task": task, "right": 0.6, "best": 0.5} for task in tasks]
    zero.append({"seed": seed, "task": absent.HALF, "right": 0.6, "best": ""})
    heads = [
        {"seed": seed, "task": "invented values", "silenced": name, "right": right}
        for name, right in (("top", 0.1), ("others", 0.9))
    ]
    rows = sweep._figures({"curves": curves, "zero_shot": zero, "heads": heads}, seed)
    found = {(row["claim"], row["figure"]): row["value"] for row in rows}
    rules = read_rules()
    for claim in ("unprogrammed", "zero-shot", "few-shot"):
        needed = {(claim, condition.figure) for condition in rules[claim].conditions}
        assert needed <= found.keys()
    assert found["few-shot", "lookup_minus_random"] == pytest.approx(0.8)
    assert found["unprogrammed", "families_above_best"] == 1


def test_a_sweep_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    write_json(tmp_path / "done.json", {"rows": [], "seconds": 1.0})
    jobs = sweep.core_jobs()
    assert len(jobs) == len(sweep.SEEDS) * (2 + len(shots.KINDS)) + 10 + 1
    done = {tmp_path / "done.json": jobs["birth-1-0"]}
    sweep._run_missing(done, 1)  # nothing to do: nothing is started
    assert sweep._run(tmp_path / "new.json", lambda: {"rows": [1]}) >= 0
    assert read_json(tmp_path / "new.json")["rows"] == [1]
    assert len(sweep.smol_jobs()) == 2 * 6 + 1
    assert len(sweep.deeper_jobs()) == 2 + 3 + 3 + 8 + 3 * len(diversity.NUMBERS)


def test_draws_that_silence_different_heads_are_refused() -> None:
    found = {"heads-30": {"heads": [[5, 0]]}, "heads-31": {"heads": [[4, 3]]}}
    with pytest.raises(ValueError, match="different heads"):
        sweep.core_tables(found)


def test_what_is_recorded_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "RESULTS", tmp_path)
    rows = [
        {"task": "remarks", "k": 4, "mode": mode, "item": at, "asked": asked, "answer": answer,
         "output": "pleased", "right": int(answer == "pleased" and mode == "gold")}
        for mode in ("gold", "shuffled")
        for at, (asked, answer) in enumerate(smol.queries("remarks", 30)[:40])
    ]  # fmt: skip
    write_csv(tmp_path / "smol.csv", rows)
    share, low, high = recorded.smol_share("remarks", 4)
    assert low < share < high
    assert recorded.smol_shuffling("remarks", 4)[0] == share
    assert len(recorded.smol_failures("remarks", 4)) == 5
    write_csv(
        tmp_path / "zero_shot.csv",
        [{"seed": 30, "task": absent.HALF, "right": 0.2, "best": ""},
         {"seed": 30, "task": "sums" + absent.REWORDED_SUFFIX, "right": 0.2, "best": 0.1}],
    )  # fmt: skip
    assert recorded.zero_shot()[absent.HALF][1] is None
    assert recorded.reworded_above() == (1, 1)


@pytest.mark.parametrize(
    ("model", "expected"), [((0.5, 0.4, 0.05), 64), ((0.5, 0.05, 0.5), None), ((0.05,) * 3, 1)]
)
def test_from_how_many_chains_on_it_counts(
    model: tuple[float, ...], expected: int | None, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(recorded, "RESULTS", tmp_path)
    rows = [
        {"chains": n, "seed": 0, "where": "new chains", "model": kl, "counting": 0.05,
         "by heart": 0.5}
        for n, kl in zip((1, 8, 64), model, strict=True)
    ]  # fmt: skip
    write_csv(tmp_path / "diversity.csv", rows)
    assert recorded.counts_from() == expected


def test_pictures_of_chains_have_no_decades_below_a_hundredth() -> None:
    curve = dict.fromkeys((1, 4, 16), (1e-8, -0.01, 0.02))
    found = {"new chains": {"model": curve, "counting": curve}}
    fig = pictures.by_chains(found)
    low, high = fig.axes[0].get_ylim()
    assert (low, high) == (pytest.approx(0.009), pytest.approx(3))
    fig.canvas.draw()


# The view


def test_the_view_follows_its_controls_and_escapes(opened: tuple[GPT, BPETokenizer]) -> None:
    box = shot_view(*opened)
    kind, k, mode, number, view = box.children
    assert isinstance(view, ipywidgets.HTML)
    before = view.value
    assert "-&gt;" in before
    assert "<b>" in before
    for control, value in ((mode, "permuted"), (k, 0), (number, 3), (kind, "invented values")):
        control.value = value
        assert view.value != before
        before = view.value
