"""The command line: minigpt train, generate, evaluate, download (also `python -m minigpt`)."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import torch

from .arguments import PRESETS, build_parser
from .checkpoint import AnyTokenizer
from .config import GPTConfig
from .data import load_text
from .download import download
from .evaluate import bits_per_byte, count_bytes, perplexity, token_losses
from .generate import stream
from .hardware import choose_device, choose_dtype, choose_threads, in_words
from .model import GPT
from .parallel import Processes, ProcessLost, processes
from .pretrained import load, share
from .progress import Progress
from .quantize import quantize_int8
from .run_folder import RUN_FILE, refuse_other_folder
from .tokenizer import BPETokenizer, CharTokenizer
from .train import fit
from .train_config import StepInfo, TrainConfig, TrainingDiverged

VAL_FRACTION = 0.1  # the text's end, held out
TOKENIZER_SAMPLE = 5_000_000  # characters of the training part that the vocabulary is learnt from


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 interrupted, 2 an error (one sentence).

    Of several processes (torchrun) the first speaks, and of several errors the first is told.
    """
    try:
        with processes() as group, open(os.devnull, "w") as nowhere, ExitStack() as silence:
            if not group.main:
                silence.enter_context(redirect_stdout(nowhere))
            return _run(argv, group, sys.stderr if group.main else nowhere)
    except KeyboardInterrupt:
        return 1


def _run(argv: Sequence[str] | None, group: Processes, usage: TextIO) -> int:
    parser = build_parser(train=_train, generate=_generate, evaluate=_evaluate, download=_download)
    with redirect_stderr(usage):
        arguments = parser.parse_args(argv)
    for output in (sys.stdout, sys.stderr):
        if hasattr(output, "reconfigure"):
            output.reconfigure(errors="replace")  # a console that lacks a character shows "?"
    try:
        code = int(arguments.run(arguments, group))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # what read our output, say `head`, has enough of it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - Python flushes it once more at its end
        return 1
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        if (sentence := _explain(error, arguments)) is None:
            raise
        if group.first_to_fail():
            print(f"minigpt: error: {sentence}", file=sys.stderr, flush=True)
        if isinstance(error, ProcessLost):
            sys.stdout.flush()
            os._exit(2)  # an ordinary end, its connections broken, now and then aborts (torch 2.13)
        return 2


def _explain(error: Exception, a: argparse.Namespace) -> str | None:
    """What went wrong and what to do, in one sentence; None for a bug of this program."""
    text = str(error)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
        if full or "No space left" in text or "(os error 112)" in text:
            return f"{text}: the disk is full; free some space and run the same command again"
        return text
    if isinstance(error, (ValueError, TrainingDiverged, ProcessLost)):
        return text
    out_of_memory = (MemoryError, torch.OutOfMemoryError)
    if isinstance(error, out_of_memory) or "DefaultCPUAllocator" in text:
        return "the memory is not enough: choose a smaller --batch-size, --block-size or model"
    if getattr(a, "compile", False) and "could not be compiled" in text:
        return text
    if getattr(a, "compile", False) and type(error).__module__.startswith("torch._"):
        return f"--compile failed ({text.splitlines()[0]}): install a C++ compiler, or leave it out"
    return None


def _train(a: argparse.Namespace, group: Processes) -> int:
    device, config = choose_device(a.device), _train_config(a)
    threads = choose_threads()
    _model_config(a, a.vocab_size)  # what cannot be is refused before the vocabulary is learnt
    refuse_other_folder(Path(a.out))
    text = load_text(a.text)
    cut = int(len(text) * (1 - VAL_FRACTION))
    tokenizer = _make_tokenizer(a, text, cut)
    train, val = (torch.tensor(tokenizer.encode(part)) for part in (text[:cut], text[cut:]))
    _need_length(a, train, val)
    torch.manual_seed(a.seed)
    model = GPT(_model_config(a, tokenizer.vocab_size)).to(device[0])
    print(in_words(device, threads, choose_dtype(a.dtype, device[0]), group.size))
    print(
        f"{model.num_parameters():,} parameters; {len(train):,} tokens to train on, "
        f"{len(val):,} held out"
    )
    run_before = (Path(a.out) / RUN_FILE).exists()
    progress = _Announcing(a.out if run_before else None)
    history = fit(
        model, train, val, config, on_step=progress, checkpoint_dir=a.out, tokenizer=tokenizer
    )
    done = history.step[-1] if history.step else 0
    if history.stopped == "interrupted":
        print(f"\ninterrupted after step {done}; the same command resumes it")
        return 1
    if not group.main:  # process 0 tells the rest
        return 0
    if progress.steps == 0:
        print(f"{a.out} holds this run, and it is finished ({done} steps)")
    if history.stopped == "early stop":
        print(f"stopped early after step {done}; the weights that were best on held-out text stay")
    loss, n_bytes = (
        float(token_losses(model, val).double().sum()),
        count_bytes(tokenizer, val[1:].tolist()),
    )
    print(
        f"held-out loss {loss / (len(val) - 1):.3f} nats per token, "
        f"{bits_per_byte(loss, n_bytes):.3f} bits per byte\n"
        f'next: minigpt generate --model {a.out} --prompt "…"'
    )
    return 0


class _Announcing(Progress):
    """Progress that says once that a run goes on, and counts what it did itself."""

    def __init__(self, resumed: str | None) -> None:
        super().__init__()
        self.resumed, self.steps = resumed, 0

    def __call__(self, info: StepInfo) -> None:
        if self.steps == 0 and self.resumed is not None and info.step > 1:
            print(f"resuming the run in {self.resumed} at step {info.step}")
        self.steps += 1
        super().__call__(info)


def _make_tokenizer(a: argparse.Namespace, text: str, cut: int) -> AnyTokenizer:
    if a.tokenizer == "char":  # an alphabet: of all the text, or the held-out part may lack one
        return CharTokenizer.train(text)
    return BPETokenizer.train(text[: min(cut, TOKENIZER_SAMPLE)], a.vocab_size)


def _need_length(a: argparse.Namespace, train: torch.Tensor, val: torch.Tensor) -> None:
    if len(train) < a.block_size + 1 or len(val) < 2:
        raise ValueError(
            f"{a.text} is too short: {len(train)} tokens to train on and {len(val)} held out, but "
            f"one window needs {a.block_size + 1}; take a longer text, or a smaller --block-size "
            "or --vocab-size"
        )


def _model_config(a: argparse.Namespace, vocab_size: int) -> GPTConfig:
    shape: dict[str, Any] = {
        "n_layer": a.n_layer,
        "n_head": a.n_head,
        "n_embd": a.n_embd,
        "dropout": a.dropout,
    }
    if a.preset == "llama":
        shape |= {"n_kv_head": None, "mlp_hidden": None}
    return PRESETS[a.preset](vocab_size=vocab_size, block_size=a.block_size, **shape)


def _train_config(a: argparse.Namespace) -> TrainConfig:
    recipe: dict[str, Any] = {}
    if a.preset != "fast":  # what the GPT-2 and Llama families are usually trained with
        recipe = {"optimizer": "adamw", "learning_rate": 1e-3, "schedule": "cosine"}
        recipe |= {"warmup_steps": min(100, a.steps // 10), "min_factor": 0.1}
    if a.learning_rate is not None:
        recipe["learning_rate"] = a.learning_rate
    return TrainConfig(
        steps=a.steps,
        batch_size=a.batch_size,
        dtype=a.dtype,
        compile=a.compile,
        seed=a.seed,
        patience=a.patience,
        eval_interval=a.eval_interval,
        checkpoint_interval=a.checkpoint_interval,
        **recipe,
    )


def _generate(a: argparse.Namespace, group: Processes) -> int:
    _alone(group)
    model, tokenizer = load(a.model, device=choose_device(a.device)[0])
    if tokenizer is None:
        raise ValueError(f"{a.model} holds no tokenizer: text cannot be turned into tokens")
    if a.int8:
        model = quantize_int8(model)
    generator = torch.Generator().manual_seed(a.seed) if a.seed is not None else None
    pieces = stream(
        model,
        tokenizer,
        a.prompt,
        a.tokens,
        stop=a.stop,
        temperature=a.temperature,
        top_k=a.top_k,
        top_p=a.top_p,
        compile=a.compile,
        generator=generator,
    )
    first = next(pieces, "")  # errors come before anything is written
    print(a.prompt + first, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
    return 0


def _evaluate(a: argparse.Namespace, group: Processes) -> int:
    _alone(group)
    model, tokenizer = load(a.model, device=choose_device(a.device)[0])
    if tokenizer is None:
        raise ValueError(f"{a.model} holds no tokenizer: text cannot be turned into tokens")
    ids = torch.tensor(tokenizer.encode(load_text(a.text)))
    if len(ids) < 2:
        raise ValueError(f"{a.text} is too short: there must be at least 2 tokens")
    losses = token_losses(model, ids, stride=a.stride)
    total, n_bytes = float(losses.double().sum()), count_bytes(tokenizer, ids[1:].tolist())
    mean = total / len(losses)
    print(
        f"loss {mean:.4f} nats per token   perplexity {perplexity(mean):.2f}   "
        f"{bits_per_byte(total, n_bytes):.4f} bits per byte   ({len(losses):,} tokens)"
    )
    return 0


def _download(a: argparse.Namespace, group: Processes) -> int:
    path = download(a.name)
    if a.share:
        path = share(a.name)
    print(f'{path}\nnext: minigpt generate --model {a.name} --prompt "…"')
    return 0


def _alone(group: Processes) -> None:
    """Get ready to compute in one process, with as many threads as there are cores."""
    if group.size > 1:
        raise ValueError("only `minigpt train` runs in several processes: leave torchrun out")
    choose_threads()
