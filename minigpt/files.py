"""Writing files so that a reader never meets half of one: write beside, then rename."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

INSTALL_REAL = "in the course's folder, python -m pip install -c constraints.txt -e '.[real]'"


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace a UTF-8 file at once: it holds the old text or the new, whatever happens."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a hidden file beside `path`; when all is written, it takes that name at once."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.tmp-")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())  # a disk that does not take it says so here
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a hidden folder beside `path`; when all is written, it takes that name.

    An older folder of the name is moved aside first and removed last; `recover_folder` puts it
    back if the process dies between the two.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.tmp-"))
    try:
        yield temporary
        for file in temporary.iterdir():
            os.chmod(file, 0o666 & ~_umask())
            with open(file, "rb+") as written:
                os.fsync(written.fileno())  # a disk that does not take it says so here
        os.chmod(temporary, 0o777 & ~_umask())
        aside = _aside(path)
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(path, aside)
        os.rename(temporary, path)
        _flush_folder(path.parent)
        shutil.rmtree(aside, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        recover_folder(path)
        raise


def recover_folder(path: str | os.PathLike[str]) -> None:
    """Put back what `new_folder` had moved aside when it was killed before the second rename."""
    aside = _aside(Path(path))
    if aside.is_dir() and not Path(path).exists():
        with suppress(OSError):
            os.rename(aside, path)


def remove_leftovers(folder: Path) -> None:
    """Delete the half-written folders and files that killed writers left in `folder`."""
    for leftover in folder.glob(".*.tmp-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _flush_folder(path: Path) -> None:
    """Ask the system to put a folder's names onto the disk; not every system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _aside(path: Path) -> Path:
    path = Path(os.path.realpath(path))  # "." has no name of its own; a link stays a link
    return path.parent / f".{path.name}.previous"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
