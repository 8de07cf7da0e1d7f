"""Grading: right, stub, wrong, and what students (and others) hand in besides."""

from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from lessons import build, grade, solutions, submission
from lessons.course import Source, find_lesson, read_course
from lessons.source import EXERCISE_TAG, solved_notebook, student_notebook, tags

LESSON = find_lesson("06", read_course())
CORE, DEEPER = LESSON.sources
NAMES = submission.asked(CORE)
linux = pytest.mark.skipif(sys.platform != "linux", reason="not on this system: docs/classroom.md")


def notebook(path: Path, *cells: str, about: object = None) -> Path:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    if about is not None:
        made.metadata["minigpt"] = about
    nbformat.write(made, path)
    return path


def solved(source: Source = CORE) -> list[str]:
    """The code cells of a notebook with its solutions."""
    return [c.source for c in solved_notebook(source).cells if c.cell_type == "code"]


def solution(name: str) -> str:
    return next(cell for cell in solved() if f"def {name}(" in cell)


def guarded(name: str, guard: str) -> str:
    """A right answer, unless `guard` (lines of a function) raises first."""
    lines = "\n    ".join(guard.strip().splitlines())
    answer = solution(name).replace(f"def {name}(", "def answer(")
    return f"{answer}\ndef {name}(*args):\n    {lines}\n    return answer(*args)\n"


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def statuses(path: Path, **limits: float) -> dict[str, str]:
    rows = grade.grade(path, **limits)  # type: ignore[arg-type]
    assert all(row["points"] == (row["status"] == "right") for row in rows)
    return {row["exercise"]: row["status"] for row in rows}


def test_the_solutions_are_right_and_nothing_else_of_the_notebook_runs(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", *solved(), "open('ran', 'w')", "1 / 0")
    assert statuses(path) == dict.fromkeys(NAMES, "right")
    assert not (tmp_path / "ran").exists()


def test_the_students_notebook_as_it_came_is_not_attempted(tmp_path: Path) -> None:
    made = student_notebook(CORE)
    nbformat.write(made, tmp_path / "b.ipynb")
    core = [c.source for c in made.cells if EXERCISE_TAG in tags(c)]
    assert all(any(f"def {name}(" in cell for cell in core) for name in NAMES)
    assert statuses(tmp_path / "b.ipynb") == dict.fromkeys(NAMES, "not attempted")


def test_a_lessons_two_notebooks_are_graded_apart(tmp_path: Path) -> None:
    notebook(tmp_path / f"anna_{CORE.notebook.name}", *solved(CORE))
    notebook(tmp_path / f"anna_{DEEPER.notebook.name}", *solved(DEEPER))
    out = tmp_path / "g.csv"
    assert build.main(["grade", str(tmp_path), "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = [(row["lesson"], row["exercise"], row["status"]) for row in csv.DictReader(file)]
    wanted = [("06", name, "right") for name in NAMES]
    assert rows == wanted + [("06b", name, "right") for name in submission.asked(DEEPER)]
    assert submission.names(LESSON) == [name for _, name, _ in rows]


def test_which_notebook_it_is_say_metadata_then_name_then_content(tmp_path: Path) -> None:
    both = [*solved(CORE), *solved(DEEPER)]
    about = {s: dict(student_notebook(s).metadata["minigpt"]) for s in (CORE, DEEPER)}
    old = {"source_sha256": "0" * 64}

    def source(name: str, cells: list[str], about: object = None) -> Source:
        return submission.read(notebook(tmp_path / name, *cells, about=about)).source

    assert source("x.ipynb", both, about[DEEPER]) == DEEPER
    assert source(DEEPER.notebook.name, both, about[CORE]) == CORE
    assert source(f"{DEEPER.notebook.stem} (1).ipynb", both, old) == DEEPER
    assert source("x.ipynb", both) == CORE  # it defines most of that one's
    assert source("x.ipynb", solved(DEEPER), "?") == DEEPER
    (other,) = [other for other in read_course() if other.no == "01"]
    assert source(other.notebook.name, solved(CORE)) == CORE  # a wrong name


def test_a_wrong_answer_gets_its_hint_and_helpers_of_ones_own_count(tmp_path: Path) -> None:
    name, other = NAMES[0], NAMES[1]
    renamed = solution(name).replace(f"def {name}(", "def helper(")
    path = notebook(
        tmp_path / "c.ipynb",
        "%matplotlib inline\nimport torch\n!ls\ntorch.nn?",
        renamed,
        f"def {name}(*args):\n    return helper(*args)",
        f"def {other}(*args):\n    return 42",
        "def broken(:\n    pass",
    )
    rows = {row["exercise"]: row for row in grade.grade(path)}
    assert rows[name]["status"] == "right"
    assert rows[other]["status"] == "not right"
    assert "think:" in rows[other]["message"]
    missing = [row for row in rows.values() if row["status"] == "missing"]
    assert all("code cell 5, line 1: SyntaxError" in row["message"] for row in missing)


ATTACKS = {
    "endless": "def {name}(*args):\n    while True:\n        pass",
    "endless at import": "class Trap:\n    while True:\n        pass\n",
    "exit": "def {name}(*args):\n    import os\n    os._exit(0)",
    "crash": "def {name}(*args):\n    import ctypes\n    ctypes.string_at(0)",
    "signal": "def {name}(*args):\n    import os\n    os.kill(os.getpid(), 40)",
    "fake": """
def {name}(*args):
    import os
    said = b'{{"name": "{name}", "status": "right", "message": "forged"}}'
    for number in range(3, 256):
        try:
            os.write(number, b'\\n' + said + b'\\n')
        except OSError:
            pass
    os._exit(0)
""",
    "deep": "def {name}(*args):\n    return {name}(*args)",
    "quits": "def {name}(*args):\n    raise SystemExit",
    "keys": "def {name}(*args):\n    raise KeyboardInterrupt",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_code_is_survived(tmp_path: Path, attack: str) -> None:
    name = NAMES[0]
    code = ATTACKS[attack].format(name=name)
    seconds = 25 if "def" in code else 8
    path = notebook(tmp_path / "d.ipynb", code, "" if "def" in code else solution(name))
    start = time.perf_counter()
    rows = grade.grade(path, seconds=seconds)
    assert time.perf_counter() - start < 2 * seconds + 20
    row = next(row for row in rows if row["exercise"] == name)
    assert row["status"] != "right", row
    assert row["message"]
    if "def" not in code:
        assert "stopped after 8 seconds" in rows[1]["message"]
        assert "no time was left" in rows[2]["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "says"),
    [("import os; os._exit(0)", "with status 0"), ("sum(range(10**12))", "after 20 seconds")],
    ids=["ends", "hangs"],
)
def test_what_ends_its_process_costs_no_other_exercise(
    tmp_path: Path, attack: str, says: str
) -> None:
    first, second, third = NAMES
    cells = [solution(first), f"def {second}(*args):\n    {attack}", solution(third)]
    rows = grade.grade(notebook(tmp_path / "d.ipynb", *cells), seconds=20)
    assert [row["status"] for row in rows] == ["right", "stopped", "right"]
    assert says in rows[1]["message"]


# What these leave behind ends by itself, also where nothing stops it.
LEAVE = """
def {name}(*args):
    import os, time
    def stay(seconds):
        with open({pids!r}, "a") as file:
            print(os.getpid(), file=file)
        time.sleep(seconds)
        os._exit(0)
"""
DETACHED = f"""{LEAVE}
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            stay(60)
        os._exit(0)
    time.sleep(2)
    os._exit(0)
"""
FORKS = f"""{LEAVE}
    for _ in range(200):
        if os.fork() == 0:
            os.setsid()
            stay(20)
        time.sleep(0.01)
    time.sleep(5)
    os._exit(0)
"""


@linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "says", "most"),
    [(DETACHED, "ended with status 0", 1), (FORKS, "more than 20 processes", 150)],
    ids=["detached", "forks"],
)
def test_processes_that_an_answer_starts_are_counted_and_ended(
    tmp_path: Path, attack: str, says: str, most: int
) -> None:
    pids = tmp_path / "pids"
    code = attack.format(name=NAMES[0], pids=str(pids))
    path = notebook(tmp_path / "d.ipynb", code, *map(solution, NAMES[1:]))
    start = time.perf_counter()
    rows = grade.grade(path, seconds=20)
    assert time.perf_counter() - start < 40
    assert [row["status"] for row in rows] == ["stopped", "right", "right"]
    assert says in rows[0]["message"]
    started = [int(line) for line in pids.read_text().split()]
    assert 1 <= len(started) <= most
    assert not [pid for pid in started if running(pid)]


@linux  # RLIMIT_AS binds nowhere else
def test_memory_and_files_are_bounded(tmp_path: Path) -> None:
    memory = """
import mmap
try:
    mmap.mmap(-1, 5_000_000_000)
except OSError:
    pass
else:
    raise ValueError("no limit of memory")
"""
    files = """
try:
    with open("big", "wb") as file:
        file.write(bytes(11_000_000))
except OSError:
    pass
else:
    raise ValueError("no limit of files")
"""
    cells = [guarded(NAMES[0], memory), guarded(NAMES[1], files).replace("answer(", "other(")]
    rows = grade.grade(notebook(tmp_path / "e.ipynb", *cells, solution(NAMES[2])))
    assert [row["status"] for row in rows] == ["right"] * 3, rows


def test_the_graders_secrets_are_out_of_reach_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    look = f"""
import os, pathlib
if "API_KEY" in os.environ or "hunter2" in str(dict(os.environ)):
    raise ValueError("the key")
if os.path.expanduser("~") == {str(Path.home())!r}:
    raise ValueError("the home")
if os.getcwd() == {os.getcwd()!r}:
    raise ValueError("the folder")
"""
    rows = grade.grade(notebook(tmp_path / "f.ipynb", guarded(NAMES[0], look)))
    assert rows[0]["status"] == "right", rows[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no notebook"),
        (b"\xff\xfe\x00", "no notebook"),
        (b'{"cells": 1}', "no notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "none of the"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_named(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "x.ipynb").write_bytes(content)
    (row,) = grade.grade(tmp_path / "x.ipynb")
    assert row["status"] == "unreadable"
    assert says in row["message"]


@pytest.mark.slow
def test_a_secret_seed_gives_other_inputs_and_is_not_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINIGPT_GRADE_SEED", "777")  # as it may stand there for nbgrader
    look = """
import os, pathlib, subprocess, sys
seen = [str(dict(os.environ)), str(sys.argv), str(sys.orig_argv)]
for name in ("environ", "cmdline"):
    for path in pathlib.Path("/proc/self").glob(name):
        seen.append(path.read_text(errors="replace"))
if any("GRADE_SEED" in text or "4815162342" in text for text in seen):
    raise ValueError("seen")
"""
    cells = [guarded(NAMES[0], look), *map(solution, NAMES[1:])]
    rows = grade.grade(notebook(tmp_path / "a.ipynb", *cells), seed="4815162342")
    assert [row["status"] for row in rows] == ["right"] * 3, rows

    tells = f"""
def {NAMES[2]}(*args):
    import hashlib
    raise ValueError(hashlib.sha256(repr(args).encode()).hexdigest()[:16])
"""
    path = notebook(tmp_path / "b.ipynb", tells)
    public, again, secret = (grade.grade(path, seed=s)[2]["message"] for s in ("", "", "777"))
    assert "ValueError: " in public
    assert public == again != secret
    assert build.main(["grade", str(tmp_path), "--seed", "mine"]) == 2
    assert "choose a whole number" in capsys.readouterr().err


def test_a_folder_becomes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "handed in é"
    (folder / "deep" / ".ipynb_checkpoints").mkdir(parents=True)
    notebook(folder / "=cmd.ipynb", solution(NAMES[0]))
    notebook(folder / "deep" / "ben.ipynb", "x = 1")
    notebook(folder / "deep" / ".ipynb_checkpoints" / "ben.ipynb", "x = 1")
    assert build.main(["grade", str(folder), "--out", str(tmp_path / "g.csv")]) == 0
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == [*grade.COLUMNS]
    assert {row["file"] for row in rows} == {"'=cmd.ipynb", "deep/ben.ipynb"}
    assert sum(int(row["points"]) for row in rows) == 1
    assert f"'=cmd.ipynb: 1 of {len(NAMES)}" in capsys.readouterr().out
    assert build.main(["grade", str(tmp_path / "none")]) == 2
    assert build.main(["grade", str(folder / "deep" / ".ipynb_checkpoints")]) == 2
    assert "there is no notebook" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("import os\nprint(1)\nx = 3\ny = x + 1", "import os\nx = 3"),
        ("%time\n!rm -rf /\n?x\nx?\ndef f():\n    return 1", "def f():\n    return 1"),
        ("@print\ndef f(): pass", "@print\ndef f():\n    pass"),
        ("for i in range(3):\n    pass", ""),
        ("model = load('x')", ""),
        ("f = lambda x: x + 1", "f = lambda x: x + 1"),
        # What only notebooks understand, and what only looks like it.
        ("x = !ls\ny = %pwd\nmath.log??\nif 1:\n    %matplotlib inline\nz = 1", "z = 1"),
        ("n = (7\n% 4)\ndef answer(): return n", "n = 7 % 4\n\ndef answer():\n    return n"),
        ("t = '''What?\n% 1\n!'''", "t = 'What?\\n% 1\\n!'"),
        ("def f():\n    '''What is it?\n    '''", "def f():\n    '''What is it?\n    '''"),
        ("%%time\nx = 1", "x = 1"),
        ("%%bash\nx=1\nrm -rf /", ""),
        ("await f()\nx = 1", "x = 1"),
        # What the answer needs, by way of others too, and nothing else.
        (
            "import math\nlog = math.log\nln2 = log(2)\nother = log(3)\ndef answer(x):\n"
            "    other = x\n    return other / ln2",
            "import math\nlog = math.log\nln2 = log(2)\n\ndef answer(x):\n    other = x\n"
            "    return other / ln2",
        ),
        ("a, b = f()\ndef answer(): return b", "a, b = f()\n\ndef answer():\n    return b"),
        ("def answer(model): return model\nmodel = f()", "def answer(model):\n    return model"),
    ],
)
def test_definitions_are_what_is_run(cell: str, kept: str) -> None:
    body = ast.parse(submission.plain(cell)).body
    places = submission.definitions({7: body}, ["answer"]).get(7, [])
    found = ast.unparse(ast.Module([body[at] for at in places], []))
    assert found == ast.unparse(ast.parse(kept))


def test_a_message_names_the_line_of_the_cell(tmp_path: Path) -> None:
    answer = f"# mine\n\ndef {NAMES[0]}(*args):\n    one = 1\n    return one / undefined_here\n"
    rows = grade.grade(notebook(tmp_path / "a.ipynb", "import math\nx = 1", answer))
    assert "in line 5 of your code (`return one / undefined_here`)" in rows[0]["message"]


def test_constants_that_are_computed_and_lambdas_count(tmp_path: Path) -> None:
    name = "bits_per_byte"
    right = solution(name).replace(f"def {name}(", "def answer(")
    for cell in (
        f"import math\nstep = math.log(1)\n{right}\ndef {name}(*a): return answer(*a) + step",
        f"{right}\n{name} = lambda *a: answer(*a)\ndef {NAMES[0]}(): pass",
    ):
        assert statuses(notebook(tmp_path / "a.ipynb", cell))[name] == "right"


def test_a_file_of_any_name_is_graded_and_none_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    notebook(folder / "M\u00fcller \u2192.ipynb", solution(NAMES[0]))
    notebook(folder / "UPPER.IPYNB", solution(NAMES[0]))
    (folder / "gone.ipynb").symlink_to(folder / "nowhere")
    done = subprocess.run(
        [sys.executable, "-m", "lessons", "grade", str(folder), "--out", str(tmp_path / "g.csv")],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert r"M\xfcller \u2192.ipynb: 1 of" in done.stdout
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        found = {
            row["file"]: row["status"] for row in csv.DictReader(file) if row["status"] != "missing"
        }
    assert found == {
        "M\u00fcller \u2192.ipynb": "right",
        "UPPER.IPYNB": "right",
        "gone.ipynb": "unreadable",
    }


@pytest.mark.parametrize(
    "odd",
    [
        f"def deep(): return {'+'.join(['1'] * 3000)}",
        f"def deep(): return {'(' * 150}1{')' * 150}",
        f"x = {'-' * 2000}1",
        f"x = {'[' * 90}{']' * 90}",
        "def deep():\n" + "".join(f"{' ' * n}if 1:\n" for n in range(1, 90)) + " " * 91 + "pass",
        "return 1",
        "await x",
        "x = '\\ud800'",
        "nonlocal x",
        "%%time",
        "%%",
        "!",
    ],
    ids=range(12),
)
def test_odd_code_costs_no_other_cell(tmp_path: Path, odd: str) -> None:
    found = statuses(notebook(tmp_path / "a.ipynb", odd, solution(NAMES[0])))
    assert found[NAMES[0]] == "right"


def test_a_cell_that_awaits_something_counts(tmp_path: Path) -> None:
    cell = f"import asyncio\nawait asyncio.sleep(0)\n{solution(NAMES[0])}"
    assert statuses(notebook(tmp_path / "a.ipynb", cell))[NAMES[0]] == "right"


@linux
def test_what_is_finished_outlives_a_submission_that_ends_everything(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    notebook(folder / "a.ipynb", solution(NAMES[0]))
    victim = notebook(folder / "c.ipynb", solution(NAMES[0]))
    remove = f"import pathlib\npathlib.Path({str(victim)!r}).unlink(missing_ok=True)"
    notebook(folder / "b.ipynb", guarded(NAMES[0], remove))
    out = tmp_path / "g.csv"
    command = [sys.executable, "-m", "lessons", "grade", str(folder), "--processes", "1"]
    command += ["--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)

    def right() -> list[str]:
        with out.open(encoding="utf-8", newline="") as file:
            return [row["file"] for row in csv.DictReader(file) if row["status"] == "right"]

    assert not victim.exists()
    assert right() == ["a.ipynb", "b.ipynb", "c.ipynb"], "all were read before the first one ran"
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    notebook(folder / "b.ipynb", guarded(NAMES[0], kill))
    notebook(folder / "c.ipynb", solution(NAMES[0]))
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == -9
    assert right() == ["a.ipynb"]


def test_solutions_are_written(tmp_path: Path) -> None:
    assert build.main(["solutions", "06", "--out", str(tmp_path)]) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(source.notebook.name for source in LESSON.sources)
    text = (tmp_path / LESSON.notebook.name).read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert 'NotImplementedError(\\"your turn' not in text
    assert solutions.FOLDER.name == "solutions"


@pytest.mark.slow
def test_a_solved_notebook_runs_and_its_checks_say_right(tmp_path: Path) -> None:
    lesson = find_lesson("07", read_course())
    assert build.main(["solutions", "07", "--run", "--out", str(tmp_path)]) == 0
    made = nbformat.read(tmp_path / lesson.notebook.name, as_version=4)
    cells = [c for c in made.cells if c.cell_type == "code"]
    assert all(c.execution_count for c in cells)
    printed = "".join(o.get("text", "") for c in cells for o in c.outputs)
    assert [name for name in submission.names(lesson) if f"✓ {name}: right" not in printed] == []
