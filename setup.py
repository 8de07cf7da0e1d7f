"""Build hooks: an editable install offers `minigpt` and `lessons`, a built wheel `minigpt`."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py


class LeaveLessonsOut(build_py):
    """Copies the packages into a wheel: the course stays in the clone, where its files are."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if not self.editable_mode:
            self.packages = [name for name in self.packages if name.split(".")[0] == "minigpt"]


class AnnounceNoLessons(bdist_wheel):
    """Takes the course's models out of what a wheel announces: they stay in the clone, too."""

    def write_wheelfile(self, wheelfile_base: str, *args: object, **named: object) -> None:
        super().write_wheelfile(wheelfile_base, *args, **named)
        if "editable_wheel" in self.distribution.commands:
            return
        file = Path(wheelfile_base, "entry_points.txt")
        entries = ConfigParser(delimiters=("=",))
        entries.optionxform = str  # type: ignore[assignment,method-assign]
        entries.read(file, encoding="utf-8")
        for group in entries.sections():
            for name, value in entries.items(group):
                if value.startswith("lessons."):
                    entries.remove_option(group, name)
            if not entries.options(group):
                entries.remove_section(group)
        with file.open("w", encoding="utf-8") as out:
            entries.write(out)


setup(cmdclass={"build_py": LeaveLessonsOut, "bdist_wheel": AnnounceNoLessons})
