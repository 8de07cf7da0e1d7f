"""The time to loss: same text, same windows, no more parameters, and steps that nobody tunes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import ablation, page, reference, time_to_loss
from benchmarks.pairs import Row, Settings, Skipped
from benchmarks.run import MODULES, RESULTS
from benchmarks.text import split
from benchmarks.time_to_loss import LOSS_AFTER, steps_for, train_ours, train_to
from minigpt import GPT, GPTConfig
from minigpt.evaluate import evaluate_loss

ALPHABET = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?-'\n;:&3$"


@pytest.fixture
def text(tmp_path):
    """A file of 65 different characters, as long as a few windows, that repeats itself."""
    path = tmp_path / "text.txt"
    path.write_text(ALPHABET * 60, encoding="utf-8")
    assert len(set(ALPHABET)) == 65
    return path


def test_the_text_is_cut_at_81_and_90_percent(text):
    parts = split(text)
    whole = torch.cat([parts.train, parts.val])
    assert parts.vocab_size == 65
    assert (len(parts.train), len(whole)) == (int(0.9 * 65 * 60), 65 * 60)
    assert torch.equal(torch.cat([parts.fitted, parts.chosen_by]), parts.train)
    assert len(parts.fitted) == int(0.81 * 65 * 60)


def test_the_reference_is_nanogpts_and_ours_is_smaller(text):
    parts = split(text)
    found = reference.train_reference(65, parts.train, parts.val, steps=1)
    assert found.parameters == 809_856  # 4 layers of width 128, tables of 65 and 64 rows, norms
    ours = train_ours(65, parts.train, parts.val, steps=1)
    assert ours.parameters == 435_840 < found.parameters
    for outcome in (found, ours):  # after one step both still hesitate between most characters
        assert 3 < outcome.val_loss < math.log(65) + 0.1


@pytest.mark.parametrize("length", [64, 65, 66, 129, 300])
def test_both_sides_are_measured_on_the_same_windows(length):
    class AsHuggingFace(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, idx):
            return SimpleNamespace(logits=self.model(idx))

    model = GPT(GPTConfig(vocab_size=65, block_size=64, n_layer=1, n_head=1, n_embd=16))
    ids = torch.arange(length) ** 2 % 65
    found = reference._loss(AsHuggingFace(model), ids)
    assert found == pytest.approx(evaluate_loss(model, ids), abs=1e-5)


def test_more_steps_for_a_lower_loss():
    targets = [2.5, 2.0, 1.95, 1.86, 1.8, 1.74, 1.62, 1.55]
    steps = [steps_for(target) for target in targets]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)
    for known, loss in LOSS_AFTER.items():
        assert steps_for(loss) == pytest.approx(time_to_loss.MARGIN * known, abs=1)


def test_every_try_is_counted(text, monkeypatch):
    parts, tries = split(text), []

    def train(vocab_size, train, val, *, steps, seed):
        tries.append(steps)
        return reference.Outcome(seconds=10.0, steps=steps, parameters=5, val_loss=300 / steps)

    monkeypatch.setattr(time_to_loss, "train_ours", train)
    found = train_to(2.0, parts, steps=100, seed=3)
    assert tries == [100, 125, 156]
    assert found == reference.Outcome(seconds=30.0, steps=156, parameters=5, val_loss=300 / 156)
    with pytest.raises(RuntimeError, match=r"2 tries with up to 125 steps ended at 2\.400"):
        train_to(2.0, parts, steps=100, most=2, seed=3)


def test_the_command_prints_one_line(text):
    command = [sys.executable, "-m", "benchmarks.time_to_loss", "--text", str(text)]
    command += ["--target-loss", "3.9", "--steps", "12", "--seed", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    line = json.loads(done.stdout)
    assert line["val_loss"] <= 3.9
    assert line["parameters"] == 435_840
    assert (line["threads"], line["seed"], line["dtype"]) == (1, 4, "float32")
    assert 0 < line["seconds"] < line["wall_seconds"]
    assert line["steps"] >= 12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", "no-such.txt", "--target-loss", "2"], "there is no file no-such.txt"),
        (["--text", __file__], "--target-loss is missing"),
    ],
)
def test_bad_input_is_told_in_one_sentence(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["time_to_loss", *arguments])
    assert time_to_loss.main() == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_short_rows(text, monkeypatch):
    monkeypatch.setenv("MINIGPT_BENCH_TEXT", str(text))
    found = list(time_to_loss.rows(Settings(pairs=1, short=True)))
    plain, *others, tuned = found
    assert isinstance(plain, Row), plain
    assert isinstance(tuned, Row), tuned
    assert all(isinstance(other, Row | Skipped) for other in others)
    assert (plain.target, tuned.target) == (5.0, None)
    assert "435,840 of 809,856 parameters" in plain.note


def test_without_a_text_the_rows_are_skipped_aloud(monkeypatch):
    monkeypatch.setattr(time_to_loss, "find", lambda: None)
    (found,) = time_to_loss.rows(Settings())
    assert isinstance(found, Skipped)
    assert "MINIGPT_BENCH_TEXT" in found.reason


def test_the_ablation_counts_the_steps_to_one_loss(monkeypatch):
    """A made-up law for which the answer is known: loss = 3 - log10(steps) - seed / 100."""

    def train(vocab_size, train, val, *, steps, seed, model, training):
        loss = 3 - torch.tensor(float(steps)).log10().item() - seed / 100
        loss += 0.1 * (model == {"n_gram": 1})
        return reference.Outcome(seconds=1.0, steps=steps, parameters=1, val_loss=loss)

    monkeypatch.setattr(ablation, "train_ours", train)
    parts = replace(split(__file__))
    known: dict[str, list[float]] = {}
    target = ablation.TARGET
    full, plain = (
        ablation.needed(name, 3, parts, known, lambda: None)
        for name in ("full recipe", "inputs of one character")
    )
    for seed in range(3):
        assert full[seed] == pytest.approx(10 ** (3 - target - seed / 100), rel=1e-4)
        assert plain[seed] == pytest.approx(10 ** (3.1 - target - seed / 100), rel=1e-4)


def test_every_variant_can_be_trained(text):
    parts = split(text)
    for model, training in ablation.VARIANTS.values():
        found = train_ours(65, parts.train, parts.val, steps=1, model=model, training=training)
        assert found.val_loss < 10


def test_the_page_shows_what_was_recorded():
    found = (RESULTS / page.PAGE).read_text(encoding="utf-8")
    assert found == page.page(RESULTS), "python -m benchmarks.page"
    assert set(json.loads((RESULTS / page.ABLATION).read_text())["variants"]) == {
        *ablation.VARIANTS
    }
    record = json.loads((RESULTS / "bench.json").read_text())
    assert not record["failed"]
    assert set(record["runs"]) == set(MODULES)
    for run in record["runs"].values():
        assert not run["settings"]["short"]
        assert not run["provenance"]["uncommitted_changes"]


def test_the_readme_names_the_recorded_ratios():
    readme = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8")
    rows = json.loads((RESULTS / "bench.json").read_text())["rows"]
    ratios = {row["what"]: math.floor(row["ratio"]) for row in rows}
    assert f"about {ratios['time to loss']} times sooner" in readme
    assert f"it is about {ratios['time to loss, tuned reference']} times" in readme
