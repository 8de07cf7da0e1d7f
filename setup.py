"""Build hook. An editable install offers `minigpt` and `lessons`; a built wheel holds `minigpt`."""

from setuptools import setup
from setuptools.command.build_py import build_py


class LeaveLessonsOut(build_py):
    """Copies the packages into a wheel: the course stays in the clone, where its files are."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if not self.editable_mode:
            self.packages = [name for name in self.packages if name.split(".")[0] == "minigpt"]


setup(cmdclass={"build_py": LeaveLessonsOut})
