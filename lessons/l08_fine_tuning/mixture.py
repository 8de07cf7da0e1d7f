"""Does learning many tasks help each of them? One family alone, alone for longer, and all six."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import torch

from lessons import evaluate
from lessons.l08_fine_tuning.measures import answer_loss, mean_loss
from lessons.l08_fine_tuning.tuning import in_turns, whole_row
from lessons.world.corpus import PAD
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.train import Batch

# Families on which fernhollow-small, of this size, is neither at the floor nor at the ceiling.
SIX = ("lore", "chat", "functions", "by_example", "bugs", "toy_code")
DOCUMENTS = 3_600  # of each family; fernhollow-small read as many, or more
BATCH = 20  # documents of a step; divides the documents of every mixture
N = 500  # items of a family
HELD_OUT = 32  # documents of each family that say when to stop
LOOKS = 12  # in a training; it ends when three in a row are not the best
ALONE, LONG, ALL, WITHOUT = "only", "long", "all", "without"
ALL_LONG = "all long"  # all, each document read as often as in LONG
RATES = (3e-3, 1e-2, 3e-2)  # of Muon, tried first; AdamW has its share, as in pretraining


def documents(family: str, seed: int, n: int = DOCUMENTS, part: str = "train") -> list[str]:
    """n training documents of a family, the same in every mixture of a seed; "val": others."""
    name = "mixture" if part == "train" else f"mixture {part}"
    return [
        str(FAMILIES[family].document(Tape("lesson 08", name, family, seed, number)))
        for number in range(n)
    ]


def steps_of(kind: str, n: int = DOCUMENTS) -> int:
    """Steps of a training: each document once; "long": as many as the mixture of all takes."""
    six = len(SIX)
    times = {ALONE: 1, LONG: six, ALL: six, WITHOUT: six - 1, ALL_LONG: six * six}
    return times[kind] * n // BATCH


def families_of(kind: str, family: str = "") -> tuple[str, ...]:
    """What a training reads: `family` alone, all six, or all but `family`."""
    if kind in (ALL, ALL_LONG):
        return SIX
    return tuple(f for f in SIX if (f == family) != (kind == WITHOUT))


def _held_out(
    tokenizer: BPETokenizer, families: Sequence[str], seed: int, n: int
) -> Callable[[int], Batch]:
    """The held-out documents of families, as batches by number."""
    rows = [whole_row(tokenizer, text) for f in families for text in documents(f, seed, n, "val")]
    return in_turns(rows, tokenizer.special_tokens[PAD], seed, 16)


def shape(tokenizer: BPETokenizer) -> GPTConfig:
    """The shape of fernhollow-small."""
    return GPTConfig.fast(
        vocab_size=tokenizer.vocab_size, block_size=512, n_layer=4, n_head=4, n_embd=128,
        n_gram=1, qk_gain=2.5,
    )  # fmt: skip


def train(
    kind: str,
    family: str,
    tokenizer: BPETokenizer,
    seed: int,
    rate: float,
    n: int = DOCUMENTS,
    held_out: int = HELD_OUT,
) -> tuple[GPT, int]:
    """A GPT trained on n documents of each family of a kind (see `families_of`), and its steps.

    It ends early, with its best weights, when the loss on held-out documents of these families
    has not fallen for three looks.
    """
    families = families_of(kind, family)
    rows = [whole_row(tokenizer, text) for f in families for text in documents(f, seed, n)]
    torch.manual_seed(seed)
    model = GPT(shape(tokenizer))
    steps = steps_of(kind, n)
    config = TrainConfig(
        steps=steps, batch_size=BATCH, seed=seed, muon_learning_rate=rate, muon_momentum=0.95,
        learning_rate=0.35 * rate, embedding_learning_rate=2 * rate, weight_decay=0.03,
        warmup_steps=10, eval_interval=max(1, steps // LOOKS), patience=3,
        eval_batches=max(1, held_out * len(families) // 16),
    )  # fmt: skip
    batches = in_turns(rows, tokenizer.special_tokens[PAD], seed, BATCH)
    history = fit(model, batches, _held_out(tokenizer, families, seed, held_out), config)
    return model.eval(), history.step[-1]


def held_out_items(family: str, seed: int, n: int = N) -> list[Item]:
    """n held-out items of a family."""
    found: list[Item] = FAMILIES[family].items(
        Tape("lesson 08", "mixture items", family, seed), n, "test"
    )
    return found


def measure(
    model: GPT, tokenizer: BPETokenizer, families: Sequence[str], seed: int, n: int = N
) -> list[dict[str, object]]:
    """For each family the share right of n held-out items, and nats a token on their answers."""
    rows: list[dict[str, object]] = []
    for family in families:
        some = held_out_items(family, seed, n)
        outputs = evaluate.answers(model, tokenizer, some)
        right = fmean(
            bool(FAMILIES[family].is_correct(item, out))
            for item, out in zip(some, outputs, strict=True)
        )
        nats = answer_loss(model, tokenizer, some[:100])
        rows.append({"family": family, "right": right, "nats": nats})
    return rows


def held_out_loss(model: GPT, tokenizer: BPETokenizer, families: Sequence[str], seed: int) -> float:
    """Nats a token on held-out documents, mean over families: what rates are chosen by."""
    return fmean(
        mean_loss(
            model,
            tokenizer,
            [whole_row(tokenizer, text) for text in documents(f, seed, HELD_OUT, "val")],
        )
        for f in families
    )
