"""The course as data: which lessons there are, in which order, and which of them exist."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Root of the clone; everything else is found from here."""


@dataclass(frozen=True)
class Source:
    """One notebook and the file it is built from: a lesson's core, or its deeper second part."""

    lesson: Lesson
    path: Path
    notebook: Path
    core: bool


@dataclass(frozen=True)
class Lesson:
    """One entry of course.toml. `root` is the clone that it stands in."""

    root: Path
    no: str
    slug: str
    title: str
    question: str
    minutes: tuple[int, int]
    prerequisites: tuple[str, ...]
    claims: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Name of the core notebook without its ending: `06_pretraining`."""
        return self.slug[1:]

    @property
    def folder(self) -> Path:
        return self.root / "lessons" / self.slug

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def notebook(self) -> Path:
        return self.root / "notebooks" / f"{self.stem}.ipynb"

    @property
    def exists(self) -> bool:
        return (self.folder / "lesson.md").is_file()

    @property
    def sources(self) -> list[Source]:
        """The notebooks of this lesson that have a source, core first."""
        name = self.stem.removeprefix(f"{self.no}_")
        deeper = self.root / "notebooks" / f"{self.no}b_{name}_deeper.ipynb"
        both = [
            Source(self, self.folder / "lesson.md", self.notebook, core=True),
            Source(self, self.folder / "deeper.md", deeper, core=False),
        ]
        return [source for source in both if source.path.is_file()]


def read_course(root: Path = ROOT) -> list[Lesson]:
    """All lessons of `root`/lessons/course.toml in order.

    Raises ValueError when an entry lacks a field or has an unknown one, or when its slug does not
    start with its number.
    """
    path = root / "lessons" / "course.toml"
    fields = {"no", "slug", "title", "question", "minutes", "prerequisites", "claims"}
    lessons: list[Lesson] = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["lesson"]:
        if set(entry) != fields:
            differ = sorted(set(entry) ^ fields)
            raise ValueError(f"{path.name}: an entry needs {sorted(fields)}; look at {differ}")
        if not entry["slug"].startswith(f"l{entry['no']}_"):
            raise ValueError(
                f"{path.name}: slug {entry['slug']!r} must start with 'l{entry['no']}_'"
            )
        presented, alone = entry["minutes"]
        lessons.append(
            Lesson(
                root=root,
                no=entry["no"],
                slug=entry["slug"],
                title=entry["title"],
                question=entry["question"],
                minutes=(presented, alone),
                prerequisites=tuple(entry["prerequisites"]),
                claims=tuple(entry["claims"]),
            )
        )
    return lessons


def find_lesson(name: str, lessons: list[Lesson]) -> Lesson:
    """The lesson called `06`, `6`, `l06`, `06_pretraining` or `l06_pretraining`.

    Raises ValueError that lists what there is.
    """
    wanted = name.strip().removeprefix("l")
    for lesson in lessons:
        if wanted == lesson.stem or (wanted.isdigit() and int(wanted) == int(lesson.no)):
            return lesson
    known = ", ".join(lesson.stem for lesson in lessons)
    raise ValueError(f"no lesson is called {name!r}; there are: {known}")


def choose(names: list[str], root: Path = ROOT) -> list[Lesson]:
    """The named lessons, or all existing ones when `names` is empty.

    Raises ValueError for an unknown name and for a lesson that has no lesson.md yet.
    """
    lessons = read_course(root)
    if not names:
        return [lesson for lesson in lessons if lesson.exists]
    chosen = [find_lesson(name, lessons) for name in names]
    for lesson in chosen:
        if not lesson.exists:
            raise ValueError(
                f"lesson {lesson.no} is planned but not written: "
                f"lessons/{lesson.slug}/lesson.md does not exist"
            )
    return chosen
