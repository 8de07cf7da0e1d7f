"""Lesson 09: prompts and their labels, absent tasks, induction heads, chains, SmolLM2's tasks."""

from __future__ import annotations

import re
from collections import Counter

import ipywidgets
import numpy as np
import pytest
import torch

from lessons.l09_few_shot import absent, deeper, diversity, induction, shots, smol
from lessons.l09_few_shot.widget import shot_view
from lessons.world.tasks import functions, mappings, sentiment
from minigpt import GPT, BPETokenizer


def pairs_of(item) -> list[tuple[str, str]]:
    """The examples of a prompt."""
    arrow = "->" if "->" in item.prompt else "is"
    body = item.prompt.split(":", 1)[1]
    parts = re.split(r" ; ?", body)[:-1]
    return [tuple(part.strip() for part in part.split(f" {arrow} ")) for part in parts]


# Prompts


@pytest.mark.parametrize("kind", shots.KINDS)
@pytest.mark.parametrize("k", shots.SHOTS)
def test_a_prompt_holds_k_examples_and_ends_where_its_answer_begins(kind: str, k: int) -> None:
    for item in shots.items(kind, k, "gold", 5, seed=1):
        assert len(pairs_of(item)) == k == item.meta["k"]
        assert item.prompt.endswith(("->", "is"))
        assert item.answer.startswith(" ")
        assert item.meta["shown"] == (item.answer if k else "")


@pytest.mark.parametrize("kind", shots.KINDS)
def test_modes_change_labels_and_nothing_else(kind: str) -> None:
    found = {mode: shots.items(kind, 8, mode, 10, seed=2) for mode in shots.MODES}
    assert found["gold"] == shots.items(kind, 8, "gold", 10, seed=2)
    for one, two, three in zip(*found.values(), strict=True):
        assert one.answer == two.answer == three.answer
        words = [[word for word, _ in pairs_of(item)] for item in (one, two, three)]
        assert words[0] == words[1] == words[2]
        assert two.meta["shown"] == ""
    changed = sum(
        a.prompt != b.prompt for a, b in zip(found["gold"], found["shuffled"], strict=True)
    )
    assert changed >= 9


@pytest.mark.parametrize("kind", ["trained function", "untrained function", "invented values"])
def test_shuffled_labels_are_the_same_ones_dealt_anew(kind: str) -> None:
    gold, dealt = (shots.items(kind, 8, mode, 10, seed=3) for mode in ("gold", "shuffled"))
    for one, two in zip(gold, dealt, strict=True):
        mine, other = ([answer for _, answer in pairs_of(item)] for item in (one, two))
        assert Counter(mine) == Counter(other)


def test_permuted_labels_follow_one_other_rule() -> None:
    for item in shots.items("trained function", 8, "permuted", 10, seed=4):
        rules = [
            name
            for name in shots.LETTERS
            if all(functions.FUNCTIONS[name].apply(w) == a for w, a in pairs_of(item))
        ]
        assert rules
        assert item.meta["function"] not in rules
        word = item.meta["shown"].strip()
        query = item.prompt.rsplit(";", 1)[1].split("->")[0].strip()
        assert word in [functions.FUNCTIONS[name].apply(query) for name in rules]
    for item in shots.items("invented values", 8, "permuted", 10, seed=4):
        told = dict(pairs_of(item))
        assert item.meta["shown"].strip() == told[item.prompt.split()[-2]]
    for item in shots.items("reviews", 4, "permuted", 10, seed=4):
        assert {item.answer.strip(), item.meta["shown"].strip()} == set(sentiment.LABELS)


def test_untrained_functions_are_in_no_training_document_and_keys_differ() -> None:
    names = {item.meta["function"] for item in shots.items("untrained function", 2, "gold", 60, 1)}
    assert names == set(shots.UNTRAINED)
    assert not any(functions.FUNCTIONS[name].trained for name in names)
    for item in shots.items("invented values", 16, "gold", 5, 1):
        told = pairs_of(item)
        assert len(set(told)) == len(dict(told)) == 8
        assert all(count == 2 for count in Counter(told).values())
        assert dict(told)[item.prompt.split()[-2]] == item.answer.strip()
        assert set(dict(told)) <= set(mappings.KEYS)


@pytest.mark.parametrize(
    ("kind", "mode", "words"), [("x", "gold", "kind='x'"), ("reviews", "y", "mode='y'")]
)
def test_other_kinds_and_modes_are_named(kind: str, mode: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shots.items(kind, 4, mode, 1, 1)


def test_reordered_examples_are_the_same_ones() -> None:
    item = shots.items("trained function", 4, "gold", 1, 1)[0]
    others = [shots.reordered(item, seed) for seed in range(6)]
    assert len({other.prompt for other in others}) > 2
    for other in others:
        assert sorted(pairs_of(other)) == sorted(pairs_of(item))
        assert other.prompt.rsplit(";", 1)[1] == item.prompt.rsplit(";", 1)[1]


def test_scores_count_what_is_right_and_what_follows_the_examples(
    opened: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = shots.items("invented values", 8, "permuted", 4, 1)
    said = [some[0].answer, some[1].meta["shown"], " nonsense", some[3].meta["shown"]]
    monkeypatch.setattr(shots.evaluate, "answers", lambda *_: said)
    assert shots.score(*opened, some) == {"right": 0.25, "follows": 0.5}


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


def test_sixteen_third_letters_are_shown() -> None:
    for item in absent.third_letter_shown(5, 1):
        assert len(pairs_of(item)) == 16
        assert all(word.replace(" ", "")[2] == answer for word, answer in pairs_of(item))


# Heads


def test_heads_are_ranked_and_random_sets_leave_them_out(opened: tuple[GPT, BPETokenizer]) -> None:
    scores = torch.tensor([[0.1, 0.9], [0.5, 0.2]])
    assert induction.ranked(scores) == [(0, 1), (1, 0), (1, 1), (0, 0)]
    model, _ = opened
    top = [(0, 0), (1, 1)]
    sets = induction.random_sets(model, top, 10, seed=1)
    assert sets == induction.random_sets(model, top, 10, seed=1)
    for heads in sets:
        assert len({*heads}) == induction.SILENCED
        assert not {*heads} & {*top}


def test_silencing_induction_heads_costs_more_than_others(
    opened: tuple[GPT, BPETokenizer],
) -> None:
    some = shots.items("invented values", 16, "gold", 20, 1)
    found = induction.losses_of_silence(*opened, some, seed=1, n_sets=2)
    assert set(found) == {"whole", "induction", "random", "random_worst"}
    assert found["random_worst"] <= found["random"]
    assert all(0 <= share <= 1 for share in found.values())


def test_a_piece_stands_twice_and_can_be_known_from_its_second_token_on() -> None:
    some = induction.repeats(3, n=50)
    for ids, again, length, known in zip(
        some.ids, some.again.tolist(), some.length.tolist(), some.known(), strict=True
    ):
        assert again + length <= induction.LENGTH
        assert torch.equal(ids[again : again + length], ids[again - length : again])
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
    assert induction.loss_by_place(model).shape == (induction.AROUND[1] - induction.AROUND[0],)
    assert 0 <= induction.looks_up(model) <= 1


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
    assert expected.shape == diversity.counting(symbols).shape == (diversity.LENGTH - 1, 4)
    np.testing.assert_allclose(expected.sum(1), 1)
    np.testing.assert_allclose(expected[-1], known[3][symbols[-2]], atol=0.02)
    np.testing.assert_allclose(expected[0], known[:, symbols[0]].mean(0))


def test_divergence_of_an_untrained_model_is_above_both_readers() -> None:
    known = diversity.chains(4, seed=0)
    model = diversity.train(4, seed=0, steps=2)
    found = diversity.divergence(model, known, known, seed=0, n=5)
    assert found["by heart"] < found["counting"] < found["model"]


def test_a_prompt_without_content_keeps_its_examples() -> None:
    item = shots.items("reviews", 4, "gold", 1, 1)[0]
    for text in deeper.without_content(item):
        assert text.startswith(item.prompt.rpartition(";")[0])
        assert text.endswith("->")
        assert item.prompt.rpartition(";")[2] not in text


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


def test_shuffled_remarks_have_labels_at_random() -> None:
    lines = [
        line for p, _ in smol.prompts("remarks", 8, 50, 1, shuffled=True) for line in p.split("\n")
    ]
    truth = dict(smol.examples("remarks"))
    shown = [line.split(" -> ") for line in lines if " -> " in line]
    right = sum(truth[remark] == label for remark, label in shown) / len(shown)
    assert 0.4 < right < 0.6


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
