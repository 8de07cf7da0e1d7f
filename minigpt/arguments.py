"""What the command line accepts: commands, options, their defaults and their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .config import GPTConfig
from .download import PUBLISHED
from .parallel import Processes
from .train_config import MAX_SEED

PRESETS = {"fast": GPTConfig.fast, "gpt2": GPTConfig.gpt2, "llama": GPTConfig.llama}
Command = Callable[[argparse.Namespace, Processes], int]


def build_parser(**run: Command) -> argparse.ArgumentParser:
    """The parser of `minigpt`; `run` holds the function of each command by its name."""
    parser = argparse.ArgumentParser(
        prog="minigpt",
        description="Train a GPT on a text file, let it write, measure it; get published weights.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    defaults = argparse.ArgumentDefaultsHelpFormatter

    train = commands.add_parser(
        "train",
        formatter_class=defaults,
        help="train a GPT on a text file; the same command again resumes the run",
    )
    train.set_defaults(run=run["train"])
    train.add_argument("--text", required=True, help="UTF-8 text file; its end is held out")
    train.add_argument("--out", required=True, help="folder of the run")
    train.add_argument("--preset", choices=PRESETS, default="fast", help="family of the model")
    train.add_argument("--steps", type=_positive, default=1_000, help="updates of the weights")
    train.add_argument("--batch-size", type=_positive, default=16, help="windows an update")
    train.add_argument("--block-size", type=_positive, default=128, help="context, in tokens")
    train.add_argument("--n-layer", type=_positive, default=4, help="blocks of the model")
    train.add_argument("--n-head", type=_positive, default=4, help="attention heads a block")
    train.add_argument("--n-embd", type=_positive, default=128, help="width of the model")
    train.add_argument("--dropout", type=float, default=0.0, help="0 to below 1")
    train.add_argument(
        "--tokenizer",
        choices=("bpe", "char"),
        default="bpe",
        help="tokens: parts of words, or characters",
    )
    train.add_argument("--vocab-size", type=_positive, default=1_024, help="of the BPE tokenizer")
    train.add_argument("--learning-rate", type=float, help="of AdamW; by default the preset's")
    train.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "auto"),
        default="float32",
        help="auto: bfloat16 where it pays",
    )
    train.add_argument("--compile", action="store_true", help="torch.compile the model")
    train.add_argument("--patience", type=_positive, help="stop after so many worse evaluations")
    train.add_argument(
        "--eval-interval", type=_positive, default=100, help="steps between evaluations"
    )
    train.add_argument(
        "--checkpoint-interval", type=_positive, default=200, help="steps between checkpoints"
    )
    train.add_argument("--seed", type=_seed, default=0, help="decides all that is random")

    write = commands.add_parser(
        "generate", formatter_class=defaults, help="let a model continue a text"
    )
    write.set_defaults(run=run["generate"])
    write.add_argument("--model", required=True, help="name, folder or .gguf file")
    write.add_argument("--prompt", required=True, help="text to continue")
    write.add_argument("--tokens", type=_positive, default=200, help="how many to write at most")
    write.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest token")
    write.add_argument("--top-k", type=int, help="draw from the k likeliest tokens")
    write.add_argument("--top-p", type=float, help="draw from the likeliest tokens that hold p")
    write.add_argument("--stop", action="append", help="stop before this text; may be repeated")
    write.add_argument("--seed", type=_seed, help="the same seed draws the same text")
    write.add_argument("--int8", action="store_true", help="weights of 8 bits: faster on a CPU")
    write.add_argument("--compile", action="store_true", help="torch.compile: for long texts")

    measure = commands.add_parser(
        "evaluate", formatter_class=defaults, help="a model's loss on a text file"
    )
    measure.set_defaults(run=run["evaluate"])
    measure.add_argument("--model", required=True, help="name, folder or .gguf file")
    measure.add_argument("--text", required=True, help="UTF-8 text file")
    measure.add_argument("--stride", type=_positive, help="tokens a window moves; see token_losses")

    get = commands.add_parser("download", help="get published weights, once; then load works")
    get.set_defaults(run=run["download"])
    what = "; ".join(f"{name}: {known.what} ({known.licence})" for name, known in PUBLISHED.items())
    get.add_argument("name", choices=PUBLISHED, metavar="NAME", help=what)
    get.add_argument(
        "--share",
        action="store_true",
        help="also keep them in float32: they open faster, and processes share them in memory",
    )

    for command in (train, write, measure):
        command.add_argument(
            "--device",
            default="auto",
            help="auto (CUDA if it is there, else the CPU), cpu, cuda, cuda:1, mps",
        )
    return parser


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
