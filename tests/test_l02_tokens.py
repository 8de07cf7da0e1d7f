"""Lesson 02: questions about letters, a sentence in many scripts, a run, the widget."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from lessons.l02_tokens import experiment, letters, scripts, widget
from minigpt import BPETokenizer


def test_letter_questions_are_different_balanced_and_not_in_the_prompt():
    found = letters.questions(letters.N, letters.SEED)
    assert len({*found}) == letters.N
    assert Counter(min(q.count, 2) for q in found) == {0: 100, 1: 100, 2: 100}
    assert not {q.word for q in found} & {example.word for example in letters.EXAMPLES}
    assert found[:5] == letters.questions(5, letters.SEED)
    assert max(q.count for q in found) < len(letters.NUMBERS)
    with pytest.raises(ValueError, match="n=100000"):
        letters.questions(100_000, 0)


def test_the_prompt_in_both_forms():
    question = letters.Question("butter", "t")
    assert question.count == 2
    whole, apart = (letters.prompt(question, form) for form in letters.FORMS)
    assert '"butter"' in whole
    assert '"b u t t e r"' in apart
    assert whole.endswith("Answer:")
    assert '"banana"?\nAnswer: 3' in whole


def test_the_best_answer_from_the_letter_alone():
    assert 1 / 3 < letters.letter_only() < 0.7


def test_the_same_sentence_in_every_script():
    assert len(scripts.SENTENCES) == len({*scripts.SENTENCES.values()}) == 13
    tokenizer = BPETokenizer.train("The child drinks water. " * 9, 300)
    found = scripts.tokens_per_character(tokenizer)
    assert found["English"] < 1 < found["Hindi"]


def test_one_run_of_a_size_reads_as_many_bytes(monkeypatch):
    text = [
        f"Article {n}. The {w} of the town is old." for n in range(300) for w in ("mill", "well")
    ]
    monkeypatch.setattr(experiment, "articles", lambda: text)
    small, large = (experiment.run(size, 1, 2) for size in (260, 400))
    assert small["bytes_per_token"] < large["bytes_per_token"]
    assert small["batch_size"] > large["batch_size"]
    for row in (small, large):
        read = row["batch_size"] * 128 * row["bytes_per_token"]
        assert abs(read - experiment.BYTES_A_STEP) < 128 * row["bytes_per_token"]
        assert row["bits"] == pytest.approx(
            row["nats_per_token"] / row["bytes_per_token"] / torch.tensor(2.0).log().item(),
            rel=0.01,
        )


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "", "水🙂", "a\x00b", "x" * 5000])
def test_the_widget_takes_any_text(typed):
    line, slider, view = widget.merge_view("low lower lowest", n_merges=12).children
    slider.value = 4
    assert "after 4 merges" in view.value
    line.value = typed
    assert "<script>" not in view.value
    assert "tokens after" in view.value
    assert ("first 200 characters" in view.value) == (len(typed) > 200)


def test_the_widget_says_what_is_no_text():
    line, _, view = widget.merge_view("low").children
    line.value = "\ud800"
    assert "surrogate" in view.value
    with pytest.raises(ValueError, match="n_merges=0"):
        widget.merge_view("low", n_merges=0)
