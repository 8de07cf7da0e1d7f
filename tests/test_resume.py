"""A run that is stopped, killed or runs out of disk ends, resumed, like one that never stopped."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_runs import (
    BLOCK,
    NARROW,
    TEXT,
    assert_same_weights,
    content,
    differ,
    settings,
    small_model,
    stream,
    weights,
)

from minigpt import GPT, History, TrainConfig, fit, load, load_checkpoint, save_checkpoint
from minigpt.data import Batches
from minigpt.run_folder import checkpoints, newest_checkpoint

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}

RUNS = {
    "muon, dropout, patience": ({"dropout": 0.2}, {"patience": 2}),
    "gpt2, adamw, cosine": (
        {"preset": "gpt2"},
        {"optimizer": "adamw", "schedule": "cosine", "warmup_steps": 2},
    ),
    "accumulation, bfloat16": (
        {"preset": "gpt2", "dropout": 0.1},
        {"grad_accumulation": 2, "dtype": "bfloat16", "seed": 3},
    ),
}


def same_history(left: History, right: History) -> None:
    """Equal but for what a clock measured."""
    for name in ("step", "train_loss", "learning_rate", "val_step", "val_loss", "stopped"):
        assert getattr(left, name) == getattr(right, name), name
    assert len(left.tokens_per_second) == len(right.tokens_per_second)


def stop_after(steps: int):
    """For on_step: Ctrl-C in the hands of a callback, after so many steps of this call."""
    seen = []

    def on_step(info):
        seen.append(info.step)
        if len(seen) == steps:
            raise KeyboardInterrupt

    return on_step


# --- stopping and going on ----------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_stopped_at_any_step_and_resumed(tmp_path, name):
    model_changes, changes = RUNS[name]
    config = settings(**changes)
    expected_model = small_model(**model_changes)
    expected = fit(expected_model, stream(60), stream(seed=1), config)
    for stop in range(1, len(expected.step)):  # after 1, the weights at the start are needed
        run = tmp_path / f"stop-{stop}"
        model = small_model(**model_changes)
        history = fit(
            model, stream(60), stream(seed=1), config, on_step=stop_after(stop), checkpoint_dir=run
        )
        assert history.stopped == "interrupted"
        # The next session starts with other random weights, and something random in between.
        model = small_model(seed=7, **model_changes)
        torch.rand(3)
        history = fit(model, stream(60), stream(seed=1), config, checkpoint_dir=run)
        same_history(history, expected)
        assert_same_weights(model, expected_model)
        loaded, _ = load(run)
        assert_same_weights(loaded, expected_model)


def test_stopped_again_and_again(tmp_path):
    """Never more than two steps in one go; the same model object goes on."""
    config = settings(steps=9, checkpoint_interval=1, patience=9)
    expected_model, model = small_model(dropout=0.2), small_model(dropout=0.2)
    expected = fit(expected_model, stream(), stream(seed=1), config)
    calls = 0
    while True:
        calls += 1
        history = fit(
            model,
            stream(),
            stream(seed=1),
            config,
            on_step=stop_after(2),
            checkpoint_dir=tmp_path / "run",
        )
        if history.stopped != "interrupted":
            break
    assert calls == 9
    same_history(history, expected)
    assert_same_weights(model, expected_model)


@pytest.mark.parametrize("stop", [1, 3])
def test_ctrl_c_saves_its_step(tmp_path, stop):
    """No step is lost, though no checkpoint was due."""
    run, config = tmp_path / "run", settings(checkpoint_interval=100)
    expected = small_model(dropout=0.2)
    fit(expected, stream(), stream(seed=1), config)

    def press(info):
        if info.step == stop:
            signal.raise_signal(signal.SIGINT)

    model = small_model(dropout=0.2)
    history = fit(model, stream(), stream(seed=1), config, on_step=press, checkpoint_dir=run)
    assert (history.stopped, history.step[-1]) == ("interrupted", stop)
    assert_same_weights(load(run)[0], model)
    steps = []
    model = small_model(seed=5, dropout=0.2)
    fit(model, stream(), stream(seed=1), config, on_step=steps.append, checkpoint_dir=run)
    assert steps[0].step == stop + 1
    assert_same_weights(model, expected)


def test_batches_from_a_function_resume_too(tmp_path):
    draw = Batches(stream(), BLOCK, 4, seed=8)

    def batch(step):
        x, y = draw(step)
        return x, y.masked_fill(torch.arange(BLOCK) < step % 4, -100)

    expected, model = small_model(), small_model()
    fit(expected, batch, draw, settings())
    run = tmp_path / "run"
    fit(model, batch, draw, settings(), on_step=stop_after(3), checkpoint_dir=run)
    fit(model, batch, draw, settings(), checkpoint_dir=run)
    assert_same_weights(model, expected)


def test_a_finished_run_is_given_back_at_once(tmp_path):
    run, trained = tmp_path / "run", small_model()
    expected = fit(trained, stream(), stream(seed=1), settings(), checkpoint_dir=run)
    before = content(run)
    model, steps = small_model(seed=4), []
    history = fit(
        model, stream(), stream(seed=1), settings(), checkpoint_dir=run, on_step=steps.append
    )
    assert not steps
    assert history == expected
    assert_same_weights(model, trained)
    assert content(run) == before


def overfit(model: GPT, run: Path | None, on_step=None) -> History:
    config = settings(
        steps=60, learning_rate=0.02, schedule="constant", patience=3, checkpoint_interval=3
    )
    return fit(model, stream(30), stream(seed=1), config, checkpoint_dir=run, on_step=on_step)


def test_early_stop_and_best_weights_survive_interruptions(tmp_path):
    trained, run = small_model(), tmp_path / "run"
    expected = overfit(trained, None)
    assert expected.stopped == "early stop"
    best = expected.val_step[expected.val_loss.index(min(expected.val_loss))]
    # Stopped after the best evaluation, so that the best weights come out of the checkpoint.
    overfit(small_model(), run, on_step=stop_after(best + 3))
    model = small_model(seed=9)
    same_history(overfit(model, run), expected)
    assert_same_weights(model, trained)
    again = small_model(seed=8)
    same_history(overfit(again, run), expected)
    assert_same_weights(again, trained)
    assert_same_weights(load(run)[0], trained)


def test_training_on_after_an_interruption_without_a_folder_starts_anew():
    model = small_model()
    fit(model, stream(), None, settings(), on_step=stop_after(2))
    assert fit(model, stream(), None, settings()).step == [1, 2, 3, 4, 5, 6]


# --- the folder ---------------------------------------------------------------------------------


def test_what_a_run_folder_holds(tmp_path, char_tokenizer):
    model = small_model(vocab_size=50)
    history = fit(
        model,
        stream(),
        stream(seed=1),
        settings(keep_checkpoints=2),
        checkpoint_dir=tmp_path / "run",
        tokenizer=char_tokenizer,
    )
    run = tmp_path / "run"
    assert sorted(p.name for p in run.iterdir()) == [
        "log.csv",
        "run.json",
        "step-000004",
        "step-000006",
    ]
    with open(run / "log.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == history.step
    assert [float(row["train_loss"]) for row in rows] == history.train_loss
    assert [float(row["learning_rate"]) for row in rows] == history.learning_rate
    assert [float(r["val_loss"]) for r in rows if r["val_loss"]] == history.val_loss
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert about["model"] == model.config.to_dict()
    assert about["training"]["learning_rate"] == settings().learning_rate
    _, tokenizer, extra = load_checkpoint(run / "step-000006")
    assert tokenizer.characters == char_tokenizer.characters
    assert extra["history"]["train_loss"] == history.train_loss


def test_checkpoints_are_ordered_by_number(tmp_path):
    for name in ("step-999999", "step-1000000", "step-000002", "step-000300 copy", "step-²"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-000007").write_text("a file")
    names = [p.name for p in checkpoints(tmp_path)]
    assert names == ["step-000002", "step-999999", "step-1000000"]
    assert newest_checkpoint(tmp_path).name == "step-1000000"


@pytest.mark.parametrize("keep", [1, 3])
def test_old_checkpoints_are_deleted(tmp_path, keep):
    config = settings(checkpoint_interval=1, keep_checkpoints=keep)
    fit(small_model(), stream(), None, config, checkpoint_dir=tmp_path)
    assert [int(p.name[5:]) for p in checkpoints(tmp_path)] == [6, 5, 4][:keep][::-1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 7}, "training.steps is 6 there and 7 here"),
        ({"seed": 1}, "training.seed is 0 there and 1 here"),
        ({"batch_size": 5}, "training.batch_size is 4 there and 5 here"),
        ({"betas": (0.9, 0.99)}, "training.betas is [0.9, 0.95] there and (0.9, 0.99) here"),
        ({"dtype": "bfloat16"}, "training.dtype"),
        ({"patience": 2}, "training.patience is None there and 2 here"),
    ],
)
def test_other_settings_are_another_run(tmp_path, changes, named):
    run = tmp_path / "run"
    fit(small_model(), stream(), stream(seed=1), settings(), checkpoint_dir=run)
    before = content(tmp_path)
    with pytest.raises(ValueError, match="holds another run") as caught:
        fit(small_model(), stream(), stream(seed=1), settings(**changes), checkpoint_dir=run)
    assert named in str(caught.value)
    assert str(run) in str(caught.value)
    assert "choose another folder" in str(caught.value)
    assert content(tmp_path) == before


def test_another_model_or_other_data_are_another_run(tmp_path):
    train, val = stream(), stream(seed=1)
    fit(small_model(), train, val, settings(), checkpoint_dir=tmp_path)
    before = content(tmp_path)
    for model, data, held_out, named in [
        (small_model(n_layer=2), train, val, "model.n_layer is 1 there and 2 here"),
        (small_model(dropout=0.1), train, val, "model.dropout is 0.0 there and 0.1 here"),
        (small_model(), stream(seed=3), val, "data.train_sha256 differs"),
        (small_model(), train, stream(seed=3), "data.val_sha256 differs"),
        (small_model(), train, None, "data.val_sha256 differs"),
    ]:
        with pytest.raises(ValueError, match="holds another run") as caught:
            fit(model, data, held_out, settings(), checkpoint_dir=tmp_path)
        assert named in str(caught.value)
    assert content(tmp_path) == before


def test_how_a_run_is_kept_may_change(tmp_path):
    expected, model = small_model(), small_model()
    fit(expected, stream(), None, settings())
    fit(model, stream(), None, settings(), on_step=stop_after(3), checkpoint_dir=tmp_path)
    config = settings(checkpoint_interval=1, keep_checkpoints=5)
    fit(model, stream(), None, config, checkpoint_dir=tmp_path)
    assert_same_weights(model, expected)


@pytest.mark.parametrize("name", ["notes.txt", ".git", "config.json", "step-000002"])
def test_a_folder_with_other_files_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="is not empty and holds no run: choose a new"):
        fit(small_model(), stream(), None, settings(), checkpoint_dir=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        fit(small_model(), stream(), None, settings(), checkpoint_dir=tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "[]", '{"name": "something else"}', "\x00"])
def test_a_run_file_that_is_not_ours(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"holds another run|restore it from a copy"):
        fit(small_model(), stream(), None, settings(), checkpoint_dir=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_an_empty_folder_and_leftovers_of_a_killed_start_are_accepted(tmp_path):
    (tmp_path / ".run.json.tmp-ab12").write_text("{")
    fit(small_model(), stream(), None, settings(), checkpoint_dir=tmp_path)
    assert checkpoints(tmp_path)


def test_leftovers_of_a_killed_save_are_removed(tmp_path):
    model = small_model()
    fit(model, stream(), None, settings(), on_step=stop_after(3), checkpoint_dir=tmp_path)
    (tmp_path / ".step-000004.tmp-ab12").mkdir()
    (tmp_path / ".step-000004.tmp-ab12" / "model.safetensors").write_text("half")
    fit(model, stream(), None, settings(), checkpoint_dir=tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_the_working_folder_may_be_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(small_model(), stream(), None, settings(), on_step=stop_after(3), checkpoint_dir=".")
    fit(small_model(), stream(), None, settings(), checkpoint_dir=".")
    load(".")


@pytest.mark.parametrize("name", ["training.safetensors", "extra.json", "model.safetensors"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_takes_over(tmp_path, name):
    expected, model = small_model(dropout=0.1), small_model(dropout=0.1)
    fit(expected, stream(), None, settings())
    fit(model, stream(), None, settings(), on_step=stop_after(5), checkpoint_dir=tmp_path)
    path = tmp_path / "step-000004" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="delete this checkpoint and use an earlier one") as caught:
        fit(model, stream(), None, settings(), checkpoint_dir=tmp_path)
    assert str(path) in str(caught.value)
    shutil.rmtree(path.parent)
    fit(model, stream(), None, settings(), checkpoint_dir=tmp_path)
    assert_same_weights(model, expected)


def test_a_model_without_training_state_is_not_resumed(tmp_path):
    model = small_model()
    fit(model, stream(), None, settings(), on_step=stop_after(3), checkpoint_dir=tmp_path)
    save_checkpoint(tmp_path / "step-000005", small_model(seed=6), None)
    with pytest.raises(ValueError, match=r"step-000005 .*without the state of a training run"):
        fit(model, stream(), None, settings(), checkpoint_dir=tmp_path)


# --- a full disk --------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["fsync", "safetensors"])
@pytest.mark.parametrize("failing", range(4))
def test_a_disk_that_fills_up_costs_no_older_checkpoint(tmp_path, monkeypatch, where, failing):
    """A checkpoint (0: that of the start) meets the full disk; then there is space again."""
    from safetensors import SafetensorError

    from minigpt import checkpoint, files

    expected, model = small_model(dropout=0.1), small_model(dropout=0.1)
    fit(expected, stream(), stream(seed=1), settings())
    real, calls = checkpoint.save_file, []

    def save_file(tensors, path):
        calls.append(path)
        if (len(calls) - 1) // 2 == failing:  # two files a checkpoint
            if where == "safetensors":
                Path(path).write_bytes(b"half")
                raise SafetensorError("I/O error: No space left on device (os error 28)")
            monkeypatch.setattr(files.os, "fsync", full)
        real(tensors, path)

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", save_file)
        with pytest.raises(OSError, match="No space left"):
            fit(model, stream(), stream(seed=1), settings(), checkpoint_dir=tmp_path)
    monkeypatch.undo()
    assert [int(p.name[5:]) for p in checkpoints(tmp_path)] == [0, 2, 4][:failing][-2:]
    for path in checkpoints(tmp_path):
        load_checkpoint(path)
    assert not list(tmp_path.glob(".step*"))
    fit(model, stream(), stream(seed=1), settings(), checkpoint_dir=tmp_path)
    assert_same_weights(model, expected)


# In a mount namespace of its own: the small disk exists for this process alone, and vanishes
# with it. A file fills the disk until it is deleted.
SMALL_DISK = """
import subprocess, sys
from pathlib import Path
from minigpt.cli import main

disk, text = Path(sys.argv[1]), sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=True)
ballast, run = disk / "ballast", disk / "run"
arguments = ["train", "--text", text, "--out", str(run), *sys.argv[3:]]
free = 330_000  # two checkpoints and a half
ballast.write_bytes(bytes(1024 * 1024 - free))
print("CODE", main(arguments))
print("KEPT", sorted(p.name for p in run.iterdir()))
ballast.unlink()
print("CODE", main(arguments))
import hashlib
newest = sorted(run.glob("step-*"))[-1] / "model.safetensors"
print("SHA", hashlib.sha256(newest.read_bytes()).hexdigest())
"""


def can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("a small disk of our own cannot be mounted here")
    options = f"{NARROW} --steps 6 --checkpoint-interval 2 --eval-interval 3 --dropout 0.1".split()
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", SMALL_DISK, str(disk), str(text), *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("CODE", "KEPT", "SHA"))]
    assert said[0] == "CODE 2", done.stdout + done.stderr
    assert said[1] == "KEPT ['log.csv', 'run.json', 'step-000000', 'step-000002']"
    assert said[2] == "CODE 0", done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("minigpt: error: ")
    assert "the disk is full; free some space and run the same command again" in done.stderr
    assert said[3] == f"SHA {reference(tmp_path, text, options)[0]}"


def reference(folder: Path, text: Path, options: list[str]) -> tuple[str, dict[str, bytes]]:
    """SHA-256 of the weights of the same run, never stopped, and all its files."""
    from minigpt.cli import main
    from minigpt.files import sha256

    out = folder / "reference"
    assert main(["train", "--text", str(text), "--out", str(out), *options]) == 0
    return sha256(newest_checkpoint(out) / "model.safetensors"), content(out)


# --- being killed -------------------------------------------------------------------------------

# Child number n dies at its n-th call of an operating-system function that changes a disk; the
# next child resumes and must end with the weights of a run that never died.
CRASH = """
import os, sys
import torch
sys.path.insert(0, sys.argv[2])
from small_runs import assert_same_weights, settings, small_model, stream
from minigpt import fit, load

config = settings(
    steps=2, eval_interval=1, checkpoint_interval=1, keep_checkpoints=1, patience=9
)
expected = small_model(dropout=0.2)
fit(expected, stream(), stream(40, seed=1), config)

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

def child(run, n):
    pid = os.fork()
    if pid == 0:
        try:
            if n is not None:
                die_at(n)
            begun = os.path.isdir(run) and any(f.startswith("step-") for f in os.listdir(run))
            model = small_model(seed=5 if begun else 0, dropout=0.2)
            fit(model, stream(), stream(40, seed=1), config, checkpoint_dir=run)
            assert_same_weights(model, expected)
            assert_same_weights(load(run)[0], expected)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

first, stride = map(int, sys.argv[3:])
n, codes = first - stride, []
while True:
    n += stride
    run = os.path.join(sys.argv[1], str(n))
    codes.append(child(run, n))
    assert child(run, None) == 0, n
    assert not [name for name in os.listdir(run) if name.startswith(".")], n
    rows = open(os.path.join(run, "log.csv")).read().splitlines()
    assert len(rows) == 3, n
    if codes[-1] != 9:
        break
print(n, codes[-1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_changes_to_the_disk(tmp_path, stride):
    """At every fifth, beginning anywhere; the slow form at every single one."""
    first = random.randint(1, stride)
    helpers = Path(__file__).parent
    arguments = [str(tmp_path), str(helpers), str(first), str(stride)]
    done = subprocess.run(
        [sys.executable, "-c", CRASH, *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    moments, last = map(int, done.stdout.split())
    assert last == 0
    assert moments > 60


def kill_until_finished(
    text: Path, run: Path, options: list[str], kills: int, step: float, chance: random.Random
) -> list[str]:
    """Start `python -m minigpt train` again and again; returns what each kill met.

    Half of the kills come soon after a new checkpoint (training, evaluating, writing the next
    one), the others at any time after the start (imports, tokenizer, first steps). `step` is what
    a step takes, in seconds: a machine twice as fast is killed twice as soon.
    """
    begun = 0.0  # seconds from the start of a process to its first checkpoint
    met = []
    command = [sys.executable, "-m", "minigpt", "train", "--text", str(text), "--out", str(run)]
    while True:
        before = checkpoints(run)[-1:]
        with subprocess.Popen(
            [*command, *options],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            if len(met) < kills:
                start = time.perf_counter()
                if len(met) % 2 == 0:
                    while process.poll() is None and checkpoints(run)[-1:] == before:
                        time.sleep(0.002)
                    begun = time.perf_counter() - start
                    time.sleep(chance.uniform(0, 3 * step))
                else:
                    time.sleep(chance.uniform(0, begun + 3 * step))
                process.kill()
            _, errors = process.communicate()
        code = process.returncode
        if code == 0 and len(met) < kills:
            pytest.fail(f"the run was over after {len(met)} kills: give it more steps")
        if code == 0:
            return met
        assert len(met) < kills, errors.decode()
        assert code == -signal.SIGKILL or sys.platform == "win32", errors.decode()
        newest = checkpoints(run)[-1:]
        half = [p.name for p in run.glob(".*")] if run.is_dir() else []
        met.append(f"{newest[0].name if newest else 'no checkpoint'} {half}")


def check_kills(tmp_path: Path, preset: str, kills: int, steps: int) -> None:
    options = f"""{NARROW} --preset {preset} --dropout 0.1 --patience 1000 --steps {steps}
        --checkpoint-interval 1 --eval-interval 2 --learning-rate 0.01""".split()
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    start = time.perf_counter()
    expected = reference(tmp_path, text, options)[1]
    step = (time.perf_counter() - start) / steps
    run = tmp_path / "run"
    met = kill_until_finished(text, run, options, kills, step, random.Random())
    print("\n".join(met))
    assert len(met) == kills
    found = content(run)
    newest = f"step-{steps:06d}"
    for name in ("model.safetensors", "training.safetensors", "tokenizer.json", "config.json"):
        name = str(Path(newest) / name)
        assert found[name] == expected[name], name
    assert found["run.json"] == expected["run.json"]
    assert found["log.csv"] == expected["log.csv"]
    # What was killed while deleting may stay; what was killed while writing may not.
    assert not [name for name in found if name.startswith(".")]


def test_killed_at_random(tmp_path):
    check_kills(tmp_path, "fast", kills=5, steps=60)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "kills"), [("fast", 20), ("gpt2", 10)])
def test_killed_at_random_many_times(tmp_path, preset, kills):
    check_kills(tmp_path, preset, kills, steps=200)


# --- the tests' own teeth -----------------------------------------------------------------------


def test_a_changed_step_would_be_noticed(tmp_path):
    """The comparisons above can fail: one batch of 6 drawn with another seed is seen."""
    left, right = small_model(), small_model()
    draw = Batches(stream(), BLOCK, 4)
    fit(left, draw, None, settings())
    fit(right, lambda step: draw(step if step != 3 else 99), None, settings())
    assert differ(weights(left), weights(right))
    assert dataclasses.replace(settings(), seed=1) != settings()
    assert isinstance(settings(), TrainConfig)
