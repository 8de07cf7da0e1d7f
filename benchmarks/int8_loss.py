"""What int8 weights cost in loss: each character's, paired.

    python -m benchmarks.int8_loss --text FILE

trains the fast preset on the first 90 % of FILE and prints the mean loss on the last 10 % with
float32 and with int8 weights, and their difference with its 95 % interval over windows of 64.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from minigpt import GPT, GPTConfig, TrainConfig, fit, quantize_int8
from minigpt.evaluate import mean_interval, token_losses
from minigpt.files import write_text

from .reference import BATCH, BLOCK
from .report import provenance
from .run import RESULTS
from .text import NAME, find, split


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8_loss", description=__doc__)
    parser.add_argument("--text", default=find(), help=f"UTF-8 text (default: {NAME}, if found)")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "int8_loss.json")
    a = parser.parse_args()
    if a.text is None:
        print(f"int8_loss: no text: give --text FILE, for example {NAME}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    parts = split(a.text)
    torch.manual_seed(a.seed)
    model = GPT(GPTConfig.fast(vocab_size=parts.vocab_size, block_size=BLOCK))
    fit(model, parts.train, None, TrainConfig(steps=a.steps, batch_size=BATCH, seed=a.seed))
    exact = token_losses(model, parts.val)
    rounded = token_losses(quantize_int8(model), parts.val)
    whole = len(exact) // BLOCK * BLOCK  # characters of one window are not independent
    change, low, high = mean_interval((rounded - exact)[:whole].view(-1, BLOCK).mean(1).tolist())
    line = {"float32": float(exact.mean()), "int8": float(rounded.mean()), "change": change}
    line |= {"low": low, "high": high, "characters": whole}
    record = {k: round(v, 6) for k, v in line.items()}
    print(json.dumps(record))
    text = json.dumps(record | {"text": parts.name, "steps": a.steps, "provenance": provenance()})
    write_text(a.out, text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
