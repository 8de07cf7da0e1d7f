"""Writing files: the old content or the new, never half of one, and nothing left lying about."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from minigpt import files
from minigpt.files import new_folder, recover_folder, remove_leftovers, sha256, write_text


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_write_text_makes_folders_and_keeps_bytes(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_text(path, "één\r\n二\n")
    assert path.read_bytes() == "één\r\n二\n".encode()
    write_text(path, "")
    assert path.read_bytes() == b""
    assert names(path.parent) == ["b.txt"]


@pytest.mark.parametrize("broken", ["fsync", "replace", "chmod"])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, broken):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(files.os, broken, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_text_that_is_no_unicode_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_permissions_follow_the_umask(tmp_path, mask, file, folder):
    """Temporary files are private; what they become is not more private than the user wishes."""
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "x")
        with new_folder(tmp_path / "new") as new:
            (new / "b.txt").write_text("y")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert modes == {
        tmp_path / "a.txt": file,
        tmp_path / "new": folder,
        tmp_path / "new" / "b.txt": file,
    }


def fill(path: Path, text: str) -> None:
    with new_folder(path) as folder:
        assert not (path.exists() and folder == path)
        (folder / "text").write_text(text)


def test_a_folder_appears_when_all_is_written(tmp_path):
    path = tmp_path / "deep" / "folder"
    with new_folder(path) as folder:
        (folder / "text").write_text("new")
        assert not path.exists()
    assert (path / "text").read_text() == "new"
    assert names(path.parent) == ["folder"]


def test_a_folder_is_replaced(tmp_path):
    path = tmp_path / "folder"
    fill(path, "old")
    (path / "other").write_text("gone later")
    with new_folder(path) as folder:
        (folder / "text").write_text("new")
        assert (path / "text").read_text() == "old"
    assert names(path) == ["text"]
    assert (path / "text").read_text() == "new"
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_while_filling_changes_nothing(tmp_path, exists, error):
    path = tmp_path / "folder"
    if exists:
        fill(path, "old")
    with pytest.raises(error), new_folder(path) as folder:  # noqa: PT012
        (folder / "text").write_text("new")
        raise error
    assert names(tmp_path) == (["folder"] if exists else [])
    assert not exists or (path / "text").read_text() == "old"


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("broken", ["fsync", "chmod", "first rename", "second rename"])
def test_a_disk_that_fails_changes_nothing(tmp_path, monkeypatch, exists, broken):
    """An error of fsync counts: what it names may never have reached the disk."""
    path = tmp_path / "folder"
    if exists:
        fill(path, "old")
    if "rename" in broken:
        rename, calls = os.rename, []
        fails_at = 1 if broken == "first rename" or not exists else 2

        def sometimes(source, target):
            calls.append(source)
            return full() if len(calls) == fails_at else rename(source, target)

        monkeypatch.setattr(files.os, "rename", sometimes)
    else:
        monkeypatch.setattr(files.os, broken, full)
    with pytest.raises(OSError, match="No space left"):
        fill(path, "new")
    monkeypatch.undo()
    assert names(tmp_path) == (["folder"] if exists else [])
    assert not exists or (path / "text").read_text() == "old"
    fill(path, "new")
    assert (path / "text").read_text() == "new"


def test_a_folder_moved_aside_by_a_killed_writer_comes_back(tmp_path):
    path = tmp_path / "folder"
    fill(path, "old")
    path.rename(tmp_path / ".folder.previous")
    recover_folder(path)
    assert (path / "text").read_text() == "old"
    assert names(tmp_path) == ["folder"]


def test_a_folder_in_place_is_not_overwritten_by_an_older_one(tmp_path):
    path = tmp_path / "folder"
    fill(path, "old")
    path.rename(tmp_path / ".folder.previous")
    path.mkdir()
    (path / "text").write_text("new")
    recover_folder(path)
    assert (path / "text").read_text() == "new"
    fill(path, "newest")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("path", [".", "..", "/", "", "nowhere/folder", "folder/"])
def test_recovering_what_has_no_name_or_is_not_there_does_nothing(tmp_path, monkeypatch, path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    recover_folder(path)
    assert names(tmp_path) == ["here"]


def test_relative_and_trailing_names(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    fill(Path("../folder2/"), "x")
    fill(Path("inner/../folder3"), "y")
    assert names(tmp_path) == ["folder", "folder2"]
    assert names(tmp_path / "folder") == ["folder3"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_to_a_folder_stays_a_link(tmp_path, exists):
    """Say, to a bigger disk."""
    (tmp_path / "big").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "big" / "folder")
    if exists:
        fill(link, "old")
    fill(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "big" / "folder" / "text").read_text() == "new"
    assert names(tmp_path) == ["big", "link"]
    assert names(tmp_path / "big") == ["folder"]


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    (tmp_path / ".step-000002.tmp-abc").mkdir()
    (tmp_path / ".step-000002.tmp-abc" / "model.safetensors").write_text("half")
    (tmp_path / ".run.json.tmp-xyz").write_text("half")
    for kept in ("run.json", ".hidden", "notes.tmp-1"):
        (tmp_path / kept).write_text("mine")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".hidden", "notes.tmp-1", "run.json"]


def test_sha256(tmp_path):
    data = bytes(range(256)) * 5_000
    (tmp_path / "data").write_bytes(data)
    assert sha256(tmp_path / "data") == hashlib.sha256(data).hexdigest()
