"""Lesson 01: its text, the ten questions, and its widget."""

from __future__ import annotations

import pytest
import torch

from lessons.l01_next_token import diagnosis, recorded, text, widget
from lessons.l01_next_token.diagnosis import QUESTIONS


def test_the_text_repeats_and_the_held_out_part_is_another():
    tokenizer, train, held_out = text.prepare()
    again = text.prepare()
    assert torch.equal(train, again[1])
    assert torch.equal(held_out, again[2])
    assert 1.8 * len(held_out) < len(train) < 3 * len(held_out)
    learnt = set(text.documents("train"))
    assert not learnt & set(text.documents("held out", text.N_EACH // 2))
    assert {*train.tolist(), *held_out.tolist()} == {*range(tokenizer.vocab_size)}


def test_signs_for_blanks():
    assert [text.show(c) for c in "a \n"] == ["a", "␣", "⏎"]


def test_every_question_says_what_to_read():
    right = " ".join(question.right for question in QUESTIONS)
    assert diagnosis.check(right) == "10 of 10 right. You have all you need."
    wrong = ["c" if question.right != "c" else "a" for question in QUESTIONS]
    said = diagnosis.check("".join(wrong))
    assert said.startswith("0 of 10")
    assert all(question.read in said for question in QUESTIONS)
    assert "not answered. Read" in diagnosis.check("-" + right.replace(" ", "")[1:])
    assert all(question.text in diagnosis.questions() for question in QUESTIONS)


@pytest.mark.parametrize("typed", ["", "abc", "a b c d a b c d a b", "<script>" * 3, "aaaaaaaaaaa"])
def test_answers_that_are_none_get_a_line(typed):
    assert diagnosis.check(typed).startswith("Write 10 letters")


def test_unanswered():
    assert "Not answered yet" in diagnosis.check("- " * 10)


def test_the_answers_of_the_tensor_questions_are_true():
    x = torch.zeros(3, 5)
    assert (x.T @ x).shape == (5, 5)
    assert x.sum(dim=1).shape == (3,)
    assert (torch.zeros(4, 1) + torch.zeros(6)).shape == (4, 6)
    assert torch.zeros(2, 7)[:, -1].shape == (2,)


def test_the_widget_follows_its_slider_and_escapes():
    names = ["a", "<b>", "␣"]
    tables = {"one <i>": torch.eye(3), "two": torch.tensor([[0.2, 0.5, 0.3]] * 3)}
    slider, view = widget.next_character_view(tables, names).children
    before = view.value
    slider.value = 1
    assert view.value != before
    assert "1.000" in view.value
    assert "<b>" not in view.value.replace("<b>one &lt;i&gt;</b>", "").replace("<b>two</b>", "")
    with pytest.raises(ValueError, match=r"one: shape \(2, 2\) for 3 characters"):
        widget.next_character_view({"one": torch.eye(2)}, names)


def test_context_is_what_lies_before(monkeypatch, opened):
    """With more context the very same tokens are predicted, from more of what stands before."""
    model, tokenizer = opened
    monkeypatch.setattr(recorded, "articles", lambda: ["the cat sat on the mat. " * 40])
    found = recorded.losses(model, tokenizer, (1, 4), 5, seed=3)
    assert {len(values) for values in found.values()} == {5}
    assert found == recorded.losses(model, tokenizer, (1, 4), 5, seed=3)
    assert found[1] != found[4]
