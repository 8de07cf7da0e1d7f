"""`minigpt.load`: own checkpoints, runs, and models that an installed package announces."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest
import torch
from small_runs import TEXT, assert_same_weights, settings, small_model, stream

from minigpt import GPT, CharTokenizer, fit, load, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def tokenizer() -> CharTokenizer:
    return CharTokenizer.train(TEXT)


@pytest.fixture
def model(tokenizer) -> GPT:
    return small_model(vocab_size=tokenizer.vocab_size + 8)  # room for the ids of `stream`


# --- folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_a_checkpoint(tmp_path, model, tokenizer, kind):
    save_checkpoint(tmp_path / "c", model.train(), tokenizer)
    loaded, found = load(kind(tmp_path / "c"))
    assert_same_weights(loaded, model)
    assert found.characters == tokenizer.characters
    assert not loaded.training
    assert not any(module.training for module in loaded.modules())


def test_a_checkpoint_without_a_tokenizer(tmp_path, model):
    save_checkpoint(tmp_path / "c", model, None)
    assert load(tmp_path / "c")[1] is None


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_float32_unless_asked(tmp_path, model, stored):
    save_checkpoint(tmp_path / "c", model.to(stored), None)
    loaded, _ = load(tmp_path / "c")
    assert {w.dtype for w in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.wte.weight, model.wte.weight.float())
    loaded, _ = load(tmp_path / "c", dtype=torch.bfloat16)
    assert {w.dtype for w in loaded.parameters()} == {torch.bfloat16}
    loaded(torch.tensor([[1, 2, 3]]))


def test_mapped_weights_are_the_file_until_they_are_changed(tmp_path, model, tokenizer):
    save_checkpoint(tmp_path / "c", model, tokenizer)
    stored = (tmp_path / "c" / "model.safetensors").read_bytes()
    mapped, _, _ = load_checkpoint(tmp_path / "c", mapped=True)
    assert_same_weights(mapped, model)
    with torch.no_grad():
        for weight in mapped.parameters():
            weight.add_(1)
    assert (tmp_path / "c" / "model.safetensors").read_bytes() == stored
    assert_same_weights(load_checkpoint(tmp_path / "c")[0], model)


def test_a_run_gives_its_newest_checkpoint(tmp_path, model, tokenizer):
    run = tmp_path / "run"
    fit(model, stream(), None, settings(), checkpoint_dir=run, tokenizer=tokenizer)
    assert_same_weights(load(run)[0], model)
    older, found = load(run / "step-000004")
    assert found.characters == tokenizer.characters
    assert not torch.equal(older.wte.weight, model.wte.weight)


def test_the_working_folder(tmp_path, model, monkeypatch):
    fit(model, stream(), None, settings(), checkpoint_dir=tmp_path / "run")
    for folder in (tmp_path / "run", tmp_path / "run" / "step-000006"):
        monkeypatch.chdir(folder)
        for name in (".", "", "./", f"../{folder.name}"):
            assert_same_weights(load(name)[0], model)


def test_a_run_without_a_checkpoint(tmp_path, model):
    fit(model, stream(), None, settings(), checkpoint_dir=tmp_path / "run")
    for checkpoint in (tmp_path / "run").glob("step-*"):
        shutil.rmtree(checkpoint)
    with pytest.raises(FileNotFoundError, match="without a checkpoint so far: let it train") as e:
        load(tmp_path / "run")
    assert str(tmp_path / "run") in str(e.value)


def test_a_checkpoint_moved_aside_by_a_killed_save_comes_back(tmp_path, model):
    save_checkpoint(tmp_path / "c", model, None)
    (tmp_path / "c").rename(tmp_path / ".c.previous")
    assert_same_weights(load(tmp_path / "c")[0], model)


def test_a_damaged_checkpoint(tmp_path, model):
    save_checkpoint(tmp_path / "c", model, None)
    (tmp_path / "c" / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="altered or cut short"):
        load(tmp_path / "c")


def test_folders_that_are_no_model(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle" / "pytorch_model.bin").write_bytes(b"\x80")
    for name in ("empty", "file.txt", "pickle"):
        with pytest.raises(
            ValueError, match=r"is no (model: expected a folder|GGUF file)"
        ) as caught:
            load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


# --- names --------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package, for real, that announces models."""

    def install(code: str, *lines: str) -> None:
        site = tmp_path / "site"
        info = site / "rabbits-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rabbits\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(["[minigpt.models]", *lines, ""]))
        (site / "rabbits_models.py").write_text(code)
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("rabbits_models", None)


def test_a_named_model(tmp_path, model, tokenizer, package):
    save_checkpoint(tmp_path / "c", model, tokenizer)
    package(f"def find():\n    return {str(tmp_path / 'c')!r}\n", "rabbit = rabbits_models:find")
    loaded, found = load("rabbit")
    assert_same_weights(loaded, model)
    assert found.characters == tokenizer.characters


def test_a_folder_goes_before_a_name(tmp_path, model, package, monkeypatch):
    package("def find():\n    raise AssertionError\n", "rabbit = rabbits_models:find")
    monkeypatch.chdir(tmp_path)
    save_checkpoint("rabbit", model, None)
    assert_same_weights(load("rabbit")[0], model)


def test_an_unknown_name_tells_the_known_ones(package):
    package("", "rabbit = rabbits_models:find", "hare = rabbits_models:find")
    with pytest.raises(FileNotFoundError, match=r"no file or folder 'hase' and no model") as caught:
        load("hase")
    assert "'hare'" in str(caught.value)
    assert "'rabbit'" in str(caught.value)


@pytest.mark.parametrize("entry", ["no_such_module:find", "rabbits_models:no_such_function"])
def test_a_package_that_does_not_open(package, entry):
    package("", f"rabbit = {entry}")
    with pytest.raises(FileNotFoundError, match=r"'rabbit' belongs to .*install that package"):
        load("rabbit")


def test_a_named_model_whose_folder_is_gone(tmp_path, package):
    gone = str(tmp_path / "gone")
    package(f"def find():\n    return {gone!r}\n", "rabbit = rabbits_models:find")
    with pytest.raises(ValueError, match="is no model") as caught:
        load("rabbit")
    assert gone in str(caught.value)
