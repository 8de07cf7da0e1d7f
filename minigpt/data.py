"""From text to batches: read text, pack documents into one stream, draw seeded windows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

IGNORE = -100  # a target that carries no loss (PyTorch's cross_entropy ignores it)


def load_text(path: str | os.PathLike[str]) -> str:
    """Read a UTF-8 text file; line ends become newlines, a byte-order mark is dropped.

    Raises FileNotFoundError or IsADirectoryError, and ValueError for an empty file or another
    encoding, with the position of the first wrong byte.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name one text file in it")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: byte {data[error.start]:#04x} at position {error.start} "
            "does not fit; save it as UTF-8 first"
        ) from None
    if not text.strip():
        raise ValueError(f"{path} holds no text: choose a file with something to learn from")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def pack(documents: Iterable[Sequence[int]], end_id: int) -> Tensor:
    """One stream (N,) of documents, each after an `end_id`, and one at the end."""
    stream = [end_id]
    for document in documents:
        stream += document
        stream.append(end_id)
    return torch.tensor(stream, dtype=torch.int64)


class Batches:
    """Random windows of a token stream: batch number `step` depends on the seed and step alone.

    So a run that stops at step 700 and resumes sees the batches it would have seen.
    """

    def __init__(self, ids: Tensor, block_size: int, batch_size: int, seed: int = 0) -> None:
        """ids: (N,) int64. Raises ValueError if no window of block_size + 1 tokens fits."""
        for name, value, least in (
            ("block_size", block_size, 1),
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ValueError(f"{name}={value}: must be at least {least}")
        if ids.dim() != 1 or ids.is_floating_point():
            raise ValueError(f"a token stream is (N,) int64, not {ids.dtype} {tuple(ids.shape)}")
        if len(ids) < block_size + 1:
            raise ValueError(
                f"{len(ids)} tokens are too few for one window of block_size={block_size} and its "
                "next token: use a longer text or a smaller block_size"
            )
        self.ids, self.block_size, self.batch_size, self.seed = ids, block_size, batch_size, seed

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (B, T) each; a target is the token after its input."""
        random = np.random.default_rng((self.seed, step))
        starts = random.integers(0, len(self.ids) - self.block_size, size=self.batch_size)
        rows = torch.from_numpy(starts)[:, None] + torch.arange(self.block_size + 1)  # (B, T + 1)
        windows = self.ids[rows.to(self.ids.device)]
        return windows[:, :-1], windows[:, 1:]
