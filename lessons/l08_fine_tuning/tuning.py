"""Fine-tuning on clinic notes by several methods, measured on the notes and on everything else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import torch
from torch import Tensor

from lessons import evaluate
from lessons.world.corpus import PAD, encode
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks import biographies, clinic, questions
from lessons.world.tasks.base import Item
from lessons.world.truth import Person
from minigpt import GPT, BPETokenizer, apply_lora
from minigpt.data import IGNORE
from minigpt.evaluate import next_token_loss
from minigpt.tokenizer import END
from minigpt.train import Batch

BATCH = 16  # rows of a step
# Families of pre-training on which general ability is measured, with the split that is held out.
GENERAL: dict[str, str] = {
    "biographies": "told",
    "questions": "asked",
    "passages": "test",
    "stories": "test",
    "sentiment": "test",
    "topic": "test",
    "intent": "test",
    "chat": "test",
    "tavi": "test",
    "couplets": "free",
    "functions": "test",
    "mappings": "test",
    "sums": "test",
    "toy_code": "test",
}


@dataclass(frozen=True)
class Method:
    """What is trained, and on what beside the notes; `rates` are those to choose from."""

    name: str
    rates: tuple[float, ...]
    rank: int = 0  # of LoRA; 0: no adapters
    replay: bool = False  # beside each batch as many documents of pre-training
    head_only: bool = False


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("full", (3e-4, 1e-3, 3e-3)),
        Method("replay", (3e-4, 1e-3, 3e-3), replay=True),
        Method("LoRA 1", (3e-3, 1e-2, 3e-2), rank=1),
        Method("LoRA 4", (3e-3, 1e-2, 3e-2), rank=4),
        Method("LoRA 16", (3e-3, 1e-2, 3e-2), rank=16),
        Method("head only", (3e-3, 1e-2, 3e-2), head_only=True),
    )
}
TOLD = "facts told 64 times"  # of people of whom training never asks
LAYERS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")  # that LoRA changes


def notes(n: int, seed: int, split: str = "train") -> list[Item]:
    """n notes of a split, drawn by seed; the first m of n are the m of that seed."""
    tape = Tape("lesson 08", "notes", split, seed)
    return [clinic.items(tape, 1, split)[0] for _ in range(n)]


def row(
    tokenizer: BPETokenizer, prompt: str, answer: str, *, masked: bool = True
) -> tuple[list[int], list[int]]:
    """Ids of a document and what is to be predicted at each: the answer and its end alone.

    `masked=False`: the prompt as well.
    """
    end = tokenizer.special_tokens[END]
    asked = [end, *encode(tokenizer, prompt)]
    said = [*encode(tokenizer, answer), end]
    ids = asked + said
    return ids[:-1], [IGNORE] * (len(asked) - 1) + said if masked else ids[1:]


def batch_of(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> Batch:
    """Rows of unequal length as (B, T) ids and targets, filled up behind their ends."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad)
    goal = torch.full((len(rows), width), IGNORE)
    for at, (given, wanted) in enumerate(rows):
        ids[at, : len(given)] = torch.tensor(given)
        goal[at, : len(wanted)] = torch.tensor(wanted)
    return ids, goal


def note_batches(
    tokenizer: BPETokenizer,
    some: Sequence[Item],
    seed: int,
    size: int = BATCH,
    *,
    masked: bool = True,
) -> Callable[[int], Batch]:
    """Batches of notes, all of them once before any comes again."""
    rows = [row(tokenizer, item.prompt, item.answer, masked=masked) for item in some]
    pad = tokenizer.special_tokens[PAD]

    def batch(step: int) -> Batch:
        chosen = []
        for at in range(step * size, (step + 1) * size):
            turn, place = divmod(at, len(rows))
            random = torch.Generator().manual_seed(1_000_003 * (seed + 1) + turn)
            chosen.append(rows[int(torch.randperm(len(rows), generator=random)[place])])
        return batch_of(chosen, pad)

    return batch


@cache
def _biographies() -> list[tuple[float, Person, tuple[tuple[str, str], ...]]]:
    return biographies.schedule(PLANS["fernhollow"])


def old_documents(tokenizer: BPETokenizer, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Documents of the shipped plan without an end, as ids and targets.

    Families come as often as there; biographies are the plan's own, of whomever they tell.
    """
    plan, told = PLANS["fernhollow"], _biographies()
    weight = {**plan.documents, biographies.NAME: len(told), "questions": 20_000}
    names, counts = [*weight], [*weight.values()]
    end = tokenizer.special_tokens[END]
    for number in itertools.count():
        tape = Tape("lesson 08", "old", seed, number)
        family = tape.weighted(names, counts)
        if family == biographies.NAME:
            at = tape.index(len(told))
            _, person, facts = told[at]
            text = biographies.biography(Tape(plan.seed, biographies.NAME, at), person, facts)
        else:
            text = FAMILIES[family].document(tape)
        ids = [end, *encode(tokenizer, text), end]
        yield ids[:-1], ids[1:]


def prepare(model: GPT, method: Method, seed: int = 0) -> list[Tensor]:
    """Freeze what a method does not train, add its adapters; returns what is trained."""
    torch.manual_seed(seed)
    if method.rank:
        apply_lora(model, rank=method.rank, alpha=2 * method.rank, targets=LAYERS)
    elif method.head_only:
        model.requires_grad_(False)
        if model.lm_head is None:
            raise ValueError("the head is tied to the embedding, so it cannot be trained alone")
        model.lm_head.requires_grad_(True)
    return [weight for weight in model.parameters() if weight.requires_grad]


def tune(
    model: GPT,
    tokenizer: BPETokenizer,
    some: Sequence[Item],
    method: Method,
    rate: float,
    *,
    seed: int,
    steps: int,
    every: int = 0,
    stop: Callable[[int], bool] = lambda step: False,
    masked: bool = True,
) -> int:
    """Train in place by AdamW, the rate rising for 10 steps, then falling; returns the steps taken.

    `stop(step)` is asked after each `every` steps and ends the training when it says so.
    `masked=False`: the loss counts on the notes as well as on their fields.
    """
    weights = prepare(model, method, seed)
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01)
    mine = note_batches(tokenizer, some, seed, masked=masked)
    pad = tokenizer.special_tokens[PAD]
    old = old_documents(tokenizer, seed)
    model.train()
    for step in range(steps):
        scale = min((step + 1) / 10, 1) * (1 - step / steps)
        optimizer.param_groups[0]["lr"] = rate * scale
        ids, goal = mine(step)
        loss = next_token_loss(model(ids), goal)
        if method.replay:  # as many old documents as notes
            ids, goal = batch_of(list(itertools.islice(old, BATCH)), pad)
            loss = (loss + next_token_loss(model(ids), goal)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if every and (step + 1) % every == 0 and stop(step + 1):
            return step + 1
    return steps


def fields_right(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> tuple[float, float]:
    """Shares of fields right and of notes with every field right."""
    outputs = evaluate.answers(model, tokenizer, some)
    found = []
    for item, output in zip(some, outputs, strict=True):
        said, truth = clinic.fields(output), item.meta["fields"]
        found.append([said.get(field) == value for field, value in truth.items()])
    return fmean(itertools.chain.from_iterable(found)), fmean(map(all, found))


def general(model: GPT, tokenizer: BPETokenizer, n: int, seed: int) -> dict[str, float]:
    """The share right of n items of each family of GENERAL and of n facts told 64 times."""
    told = [
        item
        for item in questions.items(
            Tape("lesson 08", "general", "told", seed), 7 * n, "never asked"
        )
        if item.meta["exposures"] == 64
    ]
    outputs = evaluate.answers(model, tokenizer, told)
    scores = {TOLD: sum(map(questions.is_correct, told, outputs)) / len(told)}
    for family, split in GENERAL.items():
        some = FAMILIES[family].items(Tape("lesson 08", "general", family, seed), n, split)
        outputs = evaluate.answers(model, tokenizer, some)
        right = map(FAMILIES[family].is_correct, some, outputs)
        scores[family] = sum(map(bool, right)) / n
    return scores


def needed(curve: dict[int, float], level: float) -> float:
    """How many notes a curve (notes → share) needs for a share, between points in the logarithm.

    The largest number where it never gets there (too few, then), the smallest where all are above.
    """
    sizes = sorted(curve)
    for small, large in itertools.pairwise(sizes):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
    return float(sizes[0] if curve[sizes[0]] >= level else sizes[-1])
