"""The pages for instructors: the concept test, its answers, and the syllabus."""

from __future__ import annotations

import re
from collections import Counter

from lessons import build, ledger
from lessons.course import ROOT, read_course

DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_concept_test_has_twenty_questions_of_four_options() -> None:
    questions = re.split(r"(?m)^(?=\d+\. )", text("concept_test.md"))[1:]
    assert [int(q.split(".")[0]) for q in questions] == [*range(1, 21)]
    for question in questions:
        options = re.findall(r"(?m)^ +- ([A-D])\. (.+)$", question)
        assert [letter for letter, _ in options] == ["A", "B", "C", "D"], question
        assert len({said for _, said in options}) == 4


def test_every_question_has_an_answer_and_no_letter_is_a_good_guess() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| ([A-D]) \| (.+?) \|", text("concept_test_answers.md"))
    assert [int(number) for number, _, _ in rows] == [*range(1, 21)]
    assert max(Counter(letter for _, letter, _ in rows).values()) <= 6
    known = {lesson.no for lesson in read_course()} | {"all"}
    assert all(set(lessons.split(", ")) <= known for _, _, lessons in rows)


def test_the_syllabus_names_lessons_and_commands_that_there_are() -> None:
    page = text("syllabus.md")
    assert ledger.prerequisites() in page
    named = {
        no for row in re.findall(r"(?m)^\| \d+ \| .*$", page) for no in re.findall(r"\b\d\d\b", row)
    }
    assert named <= {lesson.no for lesson in read_course()}
    for command in re.findall(r"`python -m lessons (\w+)", page):
        assert build._parser().parse_known_args([command, "x"])[0].command == command
