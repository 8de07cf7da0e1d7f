"""Checkpoints: what goes in comes out, and whatever was damaged is refused with a remedy."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from small_runs import TEXT, assert_same_weights, content, small_model, stream, weights
from small_runs import settings as run_settings

from minigpt import (
    GPT,
    BPETokenizer,
    CharTokenizer,
    GPTConfig,
    fit,
    generate,
    load_checkpoint,
    save_checkpoint,
)
from minigpt.checkpoint import CONFIG, EXTRA, FILES, MANIFEST, TRAINING, VOCABULARY, WEIGHTS
from minigpt.files import sha256

EXTRAS = {"history": {"loss": [1.5, 0.25], "note": "é 二 😀"}, "step": 12, "none": None}
REMEDIES = ("restore", "delete", "install", "give the folder", "choose", "take the")


def forge(folder: Path) -> Path:
    """Make the manifest true again after files were changed: only the content is wrong then."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"] = {p.name: sha256(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def rewrite(path: Path, change: Callable[[dict], object]) -> None:
    fields = json.loads(path.read_text(encoding="utf-8"))
    change(fields)
    path.write_text(json.dumps(fields), encoding="utf-8")


def refused(folder: Path, *parts: str, error: type[Exception] = ValueError) -> str:
    """The sentence with which a checkpoint is refused; it names the folder and a remedy."""
    with pytest.raises(error) as caught:
        load_checkpoint(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert any(remedy in message for remedy in REMEDIES), message
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


@pytest.fixture(scope="module")
def tokenizer() -> BPETokenizer:
    return BPETokenizer.train(TEXT, vocab_size=280, special_tokens=["<|end|>"])


@pytest.fixture(scope="module")
def sound(tmp_path_factory, tokenizer) -> Path:
    """A checkpoint with all it can hold."""
    folder = tmp_path_factory.mktemp("sound") / "checkpoint"
    model = small_model(vocab_size=tokenizer.vocab_size)
    state = {"optimizer.0.0.momentum_buffer": torch.randn(4, 4)}
    save_checkpoint(folder, model, tokenizer, extra=EXTRAS, training=state)
    return folder


@pytest.fixture
def copy(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "checkpoint"))


# --- what goes in comes out ---------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["fast", "gpt2", "llama"])
@pytest.mark.parametrize("kind", ["bpe", "char", None])
def test_round_trip(tmp_path, preset, kind, tokenizer):
    tokenizers = {"bpe": tokenizer, "char": CharTokenizer.train(TEXT, ["<|end|>"]), None: None}
    given_tokenizer = tokenizers[kind]
    shape = {"n_kv_head": None, "mlp_hidden": None} if preset == "llama" else {}
    model = small_model(preset, vocab_size=300, **shape)
    save_checkpoint(tmp_path / "c", model, given_tokenizer, extra=EXTRAS)
    loaded, found, extra = load_checkpoint(tmp_path / "c")
    assert loaded.config == model.config
    assert_same_weights(loaded, model)
    assert extra == EXTRAS
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(loaded.eval()(ids), model.eval()(ids))
    if given_tokenizer is None:
        assert found is None
    else:
        assert type(found) is type(given_tokenizer)
        assert found.encode(TEXT) == given_tokenizer.encode(TEXT)
        assert found.special_tokens == given_tokenizer.special_tokens


def test_a_tied_head_is_stored_once_and_stays_tied(tmp_path):
    model = small_model("gpt2")
    assert model.config.tie_head
    save_checkpoint(tmp_path / "c", model, None)
    loaded, _, _ = load_checkpoint(tmp_path / "c")
    assert "lm_head.weight" not in loaded.state_dict()
    before = loaded(torch.tensor([[1]]))
    with torch.no_grad():
        loaded.wte.weight[5] += 1
    assert not torch.equal(loaded(torch.tensor([[1]]))[..., 5], before[..., 5])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_number_format_is_kept(tmp_path, dtype):
    model = small_model().to(dtype)
    save_checkpoint(tmp_path / "c", model, None)
    loaded, _, _ = load_checkpoint(tmp_path / "c")
    assert_same_weights(loaded, model)
    assert {w.dtype for w in loaded.parameters()} == {dtype}


def test_a_loaded_model_can_be_trained_and_can_write(tmp_path):
    save_checkpoint(tmp_path / "c", small_model(), None)
    loaded, _, _ = load_checkpoint(tmp_path / "c")
    before = weights(loaded)
    fit(loaded, stream(), None, run_settings(steps=2))
    assert all(w.requires_grad for w in loaded.parameters())
    assert any(not torch.equal(w, before[n]) for n, w in loaded.state_dict().items())
    assert generate(loaded, torch.tensor([[1, 2]]), 3, temperature=0).shape == (1, 5)


def test_same_model_same_bytes(tmp_path):
    for name in "ab":
        save_checkpoint(tmp_path / name, small_model(), None, extra={"b": 1, "a": 2})
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_saving_leaves_the_model_and_its_mode_alone(tmp_path):
    model = small_model().train()
    before = weights(model)
    save_checkpoint(tmp_path / "c", model, None)
    assert model.training
    assert_same_weights(before, model)


def test_strange_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ein Modell é 二", "a.b.c", ".hidden", "deep/er/still"):
        save_checkpoint(name, small_model(), None)
        load_checkpoint(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "a.b.c")
    load_checkpoint(".")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="working folder: choose a folder in it"):
        save_checkpoint(".", small_model(), None)


def test_a_loaded_model_does_not_hang_on_the_file(copy):
    """Mapped memory would change with the file, and Windows would not let it be replaced."""
    model, tokenizer, _ = load_checkpoint(copy)
    before = weights(model)
    data = (copy / WEIGHTS).read_bytes()
    with open(copy / WEIGHTS, "r+b") as file:
        file.seek(len(data) // 2)
        file.write(bytes(len(data) - len(data) // 2))
    assert_same_weights(before, model)
    save_checkpoint(copy, model, tokenizer)
    assert_same_weights(before, load_checkpoint(copy)[0])


@pytest.mark.parametrize("extra", [{"x": float("nan")}, {"x": {1, 2}}, {"x": torch.zeros(1)}])
def test_extra_that_json_cannot_hold_is_refused_and_the_old_checkpoint_stays(copy, extra):
    before = content(copy.parent)
    with pytest.raises((ValueError, TypeError), match="JSON"):
        save_checkpoint(copy, small_model(), None, extra=extra)
    assert content(copy.parent) == before


# --- where it may be written --------------------------------------------------------------------


def test_a_checkpoint_replaces_an_older_one_whole(copy):
    """Also files that only the older one had: it had a tokenizer and a training state."""
    model = small_model(seed=3)
    save_checkpoint(copy, model, None)
    loaded, found, extra = load_checkpoint(copy)
    assert_same_weights(loaded, model)
    assert (found, extra) == (None, {})
    assert sorted(content(copy)) == sorted([WEIGHTS, CONFIG, EXTRA, MANIFEST])
    assert os.listdir(copy.parent) == [copy.name]


@pytest.mark.parametrize(
    ("present", "named"),
    [
        (["notes.txt"], "notes.txt"),
        ([MANIFEST, "notes.txt"], "notes.txt"),
        (["config.json", "model.safetensors", "tokenizer.json"], "config.json"),
        (["run.json", "log.csv"], "log.csv"),
        ([".git"], ".git"),
    ],
)
def test_a_folder_with_other_files_is_refused(tmp_path, present, named):
    folder = tmp_path / "c"
    folder.mkdir()
    for name in present:
        (folder / name).write_text("{}")
    before = content(tmp_path)
    with pytest.raises(ValueError, match="choose a new folder") as caught:
        save_checkpoint(folder, small_model(), None)
    assert str(folder) in str(caught.value)
    assert named in str(caught.value)
    assert content(tmp_path) == before


def test_a_file_is_refused_as_a_place_for_a_checkpoint(tmp_path):
    (tmp_path / "c").write_text("mine")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        save_checkpoint(tmp_path / "c", small_model(), None)
    assert (tmp_path / "c").read_text() == "mine"


def test_an_empty_folder_is_accepted(tmp_path):
    save_checkpoint(tmp_path, small_model(), None)
    load_checkpoint(tmp_path)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused_when_saving(tmp_path, tokenizer):
    with pytest.raises(ValueError, match="280 tokens, the model only 24"):
        save_checkpoint(tmp_path / "c", small_model(), tokenizer)
    with pytest.raises(ValueError, match="280 tokens, the model only 24"):
        fit(
            small_model(),
            stream(),
            None,
            run_settings(),
            checkpoint_dir=tmp_path / "c",
            tokenizer=tokenizer,
        )
    assert not (tmp_path / "c").exists()


# --- a crash at every moment of saving ----------------------------------------------------------

# Runs in a process of its own, because only a process can die. Child number n dies at its n-th
# call of an operating-system function that changes a disk; the next child must find a whole
# checkpoint: the old one or the new one, and the new one for good after saving again.
CRASH = """
import os, sys
import torch
from minigpt import GPT, GPTConfig, load_checkpoint, save_checkpoint

path = sys.argv[1]
config = GPTConfig.fast(vocab_size=20, n_layer=1, n_head=1, n_embd=4, block_size=4)
old, new = GPT(config), GPT(config)

def same(left, right):
    pairs = zip(left.parameters(), right.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)

def die_at(n):
    calls = 0
    def counted(function):
        def call(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == n:
                os._exit(9)
            return function(*args, **kwargs)
        return call
    for name in ("rename", "replace", "mkdir", "rmdir", "unlink", "chmod", "fsync"):
        setattr(os, name, counted(getattr(os, name)))

found = []
n = 0
while True:
    n += 1
    save_checkpoint(path, old, None, extra={"which": "old"})
    child = os.fork()
    if child == 0:
        die_at(n)
        save_checkpoint(path, new, None, extra={"which": "new"})
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    model, _, extra = load_checkpoint(path)
    assert same(model, {"old": old, "new": new}[extra["which"]])
    found.append(extra["which"])
    save_checkpoint(path, new, None)
    assert same(load_checkpoint(path)[0], new)
    if code == 0:
        break
print(n, found.index("new"), sorted(found) == found[::-1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_dying_at_any_moment_of_saving_leaves_the_old_or_the_new_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path / "c")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    moments, first_new, old_then_new = done.stdout.split()
    assert int(moments) > 20
    assert 10 < int(first_new) < int(moments)
    assert old_then_new == "True"


# --- damage -------------------------------------------------------------------------------------

DAMAGE = st.one_of(
    st.tuples(st.just("truncate"), st.floats(0, 1, exclude_max=True)),
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(0, 7)),
    st.tuples(st.just("append"), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("replace"), st.binary(max_size=64)),
    st.tuples(st.just("delete")),
    st.tuples(st.just("folder")),
    st.tuples(st.just("swap"), st.sampled_from([*FILES, MANIFEST])),
)


def damage(folder: Path, name: str, kind: str, *how) -> None:
    path = folder / name
    data = path.read_bytes()
    path.unlink()
    if kind == "truncate":
        path.write_bytes(data[: int(len(data) * how[0])])
    elif kind == "flip":
        at = int(len(data) * how[0])
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << how[1]]) + data[at + 1 :])
    elif kind == "append":
        path.write_bytes(data + how[0])
    elif kind == "replace":
        path.write_bytes(how[0])
    elif kind == "folder":
        path.mkdir()
    elif kind == "swap":
        other = folder / how[0]
        if other != path:
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
        else:
            path.write_bytes(data)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*FILES, MANIFEST]), how=DAMAGE)
@example(name=WEIGHTS, how=("truncate", 0.0))
@example(name=EXTRA, how=("flip", 0.5, 0))
@example(name=MANIFEST, how=("replace", b"[" * 64))
@example(name=MANIFEST, how=("replace", b'{"format_version": 1}'))
def test_damage_is_refused_or_harmless(sound, tmp_path, name, how):
    """Never another error than these, never a wrong model."""
    folder = tmp_path / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    damage(folder, name, *how)
    try:
        model, tokenizer, extra = load_checkpoint(folder)
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
        assert str(folder) in message
        assert any(remedy in message for remedy in REMEDIES), message
        if name != MANIFEST and how[0] != "swap":
            assert name in message
        return
    # Harmless: white space in the manifest, or nothing changed at all.
    expected, expected_tokenizer, expected_extra = load_checkpoint(sound)
    assert_same_weights(model, expected)
    assert model.config == expected.config
    assert tokenizer.vocab == expected_tokenizer.vocab
    assert tokenizer.merges == expected_tokenizer.merges
    assert extra == expected_extra


@pytest.mark.parametrize("name", FILES)
def test_every_byte_matters(copy, name):
    """In every file but the manifest, a change anywhere is found."""
    data = (copy / name).read_bytes()
    for at in sorted({0, 7, 8, len(data) // 3, len(data) // 2, len(data) - 1}):
        (copy / name).write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        refused(copy, name, "altered or cut short")
    (copy / name).write_bytes(data[:-1])
    refused(copy, name, "altered or cut short")
    (copy / name).unlink()
    refused(copy, f"lacks {name}")


def test_files_of_another_checkpoint_do_not_pass(copy, tmp_path, tokenizer):
    other = tmp_path / "other"
    save_checkpoint(other, small_model(vocab_size=280, seed=9), tokenizer, extra=EXTRAS)
    shutil.copy(other / WEIGHTS, copy / WEIGHTS)
    refused(copy, WEIGHTS)


# --- what is no checkpoint ----------------------------------------------------------------------


def test_no_folder(tmp_path):
    refused(tmp_path / "none", "no minigpt checkpoint", error=FileNotFoundError)


def test_a_file_is_no_checkpoint(tmp_path):
    (tmp_path / "c").write_text("x")
    refused(tmp_path / "c", "no minigpt checkpoint", error=FileNotFoundError)


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    refused(tmp_path, "no minigpt checkpoint", MANIFEST, error=FileNotFoundError)


def test_a_hugging_face_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    save_file({"wte.weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    refused(tmp_path, "no minigpt checkpoint", error=FileNotFoundError)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version(copy, version):
    rewrite(copy / MANIFEST, lambda m: m.update(format_version=version))
    refused(copy, f"format_version {version!r}", "reads 1", "install the version")


@pytest.mark.parametrize(
    "sums", [None, [], {}, {WEIGHTS: "0"}, {WEIGHTS: 1, CONFIG: 2, VOCABULARY: 3}]
)
def test_an_incomplete_manifest(copy, sums):
    rewrite(copy / MANIFEST, lambda m: m.update(sha256=sums))
    refused(copy, f"{MANIFEST} is incomplete")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", "[" * 100_000, "9" * 5_000, "\ufeff{}"]
)
def test_a_manifest_that_is_no_json_object(copy, text):
    (copy / MANIFEST).write_text(text, encoding="utf-8")
    refused(copy, MANIFEST)


def test_a_manifest_in_another_encoding(copy):
    (copy / MANIFEST).write_bytes("{}".encode("utf-16"))
    refused(copy, MANIFEST)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/inside", "..", ".", ""])
def test_a_manifest_cannot_point_out_of_its_folder(copy, name):
    (copy.parent / "outside").write_text("x")
    (copy / "sub").mkdir()
    (copy / "sub" / "inside").write_text("x")
    sums = {
        "../outside": sha256(copy.parent / "outside"),
        "sub/inside": sha256(copy / "sub/inside"),
    }
    rewrite(copy / MANIFEST, lambda m: m["sha256"].update({name: sums.get(name, "0")}))
    refused(copy, "lacks")


# --- true checksums, wrong content --------------------------------------------------------------


class Trap:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, VOCABULARY, EXTRA])
def test_nothing_is_unpickled(copy, name):
    (copy / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=name):
        load_checkpoint(forge(copy))
    torch.save({"w": torch.zeros(2)}, copy / name)
    with pytest.raises(ValueError, match=name):
        load_checkpoint(forge(copy))


def test_weights_that_do_not_fit_the_configuration(copy):
    rewrite(copy / CONFIG, lambda c: c.update(n_layer=2))
    message = refused_content(copy)
    assert "h.1.attn.c_attn.weight is missing" in message
    rewrite(copy / CONFIG, lambda c: c.update(n_layer=1, n_embd=32))
    assert "wte.weight has shape (280, 16), expected (280, 32)" in refused_content(copy)
    rewrite(copy / CONFIG, lambda c: c.update(n_embd=16, tie_head=True))
    assert "lm_head.weight is not part of the model" in refused_content(copy)


def refused_content(folder: Path) -> str:
    with pytest.raises(ValueError, match="differ") as caught:
        load_checkpoint(forge(folder))
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"n_layer": -1},
        {"n_layer": "2"},
        {"norm": ["rmsnorm"]},
        {"colour": "red"},
        {"dropout": "much"},
        {"tie_head": "no"},
        {"rope_theta": None},
    ],
)
def test_a_configuration_that_cannot_be(copy, change):
    rewrite(copy / CONFIG, lambda c: c.update(change))
    with pytest.raises(ValueError, match=next(iter(change))):
        load_checkpoint(forge(copy))


def test_a_configuration_of_another_kind_of_model(copy):
    rewrite(copy / CONFIG, lambda c: c.update(model_type="gpt2"))
    with pytest.raises(ValueError, match="is not the configuration of a minigpt model"):
        load_checkpoint(forge(copy))


def test_a_tokenizer_with_more_tokens_than_the_model(copy):
    bigger = BPETokenizer.train(TEXT, vocab_size=300)
    save_checkpoint(copy.parent / "other", small_model(vocab_size=300), bigger)
    shutil.copy(copy.parent / "other" / VOCABULARY, copy / VOCABULARY)
    refused(forge(copy), f"{bigger.vocab_size} tokens, the model only 280")


def test_a_tokenizer_file_that_is_none(copy):
    (copy / VOCABULARY).write_text('{"model": {"type": "BPE"}}')
    with pytest.raises(ValueError, match=VOCABULARY):
        load_checkpoint(forge(copy))


def test_the_training_state_is_not_needed_to_use_a_model(copy):
    (copy / TRAINING).unlink()
    assert isinstance(load_checkpoint(forge(copy))[0], GPT)


def test_a_model_with_other_options_than_the_defaults(tmp_path):
    config = GPTConfig(
        vocab_size=30,
        block_size=8,
        n_layer=2,
        n_head=4,
        n_embd=16,
        n_kv_head=2,
        head_dim=6,
        mlp_hidden=10,
        norm="rmsnorm",
        mlp="swiglu",
        position="none",
        logit_softcap=3.0,
        dropout=0.25,
    )
    save_checkpoint(tmp_path / "c", GPT(config), None)
    assert load_checkpoint(tmp_path / "c")[0].config == config
