"""Lesson 00: its tasks and their marks, both ways on one data set, beliefs, the prompt box."""

from __future__ import annotations

import json
from pathlib import Path

import ipywidgets
import pytest
import torch

from lessons.claims import read_rules
from lessons.l00_one_model import beliefs, pictures, real, tasks, two_ways
from lessons.l00_one_model.widget import prompt_box
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import people
from minigpt import GPT, BPETokenizer, sequence_logprob

# Tasks and marks


@pytest.mark.parametrize("name", tasks.TASKS)
def test_one_item_is_enough(name: str) -> None:
    (item,) = tasks.items(name, 1, seed=1)
    assert tasks.TASKS[name].keep(item.meta)


def test_a_task_without_items_says_so() -> None:
    never = tasks.Task("never", "sums", keep=lambda meta: False)
    with pytest.raises(ValueError, match="0 items of 'test' fit the task 'never'"):
        tasks.kept(never, 3, tasks.Tape("none"), "test")


@pytest.mark.parametrize("name", tasks.TASKS)
def test_items_are_those_of_their_seed_and_their_answers_are_right(name: str) -> None:
    some = tasks.items(name, 5, seed=3)
    assert some == tasks.items(name, 5, seed=3) != tasks.items(name, 5, seed=4)
    assert all(tasks.TASKS[name].keep(item.meta) for item in some)
    for item in some:
        if name in ("strangers", "not stated"):
            assert tasks.mark(name, item, f" {NOT_STATED}") == "right"
            assert tasks.mark(name, item, " goulash") == "invented"
        else:
            assert tasks.mark(name, item, item.answer) == "right"
            assert tasks.mark(name, item, " no such thing") == "wrong"


def test_strangers_are_nobody() -> None:
    names = {person.name for person in people()}
    assert names.isdisjoint(item.meta["name"] for item in tasks.items("strangers", 40, seed=1))


def test_conversations_need_an_earlier_turn_and_summaries_sum_up() -> None:
    assert all(item.meta["needs"] > 0 for item in tasks.items("conversation", 20, seed=1))
    assert {item.meta["kind"] for item in tasks.items("summary", 20, seed=1)} == {"summary"}


def test_a_task_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="no task 'poetry'; there are verse, debugging"):
        tasks.items("poetry", 1, 0)


def test_a_copied_verse_is_right_but_not_new(monkeypatch: pytest.MonkeyPatch) -> None:
    item = tasks.items("verse", 1, seed=5)[0]
    copied = frozenset({tasks.evaluate.verse_of(item.answer)})
    monkeypatch.setattr(tasks.evaluate, "training_couplets", lambda: copied)
    assert tasks.mark("verse", item, item.answer) == "right"
    assert tasks.mark("verse", item, item.answer, new=True) == "wrong"


def test_attempts_carry_what_the_model_wrote(large: tuple[GPT, BPETokenizer]) -> None:
    some = tasks.items("facts", 20, seed=1)
    found = tasks.attempt(*large, "facts", some)
    assert [item for item, _, _ in found] == some
    assert sum(mark == "right" for _, _, mark in found) >= 18  # training asked for these
    text = tasks.shown(*found[0])
    assert text.startswith(some[0].prompt + " » ")
    assert text.endswith(f"✓ {found[0][2]}")


# Both ways


def test_couplets_of_training_and_test_are_drawn_apart() -> None:
    train = {item.answer for item in two_ways.verses(300, 20, "train")}
    assert train.isdisjoint(item.answer for item in two_ways.verses(100, 20))


def test_log_likelihoods_are_the_models(opened: tuple[GPT, BPETokenizer]) -> None:
    model, tokenizer = opened
    verse = two_ways.verses(1, 3)[0]
    found = two_ways.log_likelihoods(model, tokenizer, verse.answer)
    assert [*found] == [*two_ways.SUBJECTS]
    for subject in ("the sea", "a journey", "music"):
        prompt = two_ways.ASKED.format(subject=subject)
        context = [tokenizer.special_tokens["<|end|>"], *tokenizer.encode(prompt)]
        expected, _ = sequence_logprob(model, tokenizer, context, verse.answer)
        assert found[subject] == pytest.approx(expected, abs=1e-2)


def test_the_subject_of_most_couplets_is_named(opened: tuple[GPT, BPETokenizer]) -> None:
    some = two_ways.verses(20, 1)
    named = [two_ways.named(two_ways.log_likelihoods(*opened, item.answer)) for item in some]
    assert sum(n == item.meta["subject"] for n, item in zip(named, some, strict=True)) >= 12


def test_samples_differ_by_seed_alone(opened: tuple[GPT, BPETokenizer]) -> None:
    some = two_ways.verses(4, 2)
    assert two_ways.sampled(*opened, some, 5) == two_ways.sampled(*opened, some, 5)
    assert two_ways.sampled(*opened, some, 5) != two_ways.sampled(*opened, some, 6)


def test_trigrams_of_a_subject_write_about_it() -> None:
    table = two_ways.Trigrams(two_ways.verses(1600, 1, "train"))
    written = [table.write("the sea", two_ways.Tape("trigrams", number)) for number in range(30)]
    assert len({*written}) > 20
    words = {word for text in written for word in text.lower().split()}
    assert two_ways.SUBJECT_WORDS["the sea"] & words
    assert all(text.startswith("\n") for text in written)


def test_a_classifier_learns_from_more_couplets() -> None:
    train, test = two_ways.verses(1000, 1, "train"), two_ways.verses(100, 1)
    few, many = (two_ways.classifier(train[:n], test) for n in (10, 1000))
    assert few < 0.6 < 0.85 < many
    same = [item for item in train if item.meta["subject"] == "the sea"][:3]
    assert two_ways.classifier(same, test) < 0.3  # one label only: a constant answer


# Reviews


def test_plain_reviews_make_one_claim_and_hard_ones_two() -> None:
    plain = real.reviews("plain", 20, 1)
    assert {item.meta["claims"] for item in plain} == {1}
    assert all(item.meta["text"].count(".") == 1 for item in plain)
    assert {item.meta["claims"] for item in real.reviews("hard", 20, 1)} == {2}


# Beliefs


def test_beliefs_are_kept_beside_those_of_other_claims(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    assert beliefs.read(path) == {}
    beliefs.keep({"one-model": "holds", "bias": "fails"}, path)
    beliefs.keep({"one-model": "partly"}, path)
    assert beliefs.read(path) == {"one-model": "partly", "bias": "fails"}
    beliefs.keep({"bias": ""}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"one-model": "partly"}


@pytest.mark.parametrize(
    ("said", "words"),
    [({"poetry": "holds"}, "no claim 'poetry'"), ({"bias": "maybe"}, "'maybe' came, allowed")],
)
def test_other_claims_and_words_are_refused(
    tmp_path: Path, said: dict[str, str], words: str
) -> None:
    path = tmp_path / "mine.json"
    beliefs.keep({"one-model": "holds"}, path)
    with pytest.raises(ValueError, match=words):
        beliefs.keep(said, path)
    assert beliefs.read(path) == {"one-model": "holds"}


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"one-model": "maybe"}', '{"one-model": 3}'])
def test_a_file_that_holds_something_else_is_named_and_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine\.json .*delete mine\.json"):
        beliefs.read(path)
    assert path.read_text(encoding="utf-8") == text


def choices(form: ipywidgets.VBox) -> list[ipywidgets.Dropdown]:
    return [row.children[0] for row in form.children if isinstance(row, ipywidgets.HBox)]


def test_the_form_has_every_claim_once_and_keeps_what_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    form = beliefs.form(path)
    assert len(choices(form)) == len(read_rules())
    choices(form)[0].value = "holds"
    assert beliefs.read(path) == {"one-model": "holds"}
    assert choices(beliefs.form(path))[0].value == "holds"
    assert "kept in mine.json" in form.children[-1].value


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    form = beliefs.form(tmp_path / "file" / "mine.json")
    choices(form)[0].value = "holds"
    assert "not kept" in form.children[-1].value


# The prompt box


def parts(box: ipywidgets.VBox) -> tuple[ipywidgets.Widget, ...]:
    (task, another), prompt, go, view = box.children[0].children, *box.children[1:]
    return task, another, prompt, go, view


def test_an_item_gets_its_mark_and_the_next_one_is_another(
    opened: tuple[GPT, BPETokenizer],
) -> None:
    task, another, prompt, go, view = parts(prompt_box(*opened))
    task.value = "facts"
    first = prompt.value
    assert first.startswith("Q: ")
    assert view.value == ""
    go.click()
    assert any(f"{sign} {mark}" in view.value for mark, sign in tasks.SIGNS.items())
    another.click()
    assert prompt.value != first
    assert view.value == ""


def test_an_own_prompt_has_no_mark_and_is_shown_as_text(opened: tuple[GPT, BPETokenizer]) -> None:
    *_, prompt, go, view = parts(prompt_box(*opened))
    prompt.value = "<script>alert(1)</script> & "
    go.click()
    assert "<script>" not in view.value
    assert "&lt;script&gt;" in view.value
    assert "no answer to compare with" in view.value
    for bad, words in (("   ", "write a prompt first"), ("a b " * 900, "at most 400 fit")):
        prompt.value = bad
        go.click()
        assert words in view.value


def test_pictures_draw_what_was_recorded() -> None:
    scores = dict.fromkeys(tasks.TASKS, (0.5, 0.4, 0.6))
    assert pictures.report(scores, scores).axes[0].patches
    ways = {f"classifier {size}": (0.5, 0.4, 0.6) for size in two_ways.SIZES}
    lines = pictures.both_ways(ways | {"gpt": (0.9, 0.8, 1.0)}).axes[0].get_lines()
    assert list(lines[0].get_xdata()) == list(two_ways.SIZES)
    assert torch.tensor(lines[1].get_ydata()).unique().tolist() == [90.0]
