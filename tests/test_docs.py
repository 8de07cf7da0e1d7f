"""The pages for instructors: the concept test, its answers, the syllabus, and the classroom."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import kernels
from lessons import build, ledger
from lessons.course import ROOT, Lesson, read_course

DOCS = ROOT / "docs"
COURSE = {lesson.no: lesson for lesson in read_course()}
PLANS = ["Half a day", "Six weeks", "A semester"]
PLANNED = " (planned)"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


# --- the concept test ---------------------------------------------------------------------------


def questions() -> list[dict[str, str]]:
    """The options of each question, by letter."""
    parts = re.split(r"(?m)^(?=\d+\. )", text("concept_test.md"))[1:]
    assert [int(part.split(".")[0]) for part in parts] == [*range(1, 21)]
    return [dict(re.findall(r"(?m)^ +- ([A-D])\. (.+)$", part)) for part in parts]


def answers() -> list[tuple[str, list[str]]]:
    """The right letter of each question, and the lessons that it belongs to."""
    rows = re.findall(r"(?m)^\| (\d+) \| ([A-D]) \| (.+?) \|", text("concept_test_answers.md"))
    assert [int(number) for number, _, _ in rows] == [*range(1, 21)]
    return [(letter, lessons.split(", ")) for _, letter, lessons in rows]


def test_the_concept_test_has_twenty_questions_of_four_options() -> None:
    for number, options in enumerate(questions(), 1):
        assert [*options] == ["A", "B", "C", "D"], number
        assert len({*options.values()}) == 4, number


def test_every_question_has_an_answer_and_no_letter_is_a_good_guess() -> None:
    letters = Counter(letter for letter, _ in answers())
    assert {*letters} == {"A", "B", "C", "D"}
    assert max(letters.values()) <= 6
    assert all({*lessons} <= {*COURSE, "all"} for _, lessons in answers())


def test_no_length_is_a_good_guess() -> None:
    """Who always takes the longest option, or the shortest one, learns little by it."""
    longest = shortest = 0
    for options, (letter, _) in zip(questions(), answers(), strict=True):
        lengths = {key: len(option) for key, option in options.items()}
        longest += lengths[letter] == max(lengths.values())
        shortest += lengths[letter] == min(lengths.values())
        assert max(lengths.values()) <= 1.5 * min(lengths.values()), options
    assert longest <= 7
    assert shortest <= 7


# --- the syllabus -------------------------------------------------------------------------------


def plan(heading: str) -> list[list[str]]:
    """The rows of a plan's table, cell by cell."""
    (section,) = re.findall(rf"(?ms)^## {heading}\n(.*?)(?=^## )", text("syllabus.md"))
    _, rule, *rows = [line for line in section.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"[| -]+", rule)
    assert len(rows) > 5
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def scheduled(cells: list[str]) -> list[tuple[str, bool, bool]]:
    """Lessons in order: the number, whether the second notebook is meant, whether it is marked."""
    name = re.compile(r"(second notebook of )?(?<![\w:])(\d\d)(?![\w:])( \(planned\))?")
    joined = " | ".join(cells)
    found = name.findall(joined)
    assert joined.count("second notebook") == sum(bool(second) for second, _, _ in found)
    assert joined.count("planned") == sum(bool(mark) for _, _, mark in found)
    return [(no, bool(second), bool(mark)) for second, no, mark in found]


def in_plan(heading: str) -> list[tuple[str, bool, bool]]:
    """What a plan schedules. The times and the numbers of its questions are no lessons."""
    if heading == "Half a day":
        cells = [what for _, minutes, what, _ in plan(heading) if minutes == "50"]
    else:
        cells = [cell for _, *rest in plan(heading) for cell in rest]
    found = scheduled(cells)
    assert len(found) >= 4
    return found


def second_notebook(lesson: Lesson) -> bool:
    return any(not source.core and source.notebook.is_file() for source in lesson.sources)


@pytest.mark.parametrize("heading", PLANS)
def test_what_a_plan_schedules_exists_or_is_marked_as_planned(heading: str) -> None:
    for no, second, marked in in_plan(heading):
        lesson = COURSE[no]
        what = f"{'the second notebook of ' if second else ''}lesson {no}"
        there = second_notebook(lesson) if second else lesson.notebook.is_file()
        if there:
            assert not marked, f"{what} has come: take the mark{PLANNED} off, in docs/syllabus.md"
            continue
        assert marked, f"{what} has no notebook: mark it{PLANNED} in docs/syllabus.md"
        sources = ["deeper.md", "deeper_draft.md"] if second else ["lesson.md", "draft.md"]
        assert any((lesson.folder / name).is_file() for name in sources), f"{what} has no source"


def test_marks_are_read() -> None:
    row = ["1", "00 (planned), concept test", "second notebook of 06; train", "exercises of 01, 02"]
    assert scheduled(row[1:]) == [
        *(("00", False, True), ("06", True, False)),
        *(("01", False, False), ("02", False, False)),
    ]
    with pytest.raises(AssertionError):
        scheduled(["03 and its second notebook"])


def missing(heading: str) -> dict[str, list[str]]:
    """What each lesson of a plan needs that stands nowhere before it in that plan."""
    needs: dict[str, list[str]] = {}
    seen: set[str] = set()
    for no, _, _ in in_plan(heading):
        lacks = [need for need in COURSE[no].prerequisites if need not in seen]
        if no not in seen and lacks:
            needs[no] = lacks
        seen.add(no)
    return needs


def test_prerequisites_come_first_or_are_named() -> None:
    assert missing("Six weeks") == {}
    assert missing("A semester") == {}
    skipped = missing("Half a day")
    assert skipped
    said = ", ".join(f"{no} needs {' and '.join(needs)}" for no, needs in skipped.items())
    assert f"What is skipped: {said}." in text("syllabus.md")


def test_the_times_of_half_a_day_add_up() -> None:
    clock = breaks = 0
    rows = plan("Half a day")
    for start, minutes, what, _ in rows:
        hours, _, rest = start.partition(":")
        assert int(hours) * 60 + int(rest) == clock, f"{what} begins at {start}"
        if re.match(r"\d\d\b", what):
            assert int(minutes) == COURSE[what[:2]].minutes[0]
        breaks += int(minutes) if what == "break" else 0
        clock += int(minutes or 0)
    assert [minutes for _, minutes, _, _ in rows].count("") == 1
    assert rows[-1][2] == "end"
    assert clock <= 5 * 60
    assert f"{breaks} minutes of breaks" in text("syllabus.md")


def test_the_test_of_half_a_day_asks_about_its_lessons() -> None:
    rows = [(minutes, what) for _, minutes, what, _ in plan("Half a day") if "concept test" in what]
    (before, asked), (after, again) = rows
    assert before == after
    assert again == "concept test, the same questions"
    numbers: list[int] = []
    for first, last in re.findall(r"(\d+) to (\d+)", asked):
        numbers += range(int(first), int(last) + 1)
    assert len(numbers) <= int(before)
    given = {no for no, _, _ in in_plan("Half a day")} | {"all"}
    assert all(given & {*answers()[number - 1][1]} for number in numbers)


@pytest.mark.parametrize("heading", PLANS[1:])
def test_the_meetings_of_a_course_hold_what_they_schedule(heading: str) -> None:
    """Ninety minutes a meeting: one lesson of 50 or more, the test of 20, the capstones."""
    rows = plan(heading)
    assert [int(week) for week, *_ in rows] == [*range(1, len(rows) + 1)]
    meetings = [cell for _, first, second, *_ in rows for cell in (first, second)]
    for meeting in meetings:
        lessons = {no for no, second, _ in scheduled([meeting]) if not second}
        minutes = sum(COURSE[no].minutes[0] for no in lessons)
        assert minutes + 20 * meeting.count("concept test") <= 90, meeting
    tests = [place for place, meeting in enumerate(meetings) if "concept test" in meeting]
    assert tests == [0, len(meetings) - 1]
    assert "the capstones" in meetings[-1]
    assert "(20 minutes," in text("concept_test.md")


def test_the_syllabus_says_how_long_notebooks_take_and_which_lessons_it_leaves_out() -> None:
    page = " ".join(text("syllabus.md").split())
    assert {lesson.minutes for lesson in COURSE.values()} == {(50, 75)}
    assert "A lesson is 50 minutes presented, or 75 alone" in page
    minutes = []
    for path in sorted((ROOT / "lessons").glob("l*/deeper*.md")):
        (said,) = re.findall(r"\*\*Time:\*\* (\d+) minutes", path.read_text(encoding="utf-8"))
        minutes.append(int(said))
    assert f"takes {min(minutes)} to {max(minutes)} minutes more" in page
    given = {no for heading in PLANS for no, _, _ in in_plan(heading)}
    *others, last = [no for no in COURSE if no not in given]
    assert f"Lessons {', '.join(others)} and {last} are in none of the plans." in page
    marks = any(marked for heading in PLANS for _, _, marked in in_plan(heading))
    assert marks == ('"(planned)" marks' in page), "no mark is left: take its explanation away"


def test_the_syllabus_holds_the_graph_and_names_commands_that_there_are() -> None:
    page = text("syllabus.md")
    assert ledger.prerequisites() in page
    commands = re.findall(r"`python -m lessons (\w+)", page)
    assert commands
    for command in commands:
        build._parser().parse_known_args([command])  # leaves Python if it knows no such command


# --- the classroom ------------------------------------------------------------------------------


def commands(start: str) -> list[list[str]]:
    """The commands of the classroom page that begin in this way, word by word."""
    found = re.findall(rf"(?m)^({re.escape(start)}.*)$", text("classroom.md"))
    assert found
    return [shlex.split(line, comments=True) for line in found]


def test_the_load_test_takes_these_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernels themselves are left out: they fill the machine."""
    ran = []

    def together(notebook: Path, kernels: int, environment: dict[str, str]) -> dict[str, int]:
        ran.append((notebook.name, kernels))
        return {"failed": 0}

    monkeypatch.setattr(kernels, "together", together)
    monkeypatch.setenv("MINIGPT_HOME", str(tmp_path))
    (tmp_path / kernels.NAME).mkdir()
    monkeypatch.setattr(kernels, "share", lambda name: None)
    for _, _, module, *options in commands("python -m benchmarks.kernels"):
        assert module == "benchmarks.kernels"
        assert kernels.main(options) == 0
    assert ran == [("04_self_attention.ipynb", 20)] * 2


def test_figures_of_the_load_test_are_the_recorded_ones() -> None:
    runs = json.loads(kernels.RECORD.read_text(encoding="utf-8"))["runs"]
    told = []
    for run in runs:
        assert run["lesson"] == "04"
        assert run["failed"] == 0
        assert run["machine"].endswith(" 2 cores, 24 GiB")
        weights = {"none": "without the real weights", "shared": "with the real weights shared"}
        peak, each = run["memory_peak_mb"], round(run["memory_peak_mb_a_kernel"], -1)
        alone = run["kernels"] == 1
        count = "1 kernel alone" if alone else f"{run['kernels']} kernels at once"
        memory = f"{peak} MB" if alone else f"{peak / 1000:.1f} GB together at most, {each} MB each"
        seconds = f"{run['seconds_in_all']:.0f} seconds"
        told.append(f"- {weights[run['weights']]}, {count}: {seconds}, {memory}")
    page = text("classroom.md")
    (figures,) = re.findall(r"(?s)<!-- kernels:begin -->\n(.*?)\n<!-- kernels:end -->", page)
    assert figures.splitlines() == told
    assert "Measured with lesson 04 on 2 cores and 24 GiB" in page


def test_a_clone_does_not_hide_the_package(tmp_path: Path) -> None:
    """A folder `minigpt` in the working folder, as a clone makes it, comes before the package."""
    (line,) = commands("!git clone")
    folder = line[line.index("CLONE_URL") + 1]
    assert f"./{folder}[lab,real]" in line, "what is cloned is what is installed"
    assert folder not in {"minigpt", "lessons"}
    ask = "import importlib.util as u; print(*(u.find_spec(n).origin for n in {!r}))"
    names = ("minigpt", "lessons")

    def origins(clone: str) -> list[str]:
        working = tmp_path / f"with_{clone}"
        for name in names:
            package = working / clone / name
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
        variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        command = [sys.executable, "-c", ask.format(names)]
        done = subprocess.run(command, cwd=working, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert origins("minigpt")[0] == "None", "the trap: the folder itself, with nothing in it"
    assert origins(folder) == [str(ROOT / name / "__init__.py") for name in names]


@pytest.mark.slow
def test_the_commands_of_the_classroom_page_write_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slides, solutions and assignments; tests/test_grade.py grades."""
    ran = set()
    for line in re.findall(r"(?m)^python -m lessons (?!grade ).*$", text("classroom.md")):
        _, _, _, command, *options = shlex.split(line, comments=True)
        out = tmp_path / command
        assert build.main([command, *options, "--out", str(out)]) == 0
        assert [path for path in out.rglob("*") if path.is_file()]
        ran.add(command)
        if promised := re.findall(r"# (\S+/\S+)$", line):
            (path,) = promised
            assert (tmp_path / path).is_file()
    assert ran == {"slides", "solutions", "assignments"}


def test_laptops_without_a_gpu_get_the_line_of_the_readme() -> None:
    line = '`make lab PIP_ARGS="--extra-index-url ADDRESS"`'
    address = "<https://pytorch.org/get-started/locally/>"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in (readme, text("classroom.md")):
        assert line in page
        assert address in page


@pytest.mark.skipif(os.name == "nt", reason="Binder runs Linux")
def test_binder_starts_as_make_lab_does(tmp_path: Path) -> None:
    script = ROOT / "binder" / "start"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith('\nexec "$@"')
    show = "import os, sys; print(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONSTARTUP']); "
    command = [script, sys.executable, "-c", show + "print(sys.argv[1])", "two words"]
    clean = {k: v for k, v in os.environ.items() if k not in {"OMP_NUM_THREADS", "PYTHONSTARTUP"}}

    def started(**variables: str) -> list[str]:
        done = subprocess.run(
            command, cwd=tmp_path, env=clean | variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    startup = ROOT / "lessons" / "startup.py"
    assert startup.is_file()
    assert started() == [f"1 {startup}", "two words"]
    assert started(OMP_NUM_THREADS="2", PYTHONSTARTUP="mine.py")[0] == "2 mine.py"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "lab: export PYTHONSTARTUP ?= $(CURDIR)/lessons/startup.py\n" in makefile
