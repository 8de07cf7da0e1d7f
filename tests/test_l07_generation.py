"""Lesson 07: couplets counted, time a token, the famous bug, repetition, and its widget."""

from __future__ import annotations

import re

import pytest
import torch

from lessons.l07_generation import experiment, widget
from lessons.world.corpus import encode
from minigpt import generate_text, load, sample_next


@pytest.fixture(scope="module")
def writer():
    return load("fernhollow")


def test_couplets_are_counted_right_and_different(writer):
    greedy = experiment.couplets(*writer, 0.0, 6, seed=1)
    hot = experiment.couplets(*writer, 5.0, 6, seed=1)
    assert greedy["right"] > 0.5
    assert hot["right"] < 0.2
    assert hot["different"] == 1
    for found in (greedy, hot):
        assert found["right_and_different"] <= min(found["right"], found["different"])
    assert experiment.couplets(*writer, 5.0, 6, seed=1) == hot
    cooled = experiment.couplets(*writer, 5.0, 6, seed=1, top_k=1)
    assert cooled["right"] == greedy["right"], "top-k 1 is greedy at any temperature"


def test_repeated_runs():
    assert experiment.repeated([1, 2, 3, 4, 5]) == 0
    assert experiment.repeated([1, 2, 3, 4] * 3) == pytest.approx(5 / 9)
    assert experiment.repeated([1, 2]) == 0


def test_a_token_costs_more_without_the_cache(writer):
    lengths = (32, 400)
    kept = experiment.seconds_per_token(writer[0], lengths, use_cache=True)
    again = experiment.seconds_per_token(writer[0], lengths, use_cache=False)
    assert again[400] > 2 * again[32]
    assert again[400] > 3 * kept[400]


def test_the_famous_bug_comes_and_goes(writer):
    model, tokenizer = writer
    start = [tokenizer.end_id, *encode(tokenizer, "Write a couplet about the sea.")]
    right = generate_text(model, tokenizer, start, 16, temperature=0)
    with experiment.forgetful(model):
        wrong = generate_text(model, tokenizer, start, 16, temperature=0)
    assert wrong != right
    assert generate_text(model, tokenizer, start, 16, temperature=0) == right


def _left(view) -> int:
    return int(re.search(r"<p>tokens left to draw from: (\d+)", view.value)[1])


@pytest.mark.parametrize(("k", "p"), [(5, 1.0), (50, 0.5), (None, 0.9), (2, 0.3), (500, 0.95)])
def test_the_widget_cuts_as_sample_next_does(writer, k, p):
    model, tokenizer = writer
    line, temperature, top_k, top_p, view = widget.next_token_view(
        model, tokenizer, "Write a couplet about the sea.\nThe"
    ).children
    temperature.value = 1.5
    top_k.value, top_p.value = k or tokenizer.vocab_size, p
    ids = torch.tensor([[tokenizer.end_id, *encode(tokenizer, line.value)]])
    with torch.no_grad():
        logits = model(ids)[:, -1].expand(3000, -1)
    generator = torch.Generator().manual_seed(1)
    drawn = sample_next(logits, temperature=1.5, top_k=k, top_p=p, generator=generator)
    assert len({*drawn.tolist()}) <= _left(view)
    if _left(view) <= 10:
        assert len({*drawn.tolist()}) == _left(view)


def test_the_widget_takes_hostile_text(writer):
    line, temperature, top_k, top_p, view = widget.next_token_view(*writer, "The").children
    assert _left(view) == writer[1].vocab_size
    temperature.value = 0
    assert _left(view) == 1
    temperature.value, top_p.value, top_k.value = 1.0, 1.0, 2
    assert _left(view) == 2
    for text in ("<script>alert(1)</script>", "x" * 5000, "a\x00b\u202e", ""):
        line.value = text
        assert "<script>" not in view.value
        assert "tokens left to draw from" in view.value
    line.value = "\ud800"
    assert "surrogate" in view.value
