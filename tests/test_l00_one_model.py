"""Lesson 00: its tasks and their marks, both ways on one data set, beliefs, the prompt box."""

from __future__ import annotations

import json
from pathlib import Path

import ipywidgets
import pytest
import torch

from lessons import exercises
from lessons.claims import read_rules
from lessons.controls import Choice
from lessons.course import read_course
from lessons.l00_one_model import beliefs, pictures, real, recorded, simple, sweep, tasks, two_ways
from lessons.l00_one_model import exercises as checks
from lessons.l00_one_model.widget import NEW, prompt_box
from lessons.sweeps import write_csv, write_json
from lessons.world.tape import Tape
from lessons.world.tasks import couplets
from lessons.world.truth import people
from minigpt import GPT, BPETokenizer

# Tasks and marks


@pytest.mark.parametrize("name", tasks.TASKS)
def test_one_item_is_enough(name: str) -> None:
    (item,) = tasks.items(name, 1, seed=1)
    assert tasks.TASKS[name].keep(item.meta)


def test_a_task_without_items_says_so() -> None:
    never = tasks.Task("never", "sums", keep=lambda meta: False)
    with pytest.raises(ValueError, match="0 items of 'test' fit the task 'never'"):
        tasks.kept(never, 3, Tape("none"), "test")


@pytest.mark.parametrize("name", tasks.TASKS)
def test_items_are_those_of_their_seed_and_their_answers_are_right(name: str) -> None:
    some = tasks.items(name, 5, seed=3)
    assert some == tasks.items(name, 5, seed=3) != tasks.items(name, 5, seed=4)
    assert all(tasks.TASKS[name].keep(item.meta) for item in some)
    for item in some:
        if name in tasks.NOTHING:
            assert tasks.mark(name, item, f" {tasks.NOTHING[name]}") == "right"
            assert tasks.mark(name, item, " line 2: for i in range(3):") == "invented"
        else:
            assert tasks.mark(name, item, item.answer) == "right"
            assert tasks.mark(name, item, " no such thing") == "wrong"


def test_strangers_are_nobody() -> None:
    names = {person.name for person in people()}
    assert names.isdisjoint(item.meta["name"] for item in tasks.items("strangers", 40, seed=1))


def test_conversations_need_an_earlier_turn_and_summaries_sum_up() -> None:
    assert all(item.meta["needs"] > 0 for item in tasks.items("conversation", 20, seed=1))
    assert {item.meta["kind"] for item in tasks.items("summary", 20, seed=1)} == {"summary"}


def test_programs_with_a_bug_and_without_one_are_two_tasks() -> None:
    assert "none" not in {item.meta["kind"] for item in tasks.items("debugging", 40, seed=1)}
    none = tasks.items("no bug", 10, seed=1)
    assert all(item.meta["program"] == item.meta["spoilt"] for item in none)


def test_an_invented_bug_is_shown_whole(large: tuple[GPT, BPETokenizer]) -> None:
    item, output, mark = tasks.attempt(*large, "no bug", tasks.items("no bug", 1, seed=1))[0]
    assert mark == "invented"
    number, line = output.removeprefix(" line ").split(": ", 1)
    assert line == item.meta["spoilt"].split("\n")[int(number) - 1].strip()  # and changes nothing


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (" ", "no prompt yet"),
        ("English: The small dog sees the fox.\nTavi: ", "✓ right"),
        ("English: the small dog sees the fox\nTavi:", "✓ right"),
        ("The small dog sees the fox. In Tavi:", "✗ wrong"),
        ("How do you say this in Tavi? The small dog sees the fox.", "»⏎ "),
        ("How do you say this in Tavi? The small dog sees the fox.", "✓ right"),
        ("Please translate this.", "✗ wrong"),
    ],
)
def test_a_readers_prompt_is_checked(
    large: tuple[GPT, BPETokenizer], prompt: str, said: str
) -> None:
    assert said in tasks.translated(*large, prompt)


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
    for subject in ("the sea", "a journey"):
        ids = two_ways.prompt_ids(tokenizer, subject) + tokenizer.encode(verse.answer)
        with torch.no_grad():
            logs = model(torch.tensor([ids]))[0].log_softmax(-1)  # (T, V)
        tail = range(len(two_ways.prompt_ids(tokenizer, subject)), len(ids))
        assert found[subject] == pytest.approx(
            float(sum(logs[at - 1, ids[at]] for at in tail)), abs=1e-2
        )


def test_both_readers_see_the_same_words_as_in_training(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    for item in two_ways.verses(30, 1):
        start = two_ways.first_words(item.answer)
        assert item.answer.startswith(start + " ")
        ids = tokenizer.encode(start)
        assert tokenizer.encode(item.answer)[: len(ids)] == ids


def test_the_subject_of_most_couplets_is_named(opened: tuple[GPT, BPETokenizer]) -> None:
    some = two_ways.verses(10, 1)
    named = [two_ways.named(two_ways.log_likelihoods(*opened, item.answer)) for item in some]
    assert sum(n == item.meta["subject"] for n, item in zip(named, some, strict=True)) >= 6


def test_samples_differ_by_seed_alone(opened: tuple[GPT, BPETokenizer]) -> None:
    some = ["the sea", "music"]
    assert two_ways.sampled(*opened, some, 5, 1.0) == two_ways.sampled(*opened, some, 5, 1.0)
    assert two_ways.sampled(*opened, some, 5, 1.0) != two_ways.sampled(*opened, some, 6, 1.0)


def test_equal_copied_and_wrong_couplets_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    item, other, copied = (two_ways.on("the sea", seed) for seed in (1, 2, 3))
    read = frozenset({tasks.evaluate.verse_of(copied.answer)})
    monkeypatch.setattr(tasks.evaluate, "training_couplets", lambda: read)
    four = [item, item, copied, other]
    written = [item.answer, f"  {item.answer}", copied.answer, other.answer]
    assert two_ways.right_new_different(four, written) == 0.5
    assert two_ways.right_new_different(four, [*written[:3], "The sea."]) == 0.25


def test_frames_are_told_apart_by_their_common_words() -> None:
    built = ["\nThe miller and the otter miss the lane.", "\nThe oak and the elm seek the sky,\nI."]
    assert two_ways.commonest_frame(built) == 1
    assert two_ways.commonest_frame([*built, "\nI saw the oak beneath the golden sky."]) == 2 / 3
    assert two_ways.commonest_frame([""]) == 0


def test_trigrams_rhyme_on_the_word_and_write_about_the_subject() -> None:
    table = two_ways.Trigrams(two_ways.verses(1600, 1, "train"), 0.3)
    written = [table.write("the sea", Tape("trigrams", n), "day") for n in range(30)]
    assert len({*written}) > 20
    for text in written:
        first, second = couplets.lines(text)
        assert first[-1] == "day"
        assert two_ways.couplets.rhymes("day", second[-1])
    words = [{*text.lower().replace(",", " ").replace(".", " ").split()} for text in written]
    assert sum(bool(two_ways.SUBJECT_WORDS["the sea"] & some) for some in words) > 25
    free = {couplets.lines(table.write("the sea", Tape("free", n)))[0][-1] for n in range(30)}
    assert len(free) > 10


def test_a_word_that_no_couplet_ended_in_leaves_a_couplet_of_one_word() -> None:
    table = two_ways.Trigrams(two_ways.verses(50, 1, "train"))
    assert table.write("the sea", Tape("none"), "orange") == "\norange,\norange."


def test_sharper_tables_take_the_frequent_word() -> None:
    table = two_ways.Trigrams(two_ways.verses(20, 1, "train"), 0.1)
    counts = {"often": 20, "seldom": 10}
    drawn = [table._draw(Tape("sharp", n), counts) for n in range(200)]
    assert drawn.count("often") > 190


def test_counters_learn_from_more_couplets() -> None:
    pool, test = two_ways.verses(2600, 1, "train"), two_ways.verses(100, 1)
    top = two_ways.best_possible(test)
    for kind in two_ways.COUNTERS:
        few, many = (
            two_ways.counted(kind, two_ways.balanced(pool, n), test, 1.0) for n in (1, 100)
        )
        assert few < 0.3 < 0.55 < many < top + 0.1


def test_the_best_possible_score_is_that_of_the_words_lists() -> None:
    some = two_ways.verses(400, 1)
    assert two_ways.best_possible(some, n=20) == 1  # of whole couplets every subject is named
    assert two_ways.best_possible(some, n=0) == 1 / 16
    assert abs(two_ways.best_possible(some) - (6 / 8 + 2 / 8 / 16)) < 0.08  # six of eight frames


def test_balanced_couplets_are_as_many_on_every_subject() -> None:
    pool = two_ways.verses(400, 1, "train")
    some = two_ways.balanced(pool, 3)
    subjects = [item.meta["subject"] for item in some]
    assert {subjects.count(subject) for subject in two_ways.SUBJECTS} == {3}
    with pytest.raises(ValueError, match="fewer than 300 couplets on"):
        two_ways.balanced(pool, 300)


def test_bayes_rule() -> None:
    logs = {"sea": -2000.0, "farm": -2001.0}
    assert two_ways.by_bayes(logs)["sea"] == pytest.approx(1 / (1 + 2.718281828**-1))
    assert two_ways.by_bayes(logs, {"sea": 0.01, "farm": 0.99})["sea"] < 0.03


# Simple answers


def test_every_simple_answer_is_marked_item_by_item() -> None:
    some = tasks.items("conversation", 30, seed=3)
    found = simple.answers("conversation", some, n_train=100)
    assert {*found} >= {"constant", "nearest document", "if-then bot", "bot with a memory"}
    assert {len(marks) for marks in found.values()} == {30}
    assert sum(found["bot with a memory"]) == 30
    assert sum(found["if-then bot"]) < 10
    ways = simple.answers("sentiment", tasks.items("sentiment", 40, seed=3), n_train=400)
    answers = [item.answer for item in tasks.items("sentiment", 40, seed=3)]
    assert sum(ways["constant"]) in (answers.count(" good"), answers.count(" bad"))


def test_the_constant_answer_is_right_where_there_is_nothing_to_say() -> None:
    for name, neighbour in (("no bug", "debugging"), ("not stated", "reading")):
        for asked, share in ((name, 20), (neighbour, 0)):
            some = tasks.items(asked, 20, seed=3)
            said = f" {tasks.NOTHING[name]}"
            assert sum(tasks.mark(asked, item, said) == "right" for item in some) == share


def test_the_table_is_asked_for_the_word_and_other_draws_are_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simple, "sharpest", lambda asked: 0.3)
    monkeypatch.setattr(tasks.evaluate, "training_couplets", lambda: frozenset())
    read = two_ways.verses(2000, 0, "train")
    monkeypatch.setattr(simple, "read_couplets", lambda: read)
    some = tasks.items("verse", 20, seed=3)
    written = simple._written(some, 0.3)
    pairs = zip(written, some, strict=True)
    assert all(couplets.lines(text)[0][-1] == i.meta["word"] for text, i in pairs)
    assert written != simple._written(tasks.items("verse", 20, seed=4), 0.3)
    assert {*simple.answers("verse", some)} == {"trigrams"}
    assert 0 < sum(simple.copied(some)) <= 20


@pytest.mark.parametrize(("own", "best"), [(0.0, [1, 2]), (0.9, [2, 2])])
def test_the_better_of_two_baselines_counts(
    monkeypatch: pytest.MonkeyPatch, own: float, best: list[int]
) -> None:
    draws = [tasks.items("letters", 2, seed) for seed in (1, 2)]
    marks = {"constant": [False] * 4, "nearest document": [True, False, True, True]}
    monkeypatch.setattr(simple, "answers", lambda name, some: marks)
    monkeypatch.setattr(simple, "family_share", lambda name, some: ("bag of words", own))
    family = sweep.FAMILIES["functions"]
    monkeypatch.setattr(family, "baselines", lambda some: {"bag of words": own})
    way = "bag of words" if own else "nearest document"
    assert sweep.best_simple("letters", draws) == (way, best)


# Both models


def test_plain_reviews_make_one_claim_and_hard_ones_two() -> None:
    plain = real.items("plain reviews", 20, 1)
    assert {item.meta["claims"] for item in plain} == {1}
    assert all(item.meta["text"].count(".") == 1 for item in plain)
    assert {item.meta["claims"] for item in real.items("hard reviews", 20, 1)} == {2}
    assert real.items("plain reviews", 3, 1) == plain[:3]  # the live cell asks for the first three


RIGHT = {
    "arithmetic": ("{}", "To subtract 28 from 43, we get {}.", "43 - 28 = {}"),
    "reading": (" {}", "She plays the {}."),
    "not stated": ("not stated", "It does not explicitly say.", "The text doesn't mention that."),
    "summary": ("{}", "At the end, {}."),
}
WRONG = {
    "arithmetic": ("", "{}, or 1000", "-{}", "{}0"),
    "reading": ("", "{}s", "It is not stated, or {}."),
    "not stated": ("", "goulash", "It is stated."),
    "summary": ("", "Nobody has anything.", "{}; Zeno has the lamp"),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_answers_in_other_words_are_read_generously(kind: str) -> None:
    for item in real.items(kind, 10, 5):
        answer = item.answer.strip()
        assert all(real.is_right(kind, item, text.format(answer)) for text in RIGHT[kind])
        assert not any(real.is_right(kind, item, text.format(answer)) for text in WRONG[kind])


def test_the_value_of_the_other_person_is_not_the_answer() -> None:
    item = next(i for i in real.items("reading", 100, 5) if i.meta["rival"])
    both = f"{item.answer} or {item.meta['rival']}"
    assert not real.is_right("reading", item, both)


@pytest.mark.parametrize("kind", RIGHT)
def test_questions_to_the_other_model_hold_the_whole_item(kind: str) -> None:
    for item in real.items(kind, 5, 5):
        asked = real.question(kind, item)
        if kind == "arithmetic":
            assert f"{item.meta['x']} {item.meta['sign']} {item.meta['y']}?" in asked
        else:
            assert asked.split("\n")[0] in item.prompt
        if kind in ("reading", "not stated"):
            assert item.meta["name"] in asked.split("\n")[2]


def test_a_word_wins_by_what_the_review_adds(
    large: tuple[GPT, BPETokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {(1,): [-1.0, -9.0], (2,): [-2.0, -3.0]}
    monkeypatch.setattr(real, "score_choices", lambda m, t, ids, words: scores[tuple(ids)])
    monkeypatch.setattr(real, "_OF_NOTHING", {})
    assert real.favoured(*large, [2], [1], blank=True) == "bad"
    assert real.favoured(*large, [1], [2], blank=True) == "good"


def test_a_model_of_fernhollow_tells_reviews_apart(large: tuple[GPT, BPETokenizer]) -> None:
    some = real.items("hard reviews", 20, 5)
    words = real.answers(*large, "fernhollow", "hard reviews", some)
    right = [real.is_right("hard reviews", i, w) for i, w in zip(some, words, strict=True)]
    assert sum(right) >= 12


# Records


def record(folder: Path, minus: dict[str, float], conversation: int = 60) -> None:
    """Files as the sweep writes them, with five draws of ten items of each task."""
    rows = [
        {"task": name, "seed": seed, "n": 10, "right": 8, "invented": 2 * (name == "strangers"),
         "best": 3, "best_is": "constant", "copied": 0, "minus_best": minus.get(name, 0.5)}
        for name in tasks.TASKS
        for seed in sweep.SEEDS
    ]  # fmt: skip
    for row in rows:
        if row["task"] == "conversation":
            row |= {"best": conversation // 10, "best_is": "bot with a memory"}
    write_csv(folder / "scores.csv", rows)
    names = ["samples 0.3", "samples 1", "one frame 0.3", "one frame 1", "one frame world"]
    names += ["trigrams", "best possible", "gpt"]
    names += [f"{kind} {shots}" for kind in two_ways.COUNTERS for shots in two_ways.SHOTS]
    ways = [
        {"what": name, "seed": seed, "n": 20, "share": 0.75} for name in names for seed in (1, 2)
    ]
    write_csv(folder / "two_ways.csv", ways)
    models = ("fernhollow", real.NAME)
    write_csv(
        folder / "real.csv",
        [
            {"model": m, "task": kind, "n": 10, "right": 6, "good": 5}
            for kind in real.KINDS
            for m in models
        ],
    )
    write_json(folder / "said.json", {f"{m}: {k}": ["good"] for m in models for k in real.KINDS})


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(recorded, "RESULTS", tmp_path)
    record(tmp_path, {"summary": 0.05, "letters": -0.2})
    return tmp_path


def test_shares_of_all_draws_have_an_interval_over_their_items(written: Path) -> None:
    mean, low, high = recorded.scores()["verse"]
    assert mean == 0.8
    assert 0.66 < low < high < 0.9  # 40 of 50; five equal draws would give no spread at all
    assert recorded.scores("invented")["strangers"][0] == 0.2
    assert recorded.two_ways()["gpt"][0] == 0.75
    assert recorded.both_models()["reading"][real.NAME][0] == 0.6
    assert recorded.both_models("good")["plain reviews"]["fernhollow"][0] == 0.5


def test_findings_say_what_was_recorded(written: Path) -> None:
    says = recorded.finding()
    assert "12 of 14 tasks" in says  # without summary and letters, and without the rows aside
    assert "verse, debugging and conversation. In all, highest: verse, debugging" in says
    assert "does it no better than the model" in recorded.by_hand()
    assert "Of both in equal parts: 80%" in recorded.debugged()
    assert recorded.copied().startswith("Verse: for 0% of the prompts")
    assert "75% of the couplets after 16 with" in recorded.two_ways_finding()
    record(written, dict.fromkeys(tasks.TASKS, 0.0), conversation=100)
    assert "0 of 14 tasks" in recorded.finding()
    assert "claim names: none. In all, highest" in recorded.finding()
    assert "bot with a memory is right 100% of the time" in recorded.by_hand()
    assert "made for this one task does it better than the model" in recorded.by_hand()


def test_the_figures_of_the_claims_are_those_of_their_rules() -> None:
    over = {"verse": 0.5, "debugging": 0.2, "summary": 0.1, "conversation": -1.0, "no bug": 0.0}
    draws = [
        {"task": name, "seed": seed, "n": 10, "right": 8, "minus_best": minus + 0.01 * (seed % 2)}
        for name, minus in (over | {"letters": 0.9}).items()
        for seed in sweep.SEEDS
    ]
    found = sweep.one_model(draws)
    rules = read_rules()
    assert {row["figure"] for row in found} == {c.figure for c in rules["one-model"].conditions}
    assert [row["value"] for row in found if row["figure"] == "tasks_done"] == [2.0]
    assert len([row for row in found if row["figure"] == "no_bug"]) == len(sweep.SEEDS)
    names = ("samples 0.3", "trigrams", "gpt", f"logistic regression {max(two_ways.SHOTS)}")
    ways = [
        {"what": name, "seed": seed, "share": share}
        for seed in sweep.SEEDS
        for name, share in zip(names, (0.9, 0.3, 0.7, 0.8), strict=True)
    ]
    figures = {row["figure"]: row["value"] for row in sweep.generative(ways)}
    assert {*figures} == {c.figure for c in rules["generative"].conditions}
    assert figures["classifier_minus_gpt"] == pytest.approx(0.1)
    assert figures["samples_minus_trigrams"] == pytest.approx(0.6)


def test_recorded_draws_were_not_looked_at_before() -> None:
    assert {*sweep.SEEDS}.isdisjoint({0, 1, 2, 3, 4, simple.TUNED_ON, *range(10, 30)})


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


def choices(form: ipywidgets.VBox) -> list[Choice]:
    return [row.children[0] for row in form.children]


def test_the_form_has_every_claim_once_and_keeps_what_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    form = beliefs.form(path)
    assert len(choices(form)) == len(read_rules())
    choices(form)[0].value = "holds"
    assert beliefs.read(path) == {"one-model": "holds"}
    assert choices(beliefs.form(path))[0].value == "holds"
    said = [row.children[1].value for row in form.children]
    assert said == ["kept: holds", *[""] * (len(said) - 1)]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    form = beliefs.form(tmp_path / "file" / "mine.json")
    choices(form)[0].value = "holds"
    assert "not kept" in form.children[0].children[1].value


def test_the_map_shows_every_lesson_and_every_claim_once() -> None:
    shown = beliefs.course_map().splitlines()
    assert all(
        f"{lesson.no} {lesson.title}: {lesson.question}" in shown for lesson in read_course()
    )
    told = [line.strip() for line in shown if line.startswith("     ")]
    assert sorted(told) == sorted(f"“{claim.claim}”" for claim in read_rules().values())


# Exercises: more wrong answers, whose hints are those of others, and right ones of other types


def said_of(name: str, code: str) -> str:
    entry = next(e for e in exercises.registered(checks.__name__) if e.name == name)
    return exercises.outcome(name, exercises.load_attempt(entry, code)).message


MARK = """
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if (name, attribute) not in truth:
        return "right" if said == "not stated" else "invented"
    return "right" if {} else "wrong"
"""
BAYES = """
def posterior(log_likelihood, prior):
    values = log_likelihood.values()
    weight = {{k: {} * prior[k] for k, v in log_likelihood.items()}}
    total = sum(weight.values())
    with np.errstate(all="ignore"):
        return {{k: w / total for k, w in weight.items()}}
"""
SOFTMAX = """
def posterior(log_likelihood, prior):
    s = torch.tensor([v + math.log(prior[k]) for k, v in log_likelihood.items()]).softmax(-1)
    return dict(zip(log_likelihood, s))
"""


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("mark_answer", MARK.format("truth[name, attribute] in said"), "the answer and more"),
        ("mark_answer", MARK.format("said == truth[name][attribute]"), "keys are pairs"),
        ("posterior", BAYES.format("np.exp(v)"), "Subtract the largest logarithm"),
        ("posterior", BAYES.format("math.exp(v - next(iter(values)))"), "the largest, so that no"),
        ("posterior", BAYES.format("math.exp(v - max(values))"), "✓ posterior: right"),
        ("posterior", BAYES.format("torch.tensor(v - max(values)).exp()"), "✓ posterior: right"),
        ("posterior", SOFTMAX, "✓ posterior: right"),
        ("best_constant", "def best_constant(a):\n    b = max(a, key=a.count)\n"
         "    return [b, torch.tensor(a.count(b) / len(a))]", "✓ best_constant: right"),
    ],
)  # fmt: skip
def test_other_answers_to_the_exercises(name: str, code: str, says: str) -> None:
    assert says in said_of(name, code)


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


def test_no_more_is_written_than_said(opened: tuple[GPT, BPETokenizer]) -> None:
    _, tokenizer = opened
    *_, prompt, go, view = parts(prompt_box(*opened))
    prompt.value = "Write a couplet about the sea."
    go.click()
    text = view.value.split("<b>")[1].split("</b>")[0]
    assert 0 < len(tokenizer.encode(text)) <= NEW


def test_pictures_draw_what_was_recorded(written: Path) -> None:
    ax = pictures.report(recorded.scores(), recorded.scores("best")).axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert {*labels[: len(tasks.ASIDE)]} == {*tasks.ASIDE}  # below the tasks
    ax = pictures.both_ways(recorded.two_ways()).axes[0]
    lines = ax.get_lines()
    sizes = [shots * len(two_ways.SUBJECTS) for shots in two_ways.SHOTS]
    assert list(lines[0].get_xdata()) == sizes
    named = {text.get_text() for text in ax.get_legend().get_texts()}
    assert named == {*two_ways.COUNTERS, "GPT", "best possible"}
    priors = {"one": {"a": 0.9, "b": 0.1}, "other": {"a": 0.2, "b": 0.8}}
    heights = [bar.get_height() for bar in pictures.posteriors(priors).axes[0].patches]
    assert heights == pytest.approx([90, 10, 20, 80])
    bars = pictures.both_models(recorded.both_models()).axes[0].patches
    assert len(bars) == 2 * len(real.KINDS)
