"""The family of bugs: an interpreter of the goals says what each mended program should print."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress

import pytest

from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import bugs

TEXT = re.compile(
    r"(?:Goal: |Task: |Aim: |Check this\. |What is wrong here\? )?"
    r"(?P<goal>(?:Start|Begin|Take).*)\n(?P<lines>(?:\d .*\n)+)"
    r"(?:Bug|Find the bug|Mend it):(?P<answer>.*)"
)
TIMES = {"Twice": 2, "Three times": 3, "Four times": 4, "Five times": 5}


def wanted(goal: str, value: int) -> int:
    """What a goal asks to print, for a value to start with."""

    def changed(value: int, words: str) -> int:
        by = int(re.findall(r"\d+", words)[0])
        return value + by if "add" in words.lower() else value - by

    task = re.sub(r" Print (it|the result)\.$", "", goal).split(". ", 1)[1].rstrip(".")
    times = next((n for words, n in TIMES.items() if words.lower() in task.lower()), 1)
    for _ in range(times):
        if "if it is" in task.lower():
            test, then, otherwise = re.fullmatch(
                r".*if it is (\w+ \d+), (.*), else (.*)", task, re.IGNORECASE
            ).groups()
            than, limit = test.split()
            holds = value < int(limit) if than == "below" else value > int(limit)
            value = changed(value, then if holds else otherwise)
        else:
            for words in task.split(", then "):
                value = changed(value, words)
    return value


def executed(lines: list[str], starts: Sequence[int]) -> list[list[int]]:
    """What Python prints for each value to start with; nothing, where it fails."""
    printed: list[list[int]] = []
    try:
        code = compile("\n".join([re.sub(r"\d+", "START", lines[0]), *lines[1:]]), "", "exec")
    except SyntaxError:
        return [[] for _ in starts]
    for start in starts:
        printed.append([])
        with suppress(NameError):
            known = {"print": printed[-1].append, "range": range}
            exec(code, {"__builtins__": known, "START": start})
    return printed


def checked(text: str) -> tuple[str, list[str]]:
    """The answer of a text and its program when mended; fails unless it does what it should."""
    match = TEXT.fullmatch(text)
    assert match, text
    numbered = [line.split(" ", 1) for line in match["lines"].rstrip("\n").split("\n")]
    assert [int(number) for number, _ in numbered] == list(range(1, len(numbered) + 1))
    lines = [line for _, line in numbered]
    starts = (int(re.findall(r"\d+", match["goal"])[0]), *range(0, 45, 4), 3, 6)
    right = [[wanted(match["goal"], start)] for start in starts]
    assert re.findall(r"\d+", lines[0]) == [str(starts[0])]
    done = executed(lines, starts)
    if match["answer"] == " no bug":
        assert done == right
        return match["answer"], lines
    assert done != right
    said = re.fullmatch(r" line (\d): (\S.*)", match["answer"])
    assert said, text
    at = int(said[1]) - 1
    assert lines[at].strip() != said[2]
    indent = re.match(" *", lines[at])
    assert indent
    lines[at] = indent[0] + said[2]
    assert executed(lines, starts) == right
    return match["answer"], lines


def with_answers(document: str) -> list[str]:
    """A document that asks for a bug; or one text for each program that it only shows."""
    parts = document.split("\n\n")
    return parts if len(parts) == 1 else [f"{part}\nBug: no bug" for part in parts]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [bugs.document(Tape("bugs", i)) for i in range(5000)]


@pytest.fixture(scope="module")
def asking(documents: list[str]) -> list[str]:
    return [document for document in documents if "\n\n" not in document]


def test_documents_are_right_and_show_nothing_held_out(documents: list[str]) -> None:
    assert documents[:50] == [bugs.document(Tape("bugs", i)) for i in range(50)]
    free = shown = 0
    for document in documents[:1500]:
        assert len(document) < 450
        texts = with_answers(document)
        shown += len(texts) == 2
        for text in texts:
            answer, lines = checked(text)
            assert not held_out("program", "\n".join(lines))
            # No more than 9 is added or taken away, so no sum of two two-digit numbers is shown.
            assert all(int(by) < 10 for by in re.findall(r" [+-] (\d+)", "\n".join(lines)))
            free += len(texts) == 1 and answer == " no bug"
    assert 0.36 < shown / 1500 < 0.44
    assert 0.16 < free / (1500 - shown) < 0.24


@pytest.mark.parametrize("split", bugs.SPLITS)
def test_items_are_right_and_new(split: str, documents: list[str]) -> None:
    tape = Tape("items", split)
    made = bugs.items(tape, 500, split)
    assert len(made) == 500
    assert math.isfinite(tape.bits)
    text = "\n".join(documents)
    for item in made:
        _, lines = checked(item.prompt + item.answer)
        assert held_out("program", "\n".join(lines)) == bool(item.absent) == (split != "train")
        assert not any(absent in text for absent in item.absent)
    assert {item.meta["kind"] for item in made} == set(bugs.PROGRAMS)


def test_wrong_answers_are_refused() -> None:
    for item in bugs.items(Tape("wrong"), 120):
        assert bugs.is_correct(item, item.answer)
        assert bugs.is_correct(item, item.answer + " ")
        if item.meta["kind"] == "none":
            assert not any(bugs.is_correct(item, x) for x in (" line 2: x", "", " no", " bug"))
            continue
        line, code = int(item.answer[6]), item.answer[9:]
        near = [code[:-1], code + ")", code.replace("(", ""), "", "x", "print(7)"]
        near += [code.replace("+", "*"), re.sub(r"\d$", "0", code)]
        # The counter of a loop may have any name, all other names are given.
        near += [re.sub(r"\b[a-z]\b", "q", code)] if "for" not in code else []
        near += [code.translate(str.maketrans("+-<>", "-+><"))]
        spoilt = item.meta["spoilt"].split("\n")[line - 1].strip()
        outputs = [f" line {line}: {x}" for x in (*near, spoilt) if x != code]
        outputs += [f" line {line + 1}: {code}", f" line {line - 1}: {code}", f" {code}", " no bug"]
        for output in outputs:
            assert not bugs.is_correct(item, output), (item, output)


def test_each_kind_is_what_it_says() -> None:
    for item in bugs.items(Tape("kinds"), 300):
        right, wrong = item.meta["program"], item.meta["spoilt"]
        kind = item.meta["kind"]
        if kind in ("operator", "comparison"):
            assert sorted(right.translate(str.maketrans("-<", "+>"))) == sorted(
                wrong.translate(str.maketrans("-<", "+>"))
            )
        elif kind in ("colon", "bracket"):
            lost = {"colon": (":",), "bracket": ("(", ")")}[kind]
            assert any(right.count(sign) == wrong.count(sign) + 1 for sign in lost)
        elif kind == "range":
            assert re.sub(r"range\(\d\)", "", right) == re.sub(r"range\(\d\)", "", wrong)
        elif kind == "undefined":
            names = [set(re.findall(r"\b[a-z]\b", text)) for text in (right, wrong)]
            assert len(names[1] - names[0]) == 1


def test_items_ask_as_documents_do(asking: list[str]) -> None:
    def form(text: str) -> str:
        match = TEXT.fullmatch(text)
        assert match
        return text.replace(match["goal"], "").replace(match["lines"], "").replace(
            match["answer"], ""
        )  # fmt: skip

    known = {form(document) for document in asking}
    for split in bugs.SPLITS:
        forms = {form(i.prompt + i.answer) for i in bugs.items(Tape("f"), 200, split)}
        assert forms.isdisjoint(known) if split == "wording" else forms == known


def test_baselines_are_far_below_the_target() -> None:
    scores = bugs.baselines(bugs.items(Tape("baselines of", 1), 300), n_train=100)
    assert len(scores) == 3
    assert max(scores.values()) < 0.7


def test_tape_counts_every_choice() -> None:
    lines = ["a = 1", "for i in range(3):", "    a = a + 2", "print(a)"]
    for kind in ("keyword", "undefined", "operator", "colon", "bracket", "range"):
        outcomes = list(enumerate_outcomes(lambda tape, kind=kind: bugs._spoil(tape, kind, lines)))
        assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
        assert all(spoilt != lines for (_, spoilt), _ in outcomes)
    tape = Tape("bits")
    bugs.document(tape)
    assert 0 < tape.bits < 60


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="split='new'"):
        bugs.items(Tape("x"), 1, "new")
