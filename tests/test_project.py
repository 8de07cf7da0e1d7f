"""The project's own promises: environments, commands, licences, directions of imports, checks."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = {"torch", "numpy", "safetensors", "regex"}


def requirements(*groups: str) -> dict[str, SpecifierSet]:
    """The ranges of pyproject.toml by canonical name; "core" names the core dependencies."""
    lines = [
        line for g in groups for line in (PROJECT["dependencies"] if g == "core" else EXTRAS[g])
    ]
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed}


def run(*command: str | Path, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command and returns what it said; a make that called the tests is none of its."""
    clean = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "PYTHONIOENCODING": "utf-8", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def said(result: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"


# --- dependencies -------------------------------------------------------------------------------


def test_core_depends_on_four_packages_alone():
    assert set(requirements("core")) == CORE


def test_every_dependency_is_a_range():
    for name, specifier in requirements("core", *EXTRAS).items():
        operators = {s.operator for s in specifier}
        assert ">=" in operators, f"{name}: no lower bound"
        assert "==" not in operators, f"{name}: exact versions belong in constraints.txt"


def pins() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([0-9][0-9a-z.]*)", line)
        assert match, f"constraints.txt: not a plain pin with a canonical name: {line!r}"
        name, version = match.groups()
        assert name not in found, f"constraints.txt pins {name} twice"
        Version(version)
        found[name] = version
    return found


def test_constraints_are_sorted_and_pin_torch():
    names = list(pins())
    assert names == sorted(names)
    assert pins()["torch"] == "2.13.0"


@pytest.mark.parametrize("group", ["core", *EXTRAS])
def test_constraints_satisfy_the_ranges(group):
    pinned = pins()
    for name, specifier in requirements(group).items():
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert specifier.contains(pinned[name]), f"{name}=={pinned[name]} is outside {specifier}"


LINUX = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "python_version": "3.11",
    "python_full_version": "3.11.0",
}


def installed_with(*groups: str) -> set[str]:
    """What pip installs for these groups on Linux, read off the packages that are here."""
    # torch's builds for accelerators bring their own exact companions.
    by_torch = re.compile(r"nvidia-|cuda-|triton")
    waiting = [(Requirement(name), "") for name in requirements(*groups)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or by_torch.match(name):
            continue
        seen.add((name, extra))
        for need in map(Requirement, importlib.metadata.requires(name) or []):
            if need.marker is None or need.marker.evaluate({**LINUX, "extra": extra}):
                waiting.extend((need, wanted) for wanted in {"", *need.extras})
    return {name for name, _ in seen}


def test_constraints_pin_everything_that_is_installed_with_us():
    missing = installed_with("core", *EXTRAS) - set(pins())
    assert not missing, f"constraints.txt does not pin {sorted(missing)}"


# The name on conda-forge of what has another name on the Python package index.
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}


def parse_conda(spec: str) -> tuple[str, SpecifierSet]:
    """Reads a conda spec of the plain form `name >=1,<2`; anything looser is refused."""
    version = r"(?:>=|<)[0-9]+(?:\.[0-9]+)*"
    match = re.fullmatch(rf"([a-z0-9][a-z0-9-]*)(?: ({version}(?:,{version})*))?", spec)
    if not match:
        raise ValueError(f"not a plain conda spec: {spec!r}")
    try:
        import rattler
    except ImportError:
        pass
    else:  # conda's own grammar has to agree
        parsed = rattler.MatchSpec(spec, strict=True)
        assert str(parsed) == spec, f"conda reads {spec!r} as {str(parsed)!r}"
    return match[1], SpecifierSet(match[2] or "")


@pytest.mark.parametrize(
    "spec", ["numpy>=2", "numpy >=2.*", "numpy=2", "numpy >= 2", "numpy >=2,", "numpy >=2 <3"]
)
def test_conda_specs_are_read_strictly(spec):
    with pytest.raises(ValueError, match="not a plain conda spec"):
        parse_conda(spec)


def test_environment_file_has_the_ranges_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["name"] == "minigpt"
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *specs, pip = environment["dependencies"]
    assert pip == {"pip": ["-e ."]}
    parsed = [parse_conda(spec) for spec in specs]
    conda = {CONDA_NAMES.get(name, name): specifier for name, specifier in parsed}
    assert len(conda) == len(parsed), "a package is listed twice"
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda.pop("pip") == SpecifierSet("")
    assert conda == requirements("core", "lab", "real")


def test_binder_has_the_same_environment_with_a_version_of_python():
    """repo2docker finds a version with this expression; a range gets its own default."""
    main = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    binder = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text("utf-8"))
    python, *rest = binder["dependencies"]
    found = re.match(r"python\s*=+\s*([\d\.]*)", python)
    assert found
    assert re.fullmatch(r"3\.\d+", found[1]), "a minor version, without more"
    assert SpecifierSet(PROJECT["requires-python"]).contains(found[1])
    _, *ranges = main["dependencies"]
    assert ranges.pop() == {"pip": ["-e ."]}
    assert rest.pop() == {"pip": ["-e .."]}, "pip runs in the folder of this file"
    assert rest == ranges
    for key in ("name", "channels"):
        assert binder[key] == main[key]
    assert set(binder) == set(main)


# --- packaging ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads, so that a build leaves nothing behind here."""
    copy = tmp_path_factory.mktemp("source")
    for name in ["pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"]:
        shutil.copy(ROOT / name, copy)
    for package in ["minigpt", "lessons"]:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return copy


def build(source: Path, out: Path, hook: str) -> zipfile.ZipFile:
    code = f"import setuptools.build_meta as b, sys; b.{hook}(sys.argv[1])"
    result = run(sys.executable, "-W", "ignore", "-c", code, out, cwd=source)
    assert result.returncode == 0, said(result)
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_wheel_holds_minigpt_alone(source, tmp_path):
    with build(source, tmp_path, "build_wheel") as wheel:
        names = wheel.namelist()
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        text = wheel.read(metadata).decode()
        (entry,) = (n for n in names if n.endswith(".dist-info/entry_points.txt"))
        scripts = wheel.read(entry).decode()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"minigpt", f"minigpt-{PROJECT['version']}.dist-info"}
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "minigpt").rglob("*.py")}
    assert modules == {n for n in names if n.endswith(".py")}
    assert {"LICENSE", "NOTICE"} <= {Path(n).name for n in names}
    assert "License-Expression: MIT" in text
    assert "lessons" not in scripts


def test_editable_install_offers_both_packages(source, tmp_path):
    with build(source, tmp_path, "build_editable") as wheel:
        (finder,) = (n for n in wheel.namelist() if n.startswith("__editable__") and ".py" in n)
        mapping = next(
            ast.literal_eval(node.value)
            for node in ast.walk(ast.parse(wheel.read(finder)))
            if isinstance(node, ast.AnnAssign | ast.Assign)
            and "MAPPING" in ast.unparse(node)[:10]
            and node.value is not None
        )
        (entry,) = (n for n in wheel.namelist() if n.endswith(".dist-info/entry_points.txt"))
        announced = wheel.read(entry).decode()
    assert set(mapping) == {"minigpt", "lessons"}
    assert Path(mapping["lessons"]) == source / "lessons"
    for name in ("fernhollow", "fernhollow-small", "fernhollow-twin", "fernhollow-chat"):
        assert f"{name} = lessons.models:{name.replace('-', '_')}\n" in announced


def test_version_has_one_value():
    import minigpt

    assert minigpt.__version__ == PROJECT["version"]
    assert importlib.metadata.version("minigpt") == PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == PROJECT["version"]


# --- licences and citation ----------------------------------------------------------------------


def test_licences_say_what_they_are():
    code = " ".join((ROOT / "LICENSE").read_text("utf-8").split())
    assert code.startswith("MIT License Copyright (c) 2026 minigpt contributors Permission is")
    assert "substantial portions of the Software." in code
    assert code.endswith("OR OTHER DEALINGS IN THE SOFTWARE.")
    text = (ROOT / "lessons" / "LICENSE").read_text("utf-8")
    assert "SPDX-License-Identifier: CC-BY-4.0" in text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert "SPDX-License-Identifier: CC0-1.0" in (
        (ROOT / "lessons" / "models" / "LICENSE").read_text("utf-8")
    )
    notice = (ROOT / "NOTICE").read_text("utf-8")
    for part in ["SmolLM2", "Apache License 2.0", "Python Software Foundation License", "CC0 1.0"]:
        assert part in notice


def test_citation_is_valid():
    """The parts of the CFF 1.2.0 schema that this file uses."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    allowed = {
        *("cff-version", "message", "title", "authors", "type", "abstract", "version", "license"),
        *("keywords", "repository-code", "url", "doi", "date-released", "identifiers", "contact"),
    }
    assert set(citation) <= allowed
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in {"software", "dataset"}
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == [{"name": "minigpt contributors"}]
    assert citation["keywords"]
    assert len(set(citation["keywords"])) == len(citation["keywords"])
    for key in ["message", "title", "abstract"]:
        assert isinstance(citation[key], str)
        assert citation[key].strip()


# --- make and CI --------------------------------------------------------------------------------

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
BIN = "Scripts" if os.name == "nt" else "bin"


def make(*arguments: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return run("make", "--no-print-directory", *arguments, cwd=cwd, **env)


def in_this_environment(*arguments: str) -> subprocess.CompletedProcess[str]:
    """make with the running environment, taken to be complete; it could not install anything."""
    venv = Path(os.path.relpath(sys.prefix, ROOT)).as_posix()
    stamps = [part for name in ["lab", "test"] for part in ["-o", f"{venv}/.ready-{name}"]]
    return make(*stamps, f"VENV={venv}", "PYTHON=false", *arguments)


@needs_make
def test_make_lab_reaches_jupyterlab_with_the_first_lesson():
    course = tomllib.loads((ROOT / "lessons" / "course.toml").read_text("utf-8"))["lesson"]
    written = [
        le["slug"] for le in course if (ROOT / "lessons" / le["slug"] / "lesson.md").exists()
    ]
    first = run(sys.executable, "-m", "lessons", "first")
    assert first.returncode == 0, said(first)
    notebook = ROOT / first.stdout.strip()
    assert notebook == ROOT / "notebooks" / f"{written[0].removeprefix('l')}.ipynb"
    assert notebook.is_file()
    opened = in_this_environment("lab", "LAB_ARGS=--version")
    assert opened.returncode == 0, said(opened)
    assert opened.stdout.split()[-1] == importlib.metadata.version("jupyterlab")


@needs_make
def test_make_test_runs_the_tests_and_the_notebooks():
    plan = in_this_environment("-n", "test").stdout
    steps = [line for line in plan.splitlines() if "-m pytest" in line]
    assert len(steps) == 2
    assert all("OMP_NUM_THREADS=1" in step and "-n 2" in step for step in steps)
    assert re.search(r" tests \|\|", steps[0])
    assert re.search(r" notebooks \|\|", steps[1])
    for option in ["--nbval ", "--nbval-current-env", "--dist loadfile"]:
        assert option in steps[1]
    (sanitizer,) = re.findall(r"--nbval-sanitize-with=(\S+)", steps[1])
    assert (ROOT / sanitizer).read_bytes().isascii()


# A stand-in for Python: it writes down its arguments and fails where a file says so.
STAND_IN = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  "-c import sys"*) [ ! -e "{fail}/version" ] ;;
  --version) echo "Python 3.9.1" ;;
  "-m venv "*) mkdir -p "$3/{bin}" && cp "$0" "$3/{bin}/python" ;;
  "-m pip install"*) [ ! -e "{fail}/pip" ] ;;
  "-m lessons first") echo notebooks/first.ipynb ;;
  *" tests") echo "== 2 passed in 0.1s =="; [ ! -e "{fail}/tests" ] ;;
  *" notebooks") echo "== 3 passed in 0.1s =="; [ ! -e "{fail}/notebooks" ] ;;
esac
"""


class Clone:
    """A clone in which every Python is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my clone"
        self.log, self.fail = folder / "log", folder / "fail"
        self.fail.mkdir(parents=True)
        (self.root / ".ci").mkdir(parents=True)
        for name in ["Makefile", "pyproject.toml", "setup.py", "constraints.txt", ".ci/run"]:
            shutil.copy(ROOT / name, self.root / name)
        self.python = folder / "python"
        self.python.write_text(STAND_IN.format(log=self.log, fail=self.fail, bin=BIN))
        self.python.chmod(0o755)

    def make(self, *arguments: str) -> tuple[int, str, list[str]]:
        """Exit code, output, and what Python was asked to do."""
        self.log.write_text("")
        result = make(f"PYTHON={self.python}", *arguments, cwd=self.root)
        calls = [line for line in self.log.read_text().splitlines() if not line.startswith("-c")]
        return result.returncode, result.stdout + result.stderr, calls


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if os.name == "nt" or shutil.which("make") is None:
        pytest.skip("needs make, and a shell script that stands in for Python")
    return Clone(tmp_path)


INSTALL_LAB = "-m pip install -c constraints.txt -e .[lab,real]"
INSTALL_ALL = "-m pip install -c constraints.txt -e .[lab,real,dev,browser,site]"


def test_make_lab_sets_up_once_and_opens_the_first_lesson(clone):
    code, output, calls = clone.make("lab")
    assert code == 0, output
    address = "/lab/tree/notebooks/first.ipynb"
    opening = ["-m lessons first", f"-m jupyterlab --LabApp.default_url={address}"]
    assert calls == ["-m venv .venv", INSTALL_LAB, *opening]
    assert clone.make("lab")[2] == opening, "the second run has nothing to set up"
    assert clone.make("lab", "LAB_ARGS=--no-browser")[2][-1] == f"{opening[-1]} --no-browser"


def test_make_test_installs_everything_and_serves_make_lab_too(clone):
    assert INSTALL_ALL in clone.make("test")[2]
    assert not any("pip" in call for call in clone.make("lab")[2])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(clone, name):
    clone.make("lab")
    stamp = clone.root / ".venv" / ".ready-lab"
    later = stamp.stat().st_mtime + 5
    os.utime(clone.root / name, (later, later))
    assert INSTALL_LAB in clone.make("lab")[2]


def test_half_made_environment_never_looks_ready(clone):
    (clone.fail / "pip").touch()
    code, _, calls = clone.make("lab")
    assert code != 0
    assert calls[-1] == INSTALL_LAB, "JupyterLab must not start"
    (clone.root / ".venv" / "half").touch()
    (clone.fail / "pip").unlink()
    code, output, calls = clone.make("lab")
    assert code == 0, output
    assert calls[:2] == ["-m venv .venv", INSTALL_LAB]
    assert not (clone.root / ".venv" / "half").exists()


def test_failed_update_is_tried_again(clone):
    clone.make("lab")
    later = (clone.root / ".venv" / ".ready-lab").stat().st_mtime + 5
    os.utime(clone.root / "pyproject.toml", (later, later))
    (clone.fail / "pip").touch()
    assert clone.make("lab")[0] != 0
    (clone.fail / "pip").unlink()
    assert INSTALL_LAB in clone.make("lab")[2]


def test_moved_clone_makes_its_environment_anew(clone):
    clone.make("lab")
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    assert clone.make("lab")[2][:2] == ["-m venv .venv", INSTALL_LAB]


def test_environment_made_by_hand_is_completed_not_removed(clone):
    run(clone.python, "-m", "venv", ".venv", cwd=clone.root)
    (clone.root / ".venv" / "mine").touch()
    code, output, calls = clone.make("lab")
    assert code == 0, output
    assert calls[0] == INSTALL_LAB
    assert (clone.root / ".venv" / "mine").exists()


def test_old_python_is_refused_with_the_remedy(clone):
    (clone.fail / "version").touch()
    code, output, calls = clone.make("lab")
    assert code != 0
    assert "needs Python 3.11 or newer" in output
    assert "Python 3.9.1" in output
    assert "make PYTHON=" in output
    assert not any("venv" in call for call in calls)


@pytest.mark.parametrize("failing", [(), ("tests",), ("notebooks",), ("tests", "notebooks")])
def test_both_steps_of_make_test_run_and_count(clone, failing):
    for step in failing:
        (clone.fail / step).touch()
    code, output, calls = clone.make("test")
    assert (code != 0) == bool(failing), output
    steps = [call.split()[-1] for call in calls if call.startswith("-m pytest")]
    assert steps == ["tests", "notebooks"]


def test_ci_runs_make_test_and_ends_with_its_closing_line(clone):
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    clone.log.write_text("")
    result = run(
        "bash", clone.root / ".ci" / "run", cwd=clone.root.parent, PYTHON=str(clone.python)
    )
    assert result.returncode == 0, said(result)
    assert result.stdout.splitlines()[-1] == "== 3 passed in 0.1s =="
    calls = clone.log.read_text()
    assert " tests\n" in calls
    assert " notebooks\n" in calls
    (clone.fail / "tests").touch()
    assert run("bash", clone.root / ".ci" / "run", PYTHON=str(clone.python)).returncode != 0


def workflow(name: str) -> dict:
    loaded = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads a bare `on` as true
    return loaded


def test_workflow_runs_make_test_everywhere():
    job = workflow("test.yml")["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    oldest, newest = matrix["python"]
    (lower,) = SpecifierSet(PROJECT["requires-python"])
    assert oldest == lower.version
    assert Version(newest) > Version(oldest)
    assert any(step.get("run", "").startswith("make test ") for step in job["steps"])


def test_workflow_publishes_what_the_command_builds():
    job = workflow("site.yml")["jobs"]["site"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-1] == "python -m lessons site"
    assert '-e ".[lab,real,site]"' in runs[0]
    (upload,) = [step for step in job["steps"] if "upload-pages" in step.get("uses", "")]
    assert upload["with"]["path"] == "site"


def test_scheduled_workflow_covers_the_settings():
    settings = workflow("settings.yml")
    assert settings["on"]["schedule"]
    job = settings["jobs"]["notebooks"]
    assert job["strategy"]["matrix"] == {
        "threads": ["1", "2"],
        "capability": ["", "avx2", "default"],
    }
    (command,) = (step["run"] for step in job["steps"] if "run" in step)
    assert "make test-notebooks" in command


def test_pre_commit_hooks_are_valid_and_local():
    path = ROOT / ".pre-commit-config.yaml"
    result = run(sys.executable, "-m", "pre_commit", "validate-config", path)
    assert result.returncode == 0, said(result)
    repos = yaml.safe_load(path.read_text("utf-8"))["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    entries = " ; ".join(hook["entry"] for hook in repos[0]["hooks"])
    for command in ["ruff check", "ruff format", "lessons check"]:
        assert command in entries


# --- documents ----------------------------------------------------------------------------------

DOCUMENTS = ["README.md", "CONTRIBUTING.md"]
GUIDES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
PAGES = [*DOCUMENTS, "benchmarks/README.md", *GUIDES]
WITHOUT_COMMANDS = {
    f"docs/{name}.md" for name in ("concept_test", "concept_test_answers", "syllabus")
}
# <!-- test -->: run as it stands; <!-- test: make -->: make's plan is made; <!-- no test: WHY -->
BLOCK = re.compile(r"(?:<!-- (test|test: make|no test: [^>]+) -->\n)?```(\w*)\n(.*?)```\n", re.S)


def blocks(document: str, mark: str | None = None) -> list[str]:
    """The blocks of shell commands in a document that bear a mark; all of them without one."""
    found = BLOCK.findall((ROOT / document).read_text("utf-8"))
    return [text for m, language, text in found if language == "sh" and mark in (None, m)]


def lines(document: str, mark: str) -> list[list[str]]:
    return [
        words
        for block in blocks(document, mark)
        for line in block.splitlines()
        if (words := shlex.split(line, comments=True))
    ]


@pytest.mark.parametrize("document", PAGES)
def test_every_command_in_the_documents_is_tested_or_says_why_not(document):
    text = (ROOT / document).read_text("utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text)), "a block is not read"
    for mark, language, block in BLOCK.findall(text):
        assert language, f"name the language of the block {block!r}"
        assert mark or language != "sh", f"mark the commands {block!r}"
    assert bool(blocks(document)) == (document not in WITHOUT_COMMANDS)


@pytest.mark.parametrize("document", PAGES)
def test_what_is_said_to_run_a_command_exists(document):
    """`<!-- no test: tests/FILE.py::NAME runs it -->`, or the file alone."""
    text = (ROOT / document).read_text("utf-8")
    for why in re.findall(r"<!-- no test: ([^>]+) -->", text):
        for name, function in re.findall(r"\b(tests/\w+\.py)(?:::(\w+))?", why):
            assert (ROOT / name).is_file(), f"{document} names {name}"
            tree = ast.parse((ROOT / name).read_text("utf-8"))
            defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert function in {"", *defined}, f"{document}: {name} has no {function}"


@needs_make
@pytest.mark.parametrize("document", sorted({*PAGES} - WITHOUT_COMMANDS))
def test_make_commands_in_the_documents(document):
    commands = lines(document, "test: make")
    assert commands
    for command in commands:
        assert command[0] == "make"
        result = in_this_environment("-n", *command[1:])
        assert result.returncode == 0, said(result)


def test_make_lab_presents(clone):
    """The copies, and JupyterLab in their folder with the first of them."""
    (clone.root / "presenter").mkdir()
    (clone.root / "presenter" / "01_first.ipynb").touch()
    code, output, calls = clone.make("lab", "PRESENT=1")
    assert code == 0, output
    address = "/lab/tree/01_first.ipynb"
    assert calls[-2:] == ["-m lessons present", f"-m jupyterlab --LabApp.default_url={address}"]
    assert ["make", "lab", "PRESENT=1"] in lines("docs/classroom.md", "test: make")


def test_readme_names_the_two_commands():
    commands = lines("README.md", "test: make")
    assert ["make", "lab"] in commands
    assert ["make", "test"] in commands


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_the_documents_run(document, tmp_path):
    """Runs them one after the other in a folder that has the documents and the packages."""
    commands = lines(document, "test")
    assert commands
    for name in [*DOCUMENTS, "pyproject.toml"]:
        shutil.copy(ROOT / name, tmp_path)
    scripts = sysconfig.get_path("scripts")
    for command in commands:
        program = (
            sys.executable if command[0] == "python" else shutil.which(command[0], path=scripts)
        )
        assert program, f"{command[0]} is not installed"
        in_clone = command[:3] == ["python", "-m", "lessons"] or "pytest" in command
        result = run(program, *command[1:], cwd=ROOT if in_clone else tmp_path)
        assert result.returncode == 0, f"{shlex.join(command)}: {said(result)}"


def test_the_way_without_make_installs_the_same(clone):
    plan = make("-n", f"PYTHON={clone.python}", "lab", cwd=clone.root).stdout
    installs = re.findall(r"-m pip install +(-c .*)", plan)
    assert installs
    texts = [b for b in blocks("README.md") if "pip install" in b]
    assert any(f"-m pip install {installs[0]}" in text for text in texts)


@pytest.mark.parametrize("document", PAGES)
def test_links_inside_the_repository_lead_somewhere(document):
    text = BLOCK.sub("", (ROOT / document).read_text("utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [link.split("#")[0] for link in links if not re.match(r"https?://|#", link)]
    assert local
    for link in local:
        assert (ROOT / document).parent.joinpath(link).exists(), f"{document} links to {link}"
    for alt in re.findall(r"!\[([^\]]*)\]", text):
        assert len(alt.split()) >= 5, "alt text tells the picture's finding"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_in_the_documents_exist(document):
    text = (ROOT / document).read_text("utf-8")
    named = re.findall(r"`((?:minigpt|lessons|tests|notebooks)/[\w./]*)`", text)
    assert named
    for name in named:
        assert (ROOT / name).exists(), f"{document} names {name}"
    homes = re.findall(r"`(\w+)` in `(minigpt/\w+\.py)`", text)
    assert homes
    for function, name in homes:
        tree = ast.parse((ROOT / name).read_text("utf-8"))
        defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert function in defined, f"{name} does not define {function}"


def test_readme_has_room_for_the_generated_tables():
    text = (ROOT / "README.md").read_text("utf-8")
    for name in ["lessons", "ledger"]:
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        assert text.count(begin) == text.count(end) == 1
        assert text.index(begin) < text.index(end)


# --- code ---------------------------------------------------------------------------------------


def cells(path: Path) -> str:
    """A notebook's code, without the lines that only IPython understands."""
    notebook = json.loads(path.read_text("utf-8"))
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    return "\n".join(re.sub(r"(?m)^\s*[%!].*$", "", text) for text in code)


def modules(*tops: str) -> Iterator[tuple[Path, ast.Module]]:
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


def notebooks() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        yield path.relative_to(ROOT), ast.parse(cells(path))


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every imported top-level package, and whether it is imported with the module itself."""

    def walk(node: ast.AST, early: bool) -> Iterator[tuple[str, bool]]:
        match node:
            case ast.Import(names):
                yield from ((alias.name.split(".")[0], early) for alias in names)
            case ast.ImportFrom(str(module), _, 0):
                yield module.split(".")[0], early
            case ast.Call(ast.Attribute(attr=function) | ast.Name(function), [ast.Constant(name)]):
                if function in {"import_module", "__import__"}:
                    yield str(name).split(".")[0], early
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                early = False
            case ast.If(ast.Name("TYPE_CHECKING")):
                early = False
        for child in ast.iter_child_nodes(node):
            yield from walk(child, early)

    yield from walk(tree, True)


def test_imports_are_seen():
    code = "import a.b\nfrom c import d\ndef f():\n  import e\n  importlib.import_module('g.h')"
    assert list(imports(ast.parse(code))) == [
        *(("a", True), ("c", True)),
        *(("e", False), ("g", False)),
    ]


def test_minigpt_imports_the_core_alone():
    """Published weights, intervals and calibration may import an extra's package when asked for."""
    later = ("gguf", "pooch", "requests", "filelock", "scipy", "sklearn")
    checked = 0
    for path, tree in modules("minigpt"):
        checked += 1
        for name, early in imports(tree):
            allowed = {"minigpt", *CORE, *(() if early else later)}
            assert name in sys.stdlib_module_names or name in allowed, f"{path} imports {name}"
    assert checked > 5


def test_lessons_import_what_the_extra_lab_installs():
    """A student who typed `make lab` has no development tools."""
    given = installed_with("core", "lab", "real")
    provided = importlib.metadata.packages_distributions()
    checked = 0
    for path, tree in [*modules("lessons"), *notebooks()]:
        checked += 1
        for name, _ in imports(tree):
            if name in sys.stdlib_module_names or name in {"lessons", "minigpt"}:
                continue
            distributions = {canonicalize_name(d) for d in provided.get(name, [])}
            assert distributions & given, f"{path} imports {name}"
    assert checked > 5


UNPICKLERS = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def unpickles(tree: ast.Module) -> Iterator[str]:
    """What in this code can run code that a data file holds."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    yield from (name for name, _ in imports(tree) if name in UNPICKLERS)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, *rest = ast.unparse(node.func).split(".")
        called = ".".join([names.get(first, first), *rest])
        trusting = any(
            keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False"
            for keyword in node.keywords
        )
        if called in {"torch.load", "torch.serialization.load", "pandas.read_pickle"} or trusting:
            yield called


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load('f')",
        "import torch as t\nt.load('f', weights_only=True)",
        "from torch import load as read\nread('f')",
        "from torch.serialization import load\nload('f')",
        "def f():\n  import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load('f', allow_pickle=True)",
    ],
)
def test_unpickling_is_seen(code):
    assert list(unpickles(ast.parse(code)))


def test_loading_safely_is_not_mistaken_for_unpickling():
    code = "import json, numpy as np, minigpt\njson.load(f)\nnp.load('f')\nminigpt.load('f')"
    assert not list(unpickles(ast.parse(code)))


def test_nothing_unpickles():
    for path, tree in [*modules("minigpt", "lessons", "benchmarks"), *notebooks()]:
        assert not list(unpickles(tree)), f"{path} can run code from a data file"


def test_notebooks_hold_no_paths_of_a_machine():
    paths = re.compile(r"/home/\w+|/Users/\w+|[A-Z]:\\\\+Users|site-packages|/tmp/")
    stored = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert stored
    for path in stored:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            text = re.sub(r"data:image/png;base64,[\w+/=]+", "", json.dumps(text_outputs(cell)))
            assert str(ROOT) not in text, f"{path.name} shows this folder"
            assert not paths.search(text), f"{path.name}: {paths.search(text)}"


def text_outputs(cell: dict) -> list:
    return [
        output.get("text")
        or output.get("traceback")
        or {kind: data for kind, data in output["data"].items() if not kind.startswith("image/")}
        for output in cell.get("outputs", [])
    ]


def test_import_costs_little_beyond_torch_and_is_silent():
    """A share of torch's own import in the same process, whatever the machine's speed, and the
    least of several runs: a busy machine only ever adds to it."""
    code = (
        "import sys, time; start = time.process_time();"
        "import torch; torchs = time.process_time() - start; before = set(sys.modules);"
        "start = time.process_time(); import minigpt; ours = time.process_time() - start;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(ours / torchs, *sorted(new))"
    )
    shares: list[float] = []
    while len(shares) < 8 and not (shares and min(shares) <= 0.1):
        result = run(sys.executable, "-c", code, OMP_NUM_THREADS="1")
        assert result.returncode == 0, said(result)
        assert result.stderr == ""
        (line,) = result.stdout.splitlines()
        share, *new = line.split()
        shares.append(float(share))
        foreign = {name for name in new if name not in sys.stdlib_module_names}
        assert foreign <= CORE | {"minigpt"}, f"import minigpt imports {foreign}"
    assert min(shares) <= 0.1, f"import minigpt took {shares} of what import torch takes"


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff(command):
    result = run(sys.executable, "-m", "ruff", *command, ".")
    assert result.returncode == 0, said(result)


@pytest.mark.slow
def test_mypy():
    result = run(sys.executable, "-m", "mypy")
    assert result.returncode == 0, said(result)
