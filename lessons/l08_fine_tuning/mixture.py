"""Does learning many tasks help each of them? One family alone, all six, and all but one other."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lessons import evaluate
from lessons.l08_fine_tuning.tuning import batch_of
from lessons.world.corpus import PAD, encode
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.tokenizer import END
from minigpt.train import Batch

SIX = ("topic", "intent", "passages", "tavi", "functions", "toy_code")
DOCUMENTS = 1_500  # of each family
PASSES = 4  # over the documents of the target
BATCH = 30  # documents of a step; divides the documents of every mixture
N = 500  # items of a family
LONG = "long"  # one family alone, for as many steps as the mixture of all takes


def documents(family: str, seed: int, n: int = DOCUMENTS) -> list[str]:
    """n training documents of a family, the same in every mixture of a seed."""
    return [
        str(FAMILIES[family].document(Tape("lesson 08", "mixture", family, seed, number)))
        for number in range(n)
    ]


def steps_of(families: Sequence[str], n: int = DOCUMENTS) -> int:
    """Steps in which each document is read PASSES times: more families, more steps."""
    return len(families) * n * PASSES // BATCH


def train(
    families: Sequence[str],
    tokenizer: BPETokenizer,
    seed: int,
    n: int = DOCUMENTS,
    steps: int | None = None,
) -> GPT:
    """A small GPT trained on documents of these families, mixed at random; see `steps_of`."""
    end, pad = tokenizer.special_tokens[END], tokenizer.special_tokens[PAD]
    rows = []
    for family in families:
        for text in documents(family, seed, n):
            ids = [end, *encode(tokenizer, text), end]
            rows.append((ids[:-1], ids[1:]))

    def batch(step: int) -> Batch:
        chosen = []
        for at in range(step * BATCH, (step + 1) * BATCH):
            turn, place = divmod(at, len(rows))
            if turn not in orders:
                random = torch.Generator().manual_seed(1_000_003 * (seed + 1) + turn)
                orders[turn] = torch.randperm(len(rows), generator=random).tolist()
            chosen.append(rows[orders[turn][place]])
        return batch_of(chosen, pad)

    orders: dict[int, list[int]] = {}
    torch.manual_seed(seed)
    model = GPT(
        GPTConfig.fast(
            vocab_size=tokenizer.vocab_size, block_size=512, n_layer=3, n_head=4, n_embd=96,
            n_gram=1, qk_gain=2.5,
        )
    )  # fmt: skip
    config = TrainConfig(
        steps=steps or steps_of(families, n), batch_size=BATCH, seed=seed, learning_rate=1e-2,
        muon_learning_rate=0.02, decay_fraction=1.0,
    )  # fmt: skip
    fit(model, batch, None, config)
    return model.eval()


def score(model: GPT, tokenizer: BPETokenizer, family: str, seed: int, n: int = N) -> float:
    """The share right of n held-out items of a family."""
    some = FAMILIES[family].items(Tape("lesson 08", "mixture items", family, seed), n, "test")
    outputs = evaluate.answers(model, tokenizer, some)
    return sum(map(bool, map(FAMILIES[family].is_correct, some, outputs))) / n


def mixtures() -> dict[str, tuple[str, ...]]:
    """Name → families: each alone, each alone for longer, all, and all without each."""
    found: dict[str, tuple[str, ...]] = {f"only {family}": (family,) for family in SIX}
    found |= {f"{LONG} {family}": (family,) for family in SIX}
    found["all"] = SIX
    for left_out in SIX:
        found[f"without {left_out}"] = tuple(f for f in SIX if f != left_out)
    return found
