"""Making, scoring and describing the course's own models, from end to end on a tiny plan."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from lessons import card, evaluate, pretrain
from lessons.build import main as lessons_main
from lessons.world.corpus import train_tokenizer
from lessons.world.plan import PLANS, Plan
from lessons.world.tape import Tape
from lessons.world.tasks import couplets, markov
from lessons.world.tasks.base import Item
from minigpt import BPETokenizer, load

TINY = Plan(
    "tiny",
    documents=dict.fromkeys(PLANS["fernhollow"].documents, 220),
    levels=(0, 0, 0, 0, 0, 0, 0, 1),
    asked_exposures=0,
    questions=0,
    popular_errors=(1, 0),
    passage_exposures=0,
    book_exposures=0,
    trade_documents=2,
)


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.setitem(pretrain.PLANS, "tiny", TINY)
    training = dataclasses.replace(
        pretrain.RECIPES["fernhollow"].training,
        batch_size=2,
        eval_interval=20,
        eval_batches=2,
        checkpoint_interval=20,
    )
    made = pretrain.Recipe("tiny", pretrain._shape(1, 2, 16), training, kept=(0.25, 0.5))
    monkeypatch.setitem(pretrain.RECIPES, "fernhollow", made)
    monkeypatch.setattr(pretrain, "N_VAL", 2)
    real = pretrain.WindowBatches.steps.fget
    # No multiple of the checkpoints' interval: the last steps count, too.
    monkeypatch.setattr(pretrain.WindowBatches, "steps", property(lambda self: min(85, real(self))))
    return made


@pytest.mark.slow
def test_a_model_from_plan_to_card(tmp_path, recipe, monkeypatch, capsys):
    run, out = tmp_path / "run", tmp_path / "models" / "fernhollow"
    arguments = ["fernhollow", "--run", str(run), "--out", str(out), "--threads", "1"]
    assert pretrain.main([*arguments, "--until", "0.5"]) == 0
    assert "not finished: the same command without --until goes on" in capsys.readouterr().out
    assert not out.exists()
    assert pretrain.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "step 85 of 85" in printed
    assert "step 20 of" not in printed  # it went on, and did not begin anew

    about = json.loads((out / "extra.json").read_text())
    assert about["tokens"] == 85 * 2 * 512
    assert about["corpus"]["families"]["sums"]["documents"] == 220
    log = (out / "log.csv").read_text().splitlines()
    assert len(log) == 86
    assert sorted(path.name for path in (out / "steps").iterdir()) == ["step-000021", "step-000042"]
    early, _ = load(out / "steps" / "step-000021")
    model, tokenizer = load(out)
    assert not torch.equal(early.wte.weight, model.wte.weight)

    monkeypatch.setattr(card, "MODELS", out.parent)
    monkeypatch.setattr(card, "ROOT", tmp_path)
    monkeypatch.setattr(card, "HEADLINES", (("sums", "sums", "test", ""),))
    page = tmp_path / "README.md"
    page.write_text("Above.\n<!-- fernhollow:begin -->\nold\n<!-- fernhollow:end -->\nBelow.\n")
    scores = out / "scores.json"
    evaluate.main([str(out), "sums", "markov", "--items", "6", "--out", str(scores)])
    printed = capsys.readouterr().out
    assert "KL to the optimum" in printed
    assert next(iter(json.loads(scores.read_text())["scores"]))["family"] == "sums"
    assert card.main(["fernhollow"]) == 0
    text = (out / "CARD.md").read_text()
    assert about["corpus"]["sha256"] in text
    assert "| sums: test |" in text
    assert text.count("### sums") == 2
    assert page.read_text().startswith("Above.\n<!-- fernhollow:begin -->\n| task")
    assert page.read_text().endswith("|\n<!-- fernhollow:end -->\nBelow.\n")
    assert "| sums |" in page.read_text()
    shares = card.overlap(run / "corpus", tokenizer, n=5)
    assert 0 < shares["sentiment: test"] < 1


@pytest.mark.slow
def test_a_run_that_stops_and_goes_on_ends_alike(tmp_path, recipe):
    torch.set_num_threads(1)
    whole = pretrain.pretrain("fernhollow", tmp_path / "a")
    assert pretrain.pretrain("fernhollow", tmp_path / "b", until=0.5) is None
    parted = pretrain.pretrain("fernhollow", tmp_path / "b")
    assert whole is not None
    assert parted is not None
    assert whole["held_out_loss"] == parted["held_out_loss"]
    with pytest.raises(ValueError, match="another run"):
        pretrain.pretrain("fernhollow", tmp_path / "b", seed=2)
    other = pretrain.pretrain("fernhollow", tmp_path / "c", seed=2)
    assert other is not None
    assert (whole["seed"], other["seed"]) == (1, 2)
    assert whole["held_out_loss"] != other["held_out_loss"]


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_training_on_a_gpu_goes_as_on_a_cpu(tmp_path, recipe):
    losses = {}
    for device in ("cpu", "cuda"):
        about = pretrain.pretrain("fernhollow", tmp_path / device, device=device)
        assert about is not None
        assert bool(about["gpu"]) == (device == "cuda")
        losses[device] = about["held_out_loss"]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.01)


def test_a_run_of_another_plan_is_refused(tmp_path, recipe, monkeypatch):
    pretrain.prepare(TINY, tmp_path, 512)
    other = dataclasses.replace(TINY, seed=2)
    with pytest.raises(ValueError, match="was written from another plan: remove"):
        pretrain.prepare(other, tmp_path, 512)


def test_what_the_commands_refuse(tmp_path, capsys):
    assert lessons_main(["pretrain", "fernhollow", "--until", "2"]) == 2
    assert "choose more than 0, and at most 1" in capsys.readouterr().err
    assert lessons_main(["pretrain", "fernhollow", "--device", "cuda:99"]) == 2
    assert "try --device cpu" in capsys.readouterr().err
    assert lessons_main(["card", "nobody"]) == 2
    assert "python -m lessons evaluate nobody" in capsys.readouterr().err


# --- scoring ------------------------------------------------------------------------------------


def test_scores_by_group():
    def record(group, right):
        return {"family": "f", "split": "s", "group": group, "right": right}

    scores = evaluate.summarise([record("16", True), record("2", False), record("2", True)])
    assert [(score.group, score.n, score.right) for score in scores] == [
        ("", 3, 2),
        ("2", 2, 1),
        ("16", 1, 1),
    ]
    assert len(evaluate.summarise([record("same", True), record("same", False)])) == 1


def test_a_copied_couplet_is_not_right():
    copied = couplets.lines(next(iter(sorted(evaluate.training_couplets()))))
    output = "\n" + "\n".join(" ".join(line) for line in copied)
    for subject in couplets.SUBJECT_NAMES:
        item = Item("", output, meta={"subject": subject, "word": ""})
        assert not evaluate.is_right("couplets", item, output)
    own = couplets.items(Tape("own couplet"), 20)
    assert sum(evaluate.is_right("couplets", item, item.answer) for item in own) >= 19
    assert any(
        couplets.is_correct(Item("", output, meta={"subject": subject, "word": ""}), output)
        for subject in couplets.SUBJECT_NAMES
    )


class Predictor(torch.nn.Module):
    """Stands for a model whose probabilities of the four symbols are given."""

    device = torch.device("cpu")

    def __init__(self, ids, predict):
        super().__init__()
        self.ids, self.predict = ids, predict

    def forward(self, idx):
        row = idx[0].tolist()
        at = [i for i, token in enumerate(row) if token in self.ids]
        best = torch.tensor(self.predict([self.ids.index(row[i]) for i in at])).log().float()
        logits = torch.zeros(1, len(row), max(self.ids) + 1)
        for n, i in enumerate(at):
            logits[0, i - 1, self.ids] = best[n]
        return logits


def test_divergence_from_the_best_prediction():
    """The optimum has none; who only counts symbols, or guesses evenly, has more and more."""
    tokenizer = train_tokenizer(PLANS["fernhollow"])
    ids = [tokenizer.encode(symbol)[0] for symbol in markov.SYMBOLS]
    found = {
        predict.__name__: evaluate.markov_divergence(Predictor(ids, predict), tokenizer, n=5)
        for predict in (markov.optimal, markov.unigram, markov.uniform)
    }
    means = [sum(values) / 5 for values in found.values()]
    assert abs(means[0]) < 1e-5
    assert 0.05 < means[1] < means[2]
    bytes_only = BPETokenizer.train("no symbol", 300, special_tokens=["<|end|>"])
    with pytest.raises(ValueError, match="a token of its own"):
        evaluate.markov_divergence(Predictor(ids, markov.optimal), bytes_only, n=1)
