"""Training the course's own models: python -m lessons pretrain [NAME]."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from lessons.course import ROOT
from lessons.models import MODELS
from lessons.sweeps import cpu_name
from lessons.world.corpus import (
    ABOUT,
    PAD,
    VOCAB_SIZE,
    WindowBatches,
    documents,
    targets,
    train_tokenizer,
    windows,
    write_corpus,
)
from lessons.world.plan import PLANS, Plan
from minigpt import GPT, BPETokenizer, GPTConfig, fit, save_checkpoint
from minigpt.checkpoint import VOCABULARY, load_checkpoint
from minigpt.files import new_folder
from minigpt.hardware import choose_device, choose_threads
from minigpt.run_folder import checkpoints
from minigpt.tokenizer_file import load_tokenizer, save_tokenizer
from minigpt.train import Batch
from minigpt.train_config import StepInfo, TrainConfig

RUNS = ROOT / "runs"
SEED = 1  # of the initial weights
N_VAL = 8  # batches of held-out documents


@dataclass(frozen=True)
class Recipe:
    """A model's shape, its plan, and how it is trained; steps follow from the corpus."""

    plan: str
    model: GPTConfig
    training: TrainConfig
    kept: tuple[float, ...] = ()  # when, as parts of the training, a checkpoint is kept


def _shape(n_layer: int, n_head: int, n_embd: int) -> GPTConfig:
    # n_gram=1: tokens meet in attention alone, which is what the lessons look into. qk_gain: a
    # head of width 32 with normalised queries and keys could not single out one of 500 tokens.
    return GPTConfig.fast(
        vocab_size=VOCAB_SIZE,
        block_size=512,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        n_gram=1,
        qk_gain=2.5,
    )


_TRAINING = TrainConfig(
    batch_size=8,
    learning_rate=7e-3,
    embedding_learning_rate=4e-2,  # a rare name's row holds what is told of it, and moves seldom
    muon_learning_rate=0.02,
    muon_momentum=0.95,
    weight_decay=0.03,
    warmup_steps=50,
    seed=SEED,
    eval_interval=500,
    eval_batches=N_VAL,
    checkpoint_interval=250,
)
RECIPES = {
    "fernhollow": Recipe("fernhollow", _shape(6, 6, 192), _TRAINING),
    "fernhollow-small": Recipe(
        "fernhollow-short",
        _shape(4, 4, 128),
        _TRAINING,
        kept=(0.01, 0.03, 0.06, 0.12, 0.25, 0.5, 0.75),
    ),
    "fernhollow-twin": Recipe("fernhollow-twin", _shape(4, 4, 128), _TRAINING),
}


def prepare(plan: Plan, folder: Path, block_size: int) -> tuple[BPETokenizer, Path]:
    """The vocabulary and the windows of a plan, in `folder`; made once, then found there.

    Raises ValueError if the folder holds those of another plan.
    """
    vocabulary, corpus = folder / VOCABULARY, folder / "corpus"
    # All models read alike.
    shared = replace(plan, name="fernhollow", abstention=True, scaffold=False)
    if not vocabulary.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        save_tokenizer(vocabulary, train_tokenizer(shared))
    tokenizer = load_tokenizer(vocabulary)
    assert isinstance(tokenizer, BPETokenizer)
    if not (corpus / ABOUT).is_file():
        write_corpus(plan, tokenizer, corpus, block_size)
    about = json.loads((corpus / ABOUT).read_text(encoding="utf-8"))
    if about["plan"] != json.loads(json.dumps(asdict(plan))):
        raise ValueError(
            f"{corpus} was written from another plan: remove {folder}, or name another --run"
        )
    return tokenizer, corpus


def val_batches(plan: Plan, tokenizer: BPETokenizer, config: TrainConfig, block_size: int) -> Any:
    """Batches of documents drawn like those of training, and not among them: batch(number)."""
    rows = []
    for row in windows(documents(plan, "val"), tokenizer, block_size, Counter()):
        if len(row) == block_size // 2 + 1:
            rows.append(row)
        if len(rows) == N_VAL * 2 * config.batch_size:
            break
    ids = torch.tensor(rows)  # (windows, T + 1)
    pad = tokenizer.special_tokens[PAD]

    def batch(number: int) -> Batch:
        at = number * 2 * config.batch_size % len(ids)
        some = ids[at : at + 2 * config.batch_size]
        return some[:, :-1], targets(some[:, 1:], pad)

    return batch


def pretrain(
    name: str,
    run: Path,
    *,
    until: float = 1.0,
    steps: int | None = None,
    compile: bool = False,
    seed: int = SEED,
    device: torch.device | str = "cpu",
) -> dict[str, Any] | None:
    """Train a model of RECIPES in the folder `run`, or go on there.

    Returns what the card says of it, or None if it is not yet finished.

    `until`: stop (and keep the state) after this part of the training, by the schedule of the
    whole. `steps`: fewer steps than the corpus has, by a schedule of their own: for trials.
    `seed`: of the initial weights, which are drawn on the CPU and so are the same on any `device`.
    """
    recipe = RECIPES[name]
    plan = PLANS[recipe.plan]
    print(f"{name}: vocabulary and corpus of the plan {plan.name!r}", flush=True)
    tokenizer, corpus = prepare(plan, run, recipe.model.block_size)
    batches = WindowBatches(corpus, recipe.training.batch_size, tokenizer.special_tokens[PAD])
    config = replace(recipe.training, steps=steps or batches.steps, compile=compile, seed=seed)
    tokens_a_step = config.batch_size * recipe.model.block_size
    marks = {round(part * config.steps) for part in recipe.kept}
    torch.manual_seed(seed)
    model = GPT(recipe.model).to(device)
    print(f"{model.num_parameters():,} parameters, {config.steps:,} steps", flush=True)
    interval = config.checkpoint_interval  # what lies beyond the last checkpoint would be lost
    stop = config.steps if until == 1 else round(until * config.steps / interval) * interval
    started = time.perf_counter()

    def on_step(info: StepInfo) -> None:
        if info.step > stop:
            raise KeyboardInterrupt
        if info.step % 50 == 0 or info.val_loss is not None:
            val = "" if info.val_loss is None else f"  held out {info.val_loss:.4f}"
            print(
                f"step {info.step:,} of {info.steps:,}  loss {info.train_loss:.4f}{val}  "
                f"{info.tokens_per_second:,.0f} tokens/s  {info.remaining / 60:.0f} min left",
                flush=True,
            )
        if info.step in marks:
            extra = {"model": name, "step": info.step, "tokens": info.step * tokens_a_step}
            save_checkpoint(
                run / "kept" / f"step-{info.step:06d}", stored(model), tokenizer, extra=extra
            )

    val = val_batches(plan, tokenizer, config, recipe.model.block_size)
    history = fit(
        model,
        batches,
        val,
        config,
        on_step=on_step,
        checkpoint_dir=run / "fit",
        tokenizer=tokenizer,
    )
    print(f"{history.stopped} after {(time.perf_counter() - started) / 60:.1f} minutes", flush=True)
    if history.stopped != "finished":
        return None
    return {
        "model": name,
        "plan": recipe.plan,
        "seed": seed,
        "parameters": model.num_parameters(),
        "steps": config.steps,
        "tokens": config.steps * tokens_a_step,
        "corpus": {k: batches.about[k] for k in ("sha256", "windows", "families")},
        "training": asdict(config),
        "held_out_loss": history.val_loss[-1],
        "minutes": round(history.seconds / 60, 1),
        "threads": torch.get_num_threads(),
        "cpu": cpu_name(),
        "gpu": torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def stored(model: GPT) -> GPT:
    """A copy in bfloat16 and on the CPU, as models are kept: half the bytes."""
    with torch.device("meta"):
        copy = GPT(model.config)
    weights = {name: w.detach().cpu().bfloat16() for name, w in model.state_dict().items()}
    copy.load_state_dict(weights, assign=True)
    return copy


def publish(name: str, run: Path, about: dict[str, Any], folder: Path) -> None:
    """Put a finished run's model and log into `folder` at once, then the checkpoints kept."""
    model, tokenizer, _ = load_checkpoint(checkpoints(run / "fit")[-1])
    made = run / "published"
    save_checkpoint(made, stored(model), tokenizer, extra=about)
    with new_folder(folder) as place:
        for file in made.iterdir():
            shutil.copyfile(file, place / file.name)
        shutil.copyfile(run / "fit" / "log.csv", place / "log.csv")
    for kept in sorted((run / "kept").glob("step-*")):
        shutil.copytree(kept, folder / "steps" / kept.name)


def main(arguments: Sequence[str]) -> int:
    """python -m lessons pretrain [NAME] [--threads N] [--until PART] …"""
    parser = argparse.ArgumentParser(prog="python -m lessons pretrain", description=__doc__)
    parser.add_argument("name", nargs="?", default="fernhollow", choices=RECIPES)
    parser.add_argument("--run", type=Path, help="folder of the run (runs/NAME)")
    parser.add_argument("--out", type=Path, help="where the model goes (lessons/models/NAME)")
    parser.add_argument("--threads", type=int, help="threads (all that the machine gives)")
    parser.add_argument("--until", type=float, default=1.0, help="stop after this part, 0 to 1")
    parser.add_argument("--steps", type=int, help="a shorter training, for trials; not published")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler")
    parser.add_argument("--seed", type=int, default=SEED, help="of the initial weights")
    parser.add_argument("--device", default="auto", help="auto (CUDA if it is there), cpu, cuda")
    args = parser.parse_args(arguments)
    if not 0 < args.until <= 1:
        raise ValueError(f"--until {args.until}: choose more than 0, and at most 1")
    run = args.run or RUNS / args.name
    if args.threads:
        torch.set_num_threads(args.threads)
    else:
        choose_threads()
    device, why = choose_device(args.device)
    print(f"on {device} ({why})", flush=True)
    about = pretrain(
        args.name,
        run,
        until=args.until,
        steps=args.steps,
        compile=args.compile,
        seed=args.seed,
        device=device,
    )
    if about is None:
        print(f"not finished: the same command without --until goes on from {run}")
    elif args.steps is None:
        folder = args.out or MODELS / args.name
        publish(args.name, run, about, folder)
        print(f"wrote {folder}; next: python -m lessons evaluate {args.name}")
    return 0
