"""The text of the benchmarks, as characters in three parts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from minigpt import CharTokenizer
from minigpt.data import load_text

VARIABLE = "MINIGPT_BENCH_TEXT"
NAME = "tinyshakespeare.txt"  # 1.1 MB, known from char-rnn and nanoGPT; not part of this project
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Parts:
    """Character ids: 81 % to train on while choosing, 9 % to choose by, 10 % to validate on."""

    name: str
    vocab_size: int
    train: Tensor  # the first 90 %, as everybody trains
    fitted: Tensor  # the first 81 %
    chosen_by: Tensor  # from 81 to 90 %
    val: Tensor  # the last 10 %, whole


def split(path: str | os.PathLike[str]) -> Parts:
    """Read a text file and cut it. Raises what `minigpt.data.load_text` raises."""
    text = load_text(path)
    tokenizer = CharTokenizer.train(text)
    ids = torch.tensor(tokenizer.encode(text))
    most, end = int(len(ids) * 0.81), int(len(ids) * 0.9)
    return Parts(
        name=Path(path).name,
        vocab_size=tokenizer.vocab_size,
        train=ids[:end],
        fitted=ids[:most],
        chosen_by=ids[most:end],
        val=ids[end:],
    )


def find() -> Path | None:
    """The file that MINIGPT_BENCH_TEXT names, or tinyshakespeare.txt in a folder data nearby."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    folders = [base / data for base in (ROOT, ROOT.parent) for data in ("data", "shared/data")]
    return next((found for f in folders if (found := f / NAME).is_file()), None)
