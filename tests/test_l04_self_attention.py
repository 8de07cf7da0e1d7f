"""Lesson 04: the recall task, the sentences about "it", what moves, and its widget."""

from __future__ import annotations

import pytest
import torch
from small_models import CONFIGS, random_model

from lessons.l04_self_attention import bank, moved, recall, widget
from lessons.l04_self_attention.recall import Recipe, Task
from minigpt import BPETokenizer
from minigpt.data import IGNORE

# --- recall -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [Task(1, 0), Task(4, 16), Task(16, 3)])
def test_every_pair_is_told_and_asked_once(task):
    x, y = recall.batch(task, 20, torch.Generator().manual_seed(1))
    assert x.shape == y.shape == (20, task.length)
    n = task.n_pairs
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        told = dict(zip(row[: 2 * n : 2], row[1 : 2 * n : 2], strict=True))
        assert len(told) == n
        noise = row[2 * n : 2 * n + task.gap]
        assert len(noise) == task.gap
        assert min(noise, default=99) >= recall.N_KEYS + recall.N_VALUES
        asked = row[2 * n + task.gap :]
        assert sorted(asked) == sorted(told)
        answers = [(at, target) for at, target in enumerate(targets) if target != IGNORE]
        assert [row[at] for at, _ in answers] == asked
        assert [target for _, target in answers] == [told[key] for key in asked]


def test_the_models_have_as_many_parameters():
    sizes = [
        sum(weight.numel() for weight in recall.make(kind, 40, 0).parameters())
        for kind in recall.KINDS
    ]
    assert max(sizes) < 1.01 * min(sizes)
    with pytest.raises(ValueError, match="kind='RNN'"):
        recall.make("RNN", 40, 0)


def test_naming_the_most_frequent_value():
    assert recall.most_frequent(1) == 1
    assert recall.most_frequent(2) == pytest.approx(0.5 + 0.5 / recall.N_VALUES, abs=0.01)
    assert recall.CHANCE < recall.most_frequent(16) < recall.most_frequent(4) < 0.4


def test_the_gates_begin_by_keeping():
    for kind in recall.HIDDEN:
        cell = recall.make(kind, 268, 0).cell
        hidden = recall.HIDDEN[kind]
        zero = torch.zeros(2000, hidden)
        gate = slice(hidden, 2 * hidden)
        keep = (cell.bias_ih_l0 + cell.bias_hh_l0)[gate].sigmoid()
        assert 0.98 < keep.median() < 0.999
        assert zero.shape[1] == len(keep)


def test_the_task_grows_for_all_alike():
    def sizes(vary, done, what):
        generator = torch.Generator().manual_seed(3)
        return [getattr(recall.drawn(vary, done, generator), what) for _ in range(200)]

    assert {*sizes("gap", 0.2, "gap")} == {4}
    assert {*sizes("pairs", 0.2, "n_pairs")} == {2}
    assert 4 < max(sizes("gap", 0.45, "gap")) <= 32 < 200 < max(sizes("gap", 0.7, "gap")) <= 256
    assert 12 < max(sizes("pairs", 1, "n_pairs")) <= 16
    assert {*sizes("gap", 1, "n_pairs")} == {4}
    assert {*sizes("nothing", 1, "gap")} == {4}
    with pytest.raises(ValueError, match="vary='noise'"):
        recall.drawn("noise", 0, torch.Generator())


def test_every_weight_is_trained_once_by_muon_or_adamw():
    for kind in recall.KINDS:
        model = recall.make(kind, 40, 0)
        for recipe, n in ((Recipe("AdamW", 1e-2), 1), (Recipe("Muon", 2e-2), 2)):
            optimizers = recipe.make(model)
            assert len(optimizers) == n
            held = [id(w) for o in optimizers for group in o.param_groups for w in group["params"]]
            assert sorted(held) == sorted(map(id, model.parameters()))
    assert str(Recipe("Muon", 2e-2)) == "Muon 0.02"


@pytest.mark.timeout(300)
def test_a_run_repeats_and_attention_learns():
    runs = [
        recall.run("attention", "nothing", seed, Recipe("Muon", 2e-2), 60, [recall.LIVE])
        for seed in (1, 1)
    ]
    [[pairs, gap, right]] = runs[0]["right"]
    assert (pairs, gap) == (4, 4)
    assert runs[0]["right"] == runs[1]["right"]
    assert runs[0]["loss"] == runs[1]["loss"]
    assert right > 0.9 > 2 * recall.most_frequent(4)
    untrained = recall.accuracy(recall.make("GRU", recall.LIVE.length, 1), recall.LIVE)
    assert untrained < 2.5 * recall.CHANCE


def test_tokens_in_letters():
    assert recall.text(torch.tensor([0, 15, 16, 31, 32, 47])) == "k0 k15 v0 v15 · ·"


# --- sentences ----------------------------------------------------------------------------------


def test_sentences_are_balanced():
    found = bank.sentences()
    assert len(found) == 400 == len({sentence.text for sentence in found})
    assert bank.first_is_right(found) == 0.5
    first, second = bank.halves(found)
    assert len(first) == len(second) == 200
    assert {s.template for s in first} == {s.template for s in second} == set(range(10))
    assert not {s.group for s in first} & {s.group for s in second}
    for half in (first, second):
        assert bank.first_is_right(half) == 0.5
        for thing in {thing for s in half for thing in s.things}:
            mine = [s for s in half if thing in s.things]
            assert sum(s.things[s.right] == thing for s in mine) == len(mine) / 2
    for sentence in found:
        a, b = sentence.things
        assert a != b
        assert sentence.text.count(f" {a} ") == sentence.text.count(f" {b} ") == 1


def test_places_are_those_of_the_text():
    words = " ".join(s.text for s in bank.sentences()[:40])
    tokenizer = BPETokenizer.train(words, 400, pattern="smollm")
    for sentence in bank.sentences():
        ids, spans, it, word = bank.places(tokenizer, sentence)
        text = tokenizer.decode(ids)
        assert text == sentence.text.removesuffix(".")
        assert [tokenizer.decode([ids[at] for at in span]).strip() for span in spans] == [
            *sentence.things
        ]
        assert tokenizer.decode([ids[it]]).strip() in ("it", "i")
        assert word == len(ids) - 1


# --- what moves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["layernorm-gelu-learned", "rmsnorm-swiglu-rope"])
def test_a_causal_model_moves_later_outputs_only(name):
    model = random_model(CONFIGS[name])
    found = moved.table(model, torch.arange(10))
    assert torch.equal(found, torch.ones(10, 10, dtype=torch.bool).triu())
    assert moved.shares(found) == {"later_moved": 1.0, "earlier_moved": 0.0}
    assert moved.shares(torch.ones_like(found))["earlier_moved"] == 1.0


# --- the widget ---------------------------------------------------------------------------------


def test_the_widget_shows_weights_and_takes_hostile_text(model):
    tokenizer = BPETokenizer.train("the cat sat on the mat. " * 9, 270)
    config = type(model.config)(**(model.config.to_dict() | {"vocab_size": 300, "block_size": 64}))
    box = widget.attention_view({"A": (random_model(config), tokenizer)}, "the cat sat")
    _, line, word, layer, head, view = box.children
    assert (len(layer.options), len(head.options)) == (2, 2)
    assert word.value == len(tokenizer.encode("the cat sat")) - 1
    before = view.value
    layer.value, head.value = 1, 1
    assert view.value != before
    word.value = 0
    assert "<td>1.00</td>" in view.value, "the first word can only look at itself"
    for text in ("<script>alert(1)</script>", "a\x00b\u202e", "x" * 5000, "&amp;<b>"):
        line.value = text
        assert "<script>" not in view.value
        assert "<b>" not in view.value
        assert "where token" in view.value
    line.value = ""
    assert "type at least one word" in view.value
    line.value = "\ud800"
    assert "surrogate" in view.value
    line.value = "the mat"
    assert "where token" in view.value
    with pytest.raises(ValueError, match="at least one model"):
        widget.attention_view({}, "x")


def test_the_widget_changes_to_a_model_of_another_shape(model):
    tokenizer = BPETokenizer.train("the cat sat on the mat. " * 9, 270)
    shared = model.config.to_dict() | {"vocab_size": 300, "block_size": 64, "n_embd": 48}
    deep, flat = (
        random_model(type(model.config)(**(shared | {"n_layer": layers, "n_head": heads})))
        for layers, heads in ((5, 6), (2, 3))
    )
    box = widget.attention_view({"A": (deep, tokenizer), "B": (flat, tokenizer)}, "the cat sat")
    chosen, _, _, layer, head, view = box.children
    layer.value, head.value = 4, 5
    before = view.value
    chosen.value = "B"
    assert (len(layer.options), len(head.options)) == (2, 3)
    assert (layer.value, head.value) == (1, 2)
    assert view.value != before
    chosen.value = "A"
    assert (len(layer.options), len(head.options)) == (5, 6)
