"""Surroundings that break other courses: languages, clocks, homes, folders, and impatient hands.

Faults of training and of files stand beside what they break: kills and full disks in
test_resume.py, test_checkpoint.py and test_files.py, cut networks in test_download.py, cells run
out of order in test_missed.py.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager

from lessons.course import ROOT, choose, read_course
from lessons.l00_one_model import beliefs
from lessons.source import code_cells, student_notebook

BUILT = [lesson for lesson in read_course() if lesson.sources]
EVERY = os.environ.get("MINIGPT_FAULTS") == "all"  # every notebook, not the cheapest alone

# What every reader does: open a model, write, draw, train with the command, keep something.
SCENE = """
import hashlib, json, locale, sys
from pathlib import Path
try:
    locale.setlocale(locale.LC_ALL, "")  # as programs with windows do
except locale.Error:
    pass
import matplotlib
matplotlib.use("agg")
import lessons
from lessons import claims, course, figures
from lessons.source import student_notebook
from minigpt import generate_text, load
from minigpt.cli import main

assert Path(lessons.__file__).is_relative_to(Path.cwd()), "another copy of the course"
here = Path(sys.argv[1])
model, tokenizer = load("fernhollow-small")
written = generate_text(model, tokenizer, "Review: The soup was good.", 8, temperature=0)
text, out = here / sys.argv[2], here / sys.argv[3]
text.write_text("Die Bäume wuchsen größer; naïve cafés – 3,14 €.\\n" * 60, encoding="utf-8")
options = "--steps 6 --n-layer 1 --n-embd 16 --n-head 1 --block-size 16 --batch-size 4".split()
code = main(["train", "--text", str(text), "--out", str(out), *options])
trained, ids = load(out)
read_back = ids.decode(ids.encode(text.read_text(encoding="utf-8")[:40]))
sources = [source for lesson in course.read_course() for source in lesson.sources]
texts = [cell.source for source in sources for cell in student_notebook(source).cells]
cells = [len(texts), hashlib.sha256("".join(texts).encode()).hexdigest()]
rules = sorted(claims.read_rules())
found = [written, code, read_back, cells, rules, figures.approx(2.5)]
(here / "found.json").write_text(json.dumps(found), encoding="utf-8")
"""


def surroundings(**changes: str) -> dict[str, str]:
    """This process's environment without a word about language, clock or folders."""
    ours = ("LC_", "LANG", "PYTHONUTF8", "PYTHONIO", "PYTHONCOERCE", "XDG_", "MPLCONFIGDIR", "TZ")
    kept = {k: v for k, v in os.environ.items() if not k.startswith((*ours, "PYTHONPATH"))}
    return kept | {"OMP_NUM_THREADS": "1"} | changes


NAMES = ("Übung – 日本.txt", "läuft")  # a text and a folder
PLAIN = ("text.txt", "run")


def played(
    folder: Path,
    command: Sequence[str] = (sys.executable,),
    names: Sequence[str] = NAMES,
    clone: Path = ROOT,
    **changes: str,
) -> list[object]:
    """What the scene found in `folder` under these surroundings."""
    folder.mkdir(exist_ok=True)
    scene = folder / "scene.py"
    scene.write_text(SCENE, encoding="utf-8")
    done = subprocess.run(
        [*command, str(scene), str(folder), *names],
        cwd=clone, env=surroundings(**changes), capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-3000:]
    found: list[object] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> list[object]:
    return played(tmp_path_factory.mktemp("usual"), LC_ALL="C.UTF-8", TZ="UTC")


@pytest.fixture(scope="module")
def locales(tmp_path_factory) -> Path:
    """Locales made for this test: Germany's decimal comma, with and without UTF-8."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/de_DE").is_file():
        pytest.skip("needs localedef and the sources of the locales")
    for charset, name in (("UTF-8", "de_DE.UTF-8"), ("ISO-8859-1", "de_DE.ISO-8859-1")):
        subprocess.run(["localedef", "-i", "de_DE", "-f", charset, str(folder / name)], check=True)
    return folder


@pytest.mark.timeout(300)
def test_a_decimal_comma_and_a_clock_far_away(usual, locales, tmp_path):
    place = {"LOCPATH": str(locales), "LC_ALL": "de_DE.UTF-8", "TZ": "Pacific/Kiritimati"}
    comma = "import locale as l; l.setlocale(l.LC_ALL, ''); print(l.localeconv()['decimal_point'])"
    said = subprocess.run(
        [sys.executable, "-c", comma], env=surroundings(**place), capture_output=True, text=True
    )
    assert said.stdout == ",\n", "the locale is not in force, so the test would show nothing"
    assert played(tmp_path, **place) == usual


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["C", "de_DE.ISO-8859-1"])
def test_a_locale_without_utf_8(usual, locales, tmp_path, name):
    place = {"LOCPATH": str(locales), "LC_ALL": name, "PYTHONUTF8": "0"}
    place["PYTHONCOERCECLOCALE"] = "0"
    said = subprocess.run(
        [sys.executable, "-c", "import locale; print(locale.getpreferredencoding())"],
        env=surroundings(**place), capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout.strip() in ("ANSI_X3.4-1968", "ISO-8859-1")
    # What is in the files stays what it was. File names with other letters have no form here: that
    # is a limit of the system.
    assert played(tmp_path, names=PLAIN, **place) == usual


@pytest.mark.timeout(300)
def test_a_home_that_cannot_be_written(usual, tmp_path):
    """Under /dev/null nobody can make a folder, not even root."""
    if os.name == "nt":
        pytest.skip("the name of such a folder is another one on Windows")
    assert played(tmp_path, HOME="/dev/null") == usual


@pytest.mark.timeout(300)
def test_no_network_at_all(usual, tmp_path):
    command = ["unshare", "-rn", sys.executable]
    if shutil.which("unshare") is None or subprocess.run([*command, "-c", ""]).returncode:
        pytest.skip("a process without a network cannot be made here")
    assert played(tmp_path, command) == usual


@pytest.mark.timeout(300)
def test_a_clone_in_a_folder_with_blanks_and_other_letters(usual, tmp_path):
    """A copy of the course, with the line ends that Windows programs leave in texts."""
    clone = tmp_path / "mein Ordner – 日本 ü"
    leave = shutil.ignore_patterns("__pycache__", "parts", "*.png")
    for name in ("lessons", "minigpt"):
        shutil.copytree(ROOT / name, clone / name, ignore=leave)
    for path in clone.rglob("lessons/**/*.md"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    for name in ("rules.toml", "course.toml", "claims.toml"):
        path = clone / "lessons" / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert played(clone / "here", clone=clone, PYTHONPATH=str(clone)) == usual


def test_beliefs_that_cannot_be_kept_are_said_and_nothing_stops():
    form = beliefs.form(Path(os.devnull) / "my_beliefs.json")
    choice, said = form.children[0].children
    choice.value = "holds"
    assert said.value.startswith("not kept: ")


# --- a kernel, and impatient hands --------------------------------------------------------------


class Kernel:
    """A kernel that runs cells and says what each printed and whether it failed."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=surroundings(**changes))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *unused: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, source: str, *, interrupt_every: float | None = None) -> str:
        """The name of the error that a cell ends with, or ""."""
        asked = self.client.execute(source, stop_on_error=False)
        end = time.monotonic() + 240
        while True:
            try:
                left = end - time.monotonic()
                reply = self.client.get_shell_msg(timeout=min(interrupt_every or left, left))
            except queue.Empty:
                assert interrupt_every is not None, "no answer in 240 seconds"
                assert time.monotonic() < end, "interrupts do not end the cell"
                self.manager.interrupt_kernel()
                continue
            if reply["parent_header"].get("msg_id") == asked:
                return str(reply["content"].get("ename", ""))


def cells_of(no: str) -> list[str]:
    return [cell.source for cell in code_cells(student_notebook(choose([no])[0].sources[0]))]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("no", [each.no for each in BUILT] if EVERY else ["02"])
def test_interrupted_and_then_all_cells_twice(no, tmp_path):
    """Whatever an interrupt leaves behind, all cells run afterwards, in the same kernel, twice."""
    cells = cells_of(no)
    training = [at for at, cell in enumerate(cells) if "one_live()" in cell or "fit(" in cell]
    trains = min(training, default=len(cells) // 2)
    with Kernel(tmp_path) as kernel:
        for cell in cells[:trains]:
            assert kernel.run(cell) == "", cell
        # However fast the training is: the interrupt finds the cell at work. It may end with an
        # error of its own, for `fit` keeps what it has when it is interrupted.
        longer = f"{cells[trains]}\nimport time\ntime.sleep(1000)"
        assert kernel.run(longer, interrupt_every=4) != ""
        for round_ in (1, 2):
            for cell in cells:
                assert kernel.run(cell) == "", f"round {round_}:\n{cell}"


def begin_everywhere() -> None:
    """In this folder: the first cell of every notebook, and all cells of the cheapest."""
    with Kernel(Path.cwd(), HOME=os.devnull) as kernel:
        assert kernel.run("open('mine.txt', 'w')") == "OSError", "this folder takes files"
        for lesson in BUILT:
            for source in lesson.sources:
                first = code_cells(student_notebook(source))[0].source
                assert kernel.run(first) == "", (source.path, first)
        for cell in cells_of("02"):
            assert kernel.run(cell) == "", cell


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_notebook_begins_where_nothing_may_be_written(tmp_path):
    """In a folder on a disk that takes no file, not even root's, and under a home like it."""
    disk, runtime = tmp_path / "disk", tmp_path / "runtime"
    disk.mkdir()
    mount = f"mount -t tmpfs -o ro none '{disk}'"
    command = ["unshare", "-rm", "sh", "-c"]
    tried = [*command, mount]
    if shutil.which("unshare") is None or subprocess.run(tried, capture_output=True).returncode:
        pytest.skip("a disk that takes no file cannot be mounted here")
    code = "import test_faults; test_faults.begin_everywhere()"
    done = subprocess.run(
        [*command, f"{mount} && cd '{disk}' && exec '{sys.executable}' -c '{code}'"],
        env=surroundings(JUPYTER_RUNTIME_DIR=str(runtime), PYTHONPATH=str(Path(__file__).parent)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_windows_has_a_name_for_every_file():
    """No two files that differ in case alone, no character or name that Windows refuses."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs a clone")
    names = [name for name in done.stdout.decode().split("\0") if name]
    assert len({name.lower() for name in names}) == len(names) > 100
    refused = {"con", "prn", "aux", "nul", *(f"{a}{n}" for a in ("com", "lpt") for n in range(10))}
    for name in names:
        parts = name.split("/")
        assert not {part.split(".")[0].lower() for part in parts} & refused, name
        assert not set(name) & set('<>:"\\|?*'), name
        assert not any(part.endswith((" ", ".")) for part in parts), name
        assert len(name) < 150, name


def test_notebooks_are_valid_for_every_jupyter():
    for lesson in BUILT:
        for source in lesson.sources:
            if source.notebook.is_file():
                nbformat.validate(nbformat.read(source.notebook, as_version=4))
