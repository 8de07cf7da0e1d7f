"""Several processes under torchrun: the same run as one process, also when one of them dies."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_runs import BLOCK, NARROW, TEXT, settings, small_model, stream, weights

from minigpt import fit, load
from minigpt.cli import main
from minigpt.data import Batches
from minigpt.evaluate import next_token_loss, token_losses
from minigpt.parallel import Processes, processes
from minigpt.run_folder import checkpoints

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="torchrun needs another store there"
)

HELPERS = str(Path(__file__).parent)
SECONDS = 120  # a loaded machine may take long; what hangs is still ended


def torchrun(n: int, *arguments: str, **changes: str | None) -> tuple[int, str, str]:
    """Run a script or `-m module` in n processes; returns exit code and what was said."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"} | changes
    environment = {name: value for name, value in environment.items() if value is not None}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launcher += ["--local-addr=127.0.0.1", f"--nproc_per_node={n}"]
    with subprocess.Popen(
        [*launcher, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()  # it ends its workers
            out, err = process.communicate(timeout=60)
            pytest.fail(f"still running after {SECONDS} s:\n{out}\n{err}")
    return process.returncode, out, err


# --- fit in a script ----------------------------------------------------------------------------


def masked(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Five rows of which the last ones carry few targets, at times none."""
    x, y = Batches(stream(), BLOCK, 5, seed=3)(step)
    y = y.clone()
    y[3:] = -100
    y[3, : step % 3] = 5
    y[0, ::2] = -100
    return x, y


FIRST = 2e-6  # how far the first step's loss may be off: equal weights, so rounding alone

# Name: changes to the model, changes to the settings, what is trained on, what is held out.
CASES = {
    "muon": ({}, {}, stream(), stream(100, seed=1)),
    "adamw, masked, accumulated": (
        {"preset": "gpt2"},
        {"optimizer": "adamw", "grad_accumulation": 3, "eval_batches": 5},
        masked,
        Batches(stream(), BLOCK, 4, seed=9),
    ),
    "clipped, few batches": ({}, {"grad_clip": 0.1, "eval_batches": 1}, stream(), stream(seed=1)),
    "tiny held out": ({}, {}, stream(), stream(7, seed=1)),
    "patience": (
        {},
        {"steps": 60, "learning_rate": 0.02, "schedule": "constant", "patience": 3},
        stream(30),
        stream(seed=1),
    ),
}

# Each process writes what it has found to a file of its own.
FITS = """
import json, os, signal, sys, warnings
warnings.simplefilter("error")
from pathlib import Path
import torch
torch.set_num_threads(1)
folder, helpers = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, helpers)
from safetensors.torch import save_file
from small_runs import settings, small_model, stream
from test_parallel import CASES, masked
import minigpt.run
import minigpt.train
from minigpt import fit

rank, found = int(os.environ["RANK"]), {}

def train(name, model, *arguments, **options):
    told = []
    note = options.pop("on_step", lambda info: None)
    def on_step(info):
        told.append(info.step)
        note(info)
    try:
        history = fit(model, *arguments, on_step=on_step, **options)
        found[name] = {
            "told": told, "stopped": history.stopped, "step": history.step,
            "loss": history.train_loss, "val": history.val_loss, "val_step": history.val_step,
        }
    except Exception as error:
        found[name] = {"told": told, "error": type(error).__name__, "text": str(error)}
    save_file(model.state_dict(), folder / f"{name}.{rank}.safetensors")

for name, (model, changes, data, val) in CASES.items():
    # Other weights in the other processes: those of process 0 count.
    train(name, small_model(seed=rank, **model), data, val, settings(**changes))

# The same row for all: only what dropout has masked can make its logits differ.
loss = minigpt.train.next_token_loss
row = torch.arange(8).repeat(6, 1)
for rate in (0.0, 0.5):
    seen = []
    minigpt.train.next_token_loss = lambda logits, y: seen.append(logits) or loss(logits, y)
    train(f"dropout {rate}", small_model("gpt2", dropout=rate), lambda step: (row, row), None,
          settings(steps=1))
    save_file({"x": seen[0].detach()[:1].clone()}, folder / f"logits {rate}.{rank}.safetensors")
minigpt.train.next_token_loss = loss

train("resumed", small_model(seed=5), stream(), stream(seed=1), settings(steps=8),
      checkpoint_dir=folder / "begun alone")

def press(info):
    if info.step == 3:
        signal.raise_signal(signal.SIGINT)
train("interrupted", small_model(), stream(), None, settings(steps=8, checkpoint_interval=100),
      on_step=press, checkpoint_dir=folder / "interrupted")

# What goes wrong, in process 0 or in all: every process learns of it.
train("too few rows", small_model(), stream(), None, settings(batch_size=1),
      checkpoint_dir=folder / "too few rows")
train("other data", small_model(), stream(seed=rank), None, settings(),
      checkpoint_dir=folder / "other data")
def broken(step):
    x, y = masked(step)
    return x, torch.full_like(y, -100) if step == 4 else y
train("diverged", small_model(), broken, None, settings(), checkpoint_dir=folder / "diverged")
def full(*arguments, **options):
    raise OSError(28, "No space left on device")
save, minigpt.run.save_checkpoint = minigpt.run.save_checkpoint, full
train("disk full", small_model(), stream(), None, settings(), checkpoint_dir=folder / "disk full")
minigpt.run.save_checkpoint = save

# At last all processes but the first end in the middle of a step.
def last_end(step):
    if step == 3 and rank > 0:
        (folder / f"{rank}.json").write_text(json.dumps(found))
        os._exit(0)
    return masked(step)
train("others end", small_model(), last_end, None, settings(), checkpoint_dir=folder / "others end")
(folder / f"{rank}.json").write_text(json.dumps(found))
os._exit(0)  # with its connections broken, PyTorch now and then aborts in an ordinary end
"""


@functools.cache
def alone(name: str):
    """History and weights of a case in one process."""
    model_changes, changes, data, val = CASES[name]
    model = small_model(**model_changes)
    return fit(model, data, val, settings(**changes)), weights(model)


@pytest.fixture(scope="module", params=[2, 3])
def fits(request, tmp_path_factory):
    """Number of processes, their folder, and what each has found."""
    folder = tmp_path_factory.mktemp(f"fits-{request.param}")
    config = settings(steps=8, checkpoint_interval=3)

    def stop(info):
        if info.step == 3:
            signal.raise_signal(signal.SIGINT)

    begun = folder / "begun alone"
    fit(small_model(), stream(), stream(seed=1), config, on_step=stop, checkpoint_dir=begun)
    (folder / "fits.py").write_text(FITS, encoding="utf-8")
    code, out, err = torchrun(request.param, str(folder / "fits.py"), str(folder), HELPERS)
    assert code == 0, out + err
    found = [json.loads((folder / f"{n}.json").read_text()) for n in range(request.param)]
    return request.param, folder, found


def assert_close(folder: Path, name: str, size: int, expected: dict[str, torch.Tensor]) -> None:
    """Weights equal in all processes, and those of one process but for rounding."""
    each = [load_file(folder / f"{name}.{rank}.safetensors") for rank in range(size)]
    for key, weight in expected.items():
        assert all(torch.equal(other[key], each[0][key]) for other in each), key
        torch.testing.assert_close(each[0][key], weight, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name", CASES)
def test_several_processes_compute_what_one_computes(fits, name):
    size, folder, found = fits
    expected, trained = alone(name)
    for rank in range(size):
        there = found[rank][name]
        assert "error" not in there, there
        assert (there["stopped"], there["step"]) == (expected.stopped, expected.step)
        assert there["val_step"] == expected.val_step
        assert there["loss"][0] == pytest.approx(expected.train_loss[0], rel=FIRST)
        assert there["loss"] == pytest.approx(expected.train_loss, rel=2e-4)
        assert there["val"] == pytest.approx(expected.val_loss, rel=2e-4)
        assert there["loss"] == found[0][name]["loss"], "all processes know the same history"
    assert_close(folder, name, size, trained)


def test_the_comparison_can_fail():
    """Rows weighted as if all carried as many targets give another loss than `fit` finds."""
    expected, _ = alone("adamw, masked, accumulated")
    model_changes, changes, data, _ = CASES["adamw, masked, accumulated"]
    model = small_model(**model_changes)
    unweighted = []
    for part in range(settings(**changes).grad_accumulation):
        x, y = data(part)
        halves = [Processes(rank, 2).rows(len(x)) for rank in (0, 1)]
        with torch.no_grad():
            unweighted += [float(next_token_loss(model(x[rows]), y[rows])) for rows in halves]
    found = sum(unweighted) / len(unweighted)
    assert found != pytest.approx(expected.train_loss[0], rel=10 * FIRST)
    assert found == pytest.approx(expected.train_loss[0], rel=0.01)


def test_only_process_0_calls_back(fits):
    _, _, found = fits
    assert found[0]["muon"]["told"] == [1, 2, 3, 4, 5, 6]
    assert all(other["muon"]["told"] == [] for other in found[1:])


def test_each_process_draws_dropout_masks_of_its_own(fits):
    size, folder, _ = fits
    for rate in (0.0, 0.5):
        first, *others = (
            load_file(folder / f"logits {rate}.{rank}.safetensors")["x"] for rank in range(size)
        )
        for other in others:
            assert torch.allclose(first, other, atol=1e-6) is (rate == 0.0)


def test_a_run_begun_by_one_process_is_resumed_by_several(fits):
    size, folder, found = fits
    model = small_model()
    expected = fit(model, stream(), stream(seed=1), settings(steps=8))
    assert found[0]["resumed"]["told"] == [4, 5, 6, 7, 8]
    assert found[0]["resumed"]["loss"] == pytest.approx(expected.train_loss, rel=2e-4)
    assert_close(folder, "resumed", size, weights(model))


def test_ctrl_c_in_one_process_ends_all_after_the_same_step(fits):
    size, folder, found = fits
    for rank in range(size):
        assert found[rank]["interrupted"]["stopped"] == "interrupted"
        assert found[rank]["interrupted"]["step"] == [1, 2, 3]
    model, expected = small_model(seed=4), small_model()
    config = settings(steps=8, checkpoint_interval=100)
    history = fit(model, stream(), None, config, checkpoint_dir=folder / "interrupted")
    assert history.step == list(range(1, 9))
    fit(expected, stream(), None, config)
    for key, weight in weights(expected).items():
        torch.testing.assert_close(model.state_dict()[key], weight, rtol=1e-3, atol=2e-4)


def test_an_error_of_process_0_or_of_all_is_raised_in_all(fits):
    size, folder, found = fits
    for rank in range(size):
        said = {name: entry.get("text", "") for name, entry in found[rank].items()}
        kinds = {name: entry.get("error") for name, entry in found[rank].items()}
        assert kinds["too few rows"] == "ValueError"
        assert (
            f"batch of 1 windows cannot be divided among {size} processes" in said["too few rows"]
        )
        assert kinds["other data"] == "ValueError"
        assert "were given different models, settings or data" in said["other data"]
        assert kinds["diverged"] == "TrainingDiverged"
        assert re.search(r"step 5: the loss is nan.*step-000004", said["diverged"])
        assert kinds["disk full"] == "OSError"
        assert "No space left" in said["disk full"]
    assert not (folder / "too few rows").exists()
    assert not (folder / "other data").exists()


def test_a_process_that_is_left_alone_says_so_and_the_run_can_go_on(fits):
    size, folder, found = fits
    entry = found[0]["others end"]
    assert entry["error"] == "ProcessLost"
    assert entry["told"] == [1, 2, 3]
    assert f"another of the {size} processes has ended" in entry["text"]
    assert "step-000002. The same command resumes" in entry["text"]
    model, steps = small_model(seed=6), []
    history = fit(
        model,
        masked,
        None,
        settings(),
        checkpoint_dir=folder / "others end",
        on_step=lambda info: steps.append(info.step),
    )
    expected = small_model()
    assert history.train_loss == pytest.approx(
        fit(expected, masked, None, settings()).train_loss, rel=2e-4
    )
    assert steps == [3, 4, 5, 6], "from the checkpoint after step 2"
    for key, weight in weights(expected).items():
        torch.testing.assert_close(model.state_dict()[key], weight, rtol=1e-3, atol=2e-4)


COMPILED = """
import sys
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[2])
from small_runs import settings, small_model, stream
from minigpt import fit
fit(small_model("gpt2"), stream(), stream(seed=1),
    settings(steps=4, compile=True, grad_accumulation=2), checkpoint_dir=sys.argv[1])
"""


@pytest.mark.slow
def test_a_compiled_model_in_two_processes(tmp_path):
    if not any(map(shutil.which, ("g++", "clang++"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none")
    (tmp_path / "compiled.py").write_text(COMPILED, encoding="utf-8")
    code, out, err = torchrun(2, str(tmp_path / "compiled.py"), str(tmp_path / "run"), HELPERS)
    assert code == 0, out + err
    model = small_model("gpt2")
    fit(model, stream(), stream(seed=1), settings(steps=4, grad_accumulation=2))
    found = load(tmp_path / "run")[0].state_dict()
    assert found.keys() == model.state_dict().keys()
    for key, weight in weights(model).items():
        torch.testing.assert_close(found[key], weight, rtol=1e-3, atol=2e-4)


# --- the command --------------------------------------------------------------------------------

OPTIONS = f"{NARROW} --steps 40 --checkpoint-interval 10 --eval-interval 20".split()

# `minigpt` that does something when process WHO draws the batch of step WHEN.
COMMAND = """
import os, signal, sys, time, warnings
warnings.simplefilter("error")
from minigpt.data import Batches
draw = Batches.__call__
who, when, what = int(os.environ["WHO"]), int(os.environ["WHEN"]), os.environ["WHAT"]

def call(self, step):
    if step == when and int(os.environ["RANK"]) == who:
        with open(os.environ["NOTE"], "w") as note:
            note.write(str(time.time()))
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGINT)  # torchrun gets it, as from a terminal
    if step >= when and what == "press":
        time.sleep(0.2)  # so that the signal arrives before the last step
    return draw(self, step)

Batches.__call__ = call
from minigpt.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def undisturbed(text, tmp_path_factory) -> dict[str, torch.Tensor]:
    """Weights of the run in one process."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    assert main(["train", "--text", text, "--out", str(run), *OPTIONS]) == 0
    return weights(load(run)[0])


def assert_ended_like(run: Path, expected: dict[str, torch.Tensor]) -> None:
    assert checkpoints(run)[-1].name == "step-000040"
    found = load(run)[0].state_dict()
    for key, weight in expected.items():
        torch.testing.assert_close(found[key], weight, rtol=5e-3, atol=1e-3)


def disturbed(folder: Path, text: str, **environment: str | None) -> tuple[int, str, str, float]:
    """The run in two processes, disturbed; the last value: seconds from then to the end."""
    (folder / "command.py").write_text(COMMAND, encoding="utf-8")
    note = folder / "note"
    code, out, err = torchrun(
        2,
        *(str(folder / "command.py"), "train", "--text", text, "--out", str(folder / "run")),
        *OPTIONS,
        NOTE=str(note),
        **environment,
    )
    return code, out, err, time.time() - float(note.read_text())


@pytest.mark.parametrize(("who", "resumed_by"), [("1", 1), ("0", 3)])
def test_a_killed_worker_ends_the_run_and_others_resume_it(
    tmp_path, text, undisturbed, who, resumed_by, capsys
):
    code, out, err, seconds = disturbed(tmp_path, text, WHO=who, WHEN="25", WHAT="kill")
    assert code != 0
    assert seconds < 30, f"it took {seconds:.0f} s after the kill"
    assert "SIGKILL" in err, err  # torchrun says which process, and why
    assert re.search(rf"rank +: {who} ", err), err
    assert err.count("minigpt: error: ") <= 1, err  # ours may lose the race against torchrun's end
    if "minigpt: error: " in err:
        assert "another of the 2 processes has ended" in err
        assert "step-000020. The same command resumes, with any number of processes" in err
    run = tmp_path / "run"
    assert checkpoints(run)[-1].name == "step-000020"
    again = ["train", "--text", text, "--out", str(run), *OPTIONS]
    if resumed_by == 1:
        assert main(again) == 0
        out = capsys.readouterr().out
    else:
        code, out, err = torchrun(resumed_by, "-m", "minigpt", *again)
        assert code == 0, out + err
        assert f"{resumed_by} processes (torchrun)" in out
    assert out.count("resuming the run in") == 1
    assert "at step 21" in out
    assert_ended_like(run, undisturbed)


def test_ctrl_c_saves_and_says_how_to_resume(tmp_path, text, undisturbed, capsys):
    code, out, err, _ = disturbed(
        tmp_path, text, WHO="0", WHEN="12", WHAT="press", OMP_NUM_THREADS=None
    )
    assert code != 0
    said = re.findall(r"interrupted after step (\d+); the same command resumes it", out)
    assert len(said) == 1, out + err
    assert 13 <= int(said[0]) < 40
    assert "minigpt: error" not in err
    assert out.count(" parameters; ") == 1
    if sys.platform == "linux":
        assert " for 2 processes), float32" in out.splitlines()[0], "torchrun's 1 is not a wish"
    assert checkpoints(tmp_path / "run")[-1].name == f"step-{int(said[0]):06d}"
    assert main(["train", "--text", text, "--out", str(tmp_path / "run"), *OPTIONS]) == 0
    assert f"at step {int(said[0]) + 1}" in capsys.readouterr().out
    assert_ended_like(tmp_path / "run", undisturbed)


def test_an_error_is_one_sentence_of_one_process(tmp_path, text):
    command = ["-m", "minigpt", "train", "--text", text, "--out", str(tmp_path / "run"), *OPTIONS]
    code, out, err = torchrun(2, *command, "--batch-size", "1")
    assert code != 0
    assert err.count("minigpt: error: ") == 1, err
    assert "a batch of 1 windows cannot be divided among 2 processes: start fewer" in err
    assert "1 thread (OMP_NUM_THREADS)" in out
    assert not (tmp_path / "run").exists()


# --- without torchrun ---------------------------------------------------------------------------


def test_one_process_shares_nothing():
    with processes() as group:
        assert (group.rank, group.size, group.main) == (0, 1, True)
        x, y = Batches(stream(), BLOCK, 4)(0)
        assert group.share(x, y) == (x, y, 1.0)
        model = small_model()
        assert group.wrap(model) is model
        assert group.total(0.1) == 0.1
        assert group.on_main(lambda: 5) == 5
        assert group.first_to_fail()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_of_a_batch_add_up_to_its_mean(size):
    x, y = masked(1)
    losses = torch.rand(y.shape)
    shares = [Processes(rank, size).share(x, y) for rank in range(size)]
    assert torch.equal(torch.cat([rows for rows, _, _ in shares]), x)
    products, at = [], 0
    for rows, targets, weight in shares:
        kept = losses[at : at + len(rows)][targets != -100]
        products.append(float(kept.mean()) * weight)
        at += len(rows)
    assert sum(products) / size == pytest.approx(float(losses[y != -100].mean()), rel=1e-6)


def test_a_batch_without_any_target_has_no_mean_in_any_process():
    x, y = masked(0)
    for rank in range(2):
        _, targets, weight = Processes(rank, 2).share(x, torch.full_like(y, -100))
        assert bool((targets == -100).all())
        assert not math.isnan(weight)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [2, BLOCK, BLOCK + 1, 5 * BLOCK + 1, 5 * BLOCK + 4, 300])
def test_parts_of_a_stream_hold_the_same_windows(size, length):
    model, ids = small_model("gpt2"), stream(length)
    parts = [Processes(rank, size).part(ids, BLOCK) for rank in range(size)]
    found = torch.cat([token_losses(model, part) for part in parts if len(part) > 1])
    torch.testing.assert_close(found, token_losses(model, ids), rtol=1e-5, atol=1e-6)
