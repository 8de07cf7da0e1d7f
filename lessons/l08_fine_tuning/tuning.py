"""Fine-tuning on notes from a clinic: what is trained, on what, and for how long."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from lessons.models import fernhollow
from lessons.world.corpus import PAD, draw, encode
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks import biographies, clinic
from lessons.world.tasks.base import Item
from lessons.world.truth import Person
from minigpt import GPT, BPETokenizer, apply_lora
from minigpt.checkpoint import EXTRA
from minigpt.data import IGNORE
from minigpt.evaluate import next_token_loss
from minigpt.optim import make_optimizers, schedule_factor
from minigpt.tokenizer import END
from minigpt.train import Batch

BATCH = 16  # rows of a step, unless another number is named
WARM_UP = 10  # steps
Row = tuple[list[int], list[int]]  # ids, and what is to be predicted at each
Maker = Callable[[BPETokenizer, str, str], Row]


@dataclass(frozen=True)
class Method:
    """What is trained, and on what; `rates` of AdamW are those that are tried first."""

    name: str
    rates: tuple[float, ...] = ()
    rank: int = 0  # of LoRA; 0: no adapters
    old: float = 0.0  # the share of old documents, of pre-training, among those of a step
    head_only: bool = False


FULL, LORA = (3e-4, 1e-3, 3e-3), (3e-3, 1e-2, 3e-2)
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("full", FULL),
        Method("replay", FULL, old=0.5),
        Method("replay 5 %", FULL, old=0.05),
        Method("LoRA 1", LORA, rank=1),
        Method("LoRA 4", LORA, rank=4),
        Method("LoRA 16", LORA, rank=16),
        Method("head only", LORA, head_only=True),
    )
}
OLD_ALONE = Method("old documents alone", old=1.0)
LAYERS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")  # that LoRA changes


class Diverged(RuntimeError):
    """The loss stopped being a number: the rate is too high."""


def notes(n: int, seed: int, split: str = "train") -> list[Item]:
    """n notes of a split, drawn by seed; the first m of n are the m of that seed."""
    tape = Tape("lesson 08", "notes", split, seed)
    return [clinic.items(tape, 1, split)[0] for _ in range(n)]


def row(tokenizer: BPETokenizer, prompt: str, answer: str) -> Row:
    """Ids of a document and what is to be predicted at each: the answer and its end alone."""
    end = tokenizer.special_tokens[END]
    asked = [end, *encode(tokenizer, prompt)]
    said = [*encode(tokenizer, answer), end]
    return (asked + said)[:-1], [IGNORE] * (len(asked) - 1) + said


def whole_row(tokenizer: BPETokenizer, text: str) -> Row:
    """Ids of a document and the next token at each, as in pre-training."""
    end = tokenizer.special_tokens[END]
    ids = [end, *encode(tokenizer, text), end]
    return ids[:-1], ids[1:]


def batch_of(rows: Sequence[Row], pad: int) -> Batch:
    """Rows of unequal length as (B, T) ids and targets, filled up behind their ends."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad)
    goal = torch.full((len(rows), width), IGNORE)
    for at, (given, wanted) in enumerate(rows):
        ids[at, : len(given)] = torch.tensor(given)
        goal[at, : len(wanted)] = torch.tensor(wanted)
    return ids, goal


def in_turns(rows: Sequence[Row], pad: int, seed: int, size: int) -> Callable[[int], Batch]:
    """Batches by step; all rows come once, in an order of their own, before any comes again."""
    orders: dict[int, list[int]] = {}

    def batch(step: int) -> Batch:
        chosen = []
        for at in range(step * size, (step + 1) * size):
            turn, place = divmod(at, len(rows))
            if turn not in orders:
                random = torch.Generator().manual_seed(1_000_003 * (seed + 1) + turn)
                orders[turn] = torch.randperm(len(rows), generator=random).tolist()
            chosen.append(rows[orders[turn][place]])
        return batch_of(chosen, pad)

    return batch


def note_batches(
    tokenizer: BPETokenizer,
    some: Sequence[Item],
    seed: int,
    size: int = BATCH,
    make_row: Maker = row,
) -> Callable[[int], Batch]:
    """Batches of notes by step, each note once before any comes again; see `row`."""
    rows = [make_row(tokenizer, item.prompt, item.answer) for item in some]
    return in_turns(rows, tokenizer.special_tokens[PAD], seed, size)


@cache
def _biographies() -> list[tuple[float, Person, tuple[tuple[str, str], ...]]]:
    return biographies.schedule(PLANS["fernhollow"])


@cache
def old_counts() -> dict[str, int]:
    """How many documents of each family the text of pre-training held."""
    about = json.loads((fernhollow() / EXTRA).read_text(encoding="utf-8"))
    families = about["corpus"]["families"]
    return {name: families[name]["documents"] for name in FAMILIES}


def old_documents(tokenizer: BPETokenizer, seed: int) -> Iterator[Row]:
    """Documents of the shipped plan without an end, as ids and targets.

    Families come as often as there; biographies are the plan's own, of whomever they tell.
    """
    plan, told, counts = PLANS["fernhollow"], _biographies(), old_counts()
    names, weights = [*counts], [*counts.values()]
    for number in itertools.count():
        tape = Tape("lesson 08", "old", seed, number)
        family = tape.weighted(names, weights)
        if family == biographies.NAME:
            at = tape.index(len(told))
            _, person, facts = told[at]
            text = biographies.biography(Tape(plan.seed, biographies.NAME, at), person, facts)
        else:
            text = draw(FAMILIES[family], tape, plan)
        yield whole_row(tokenizer, text)


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


def loss_of(model: GPT, batch: Batch) -> Tensor:
    """Mean loss in nats over the targets that count; logits are made there alone."""
    ids, goal = batch
    counted = goal != IGNORE  # (B, T)
    logits = model.head(model.features(ids)[counted])  # (n, V)
    return next_token_loss(logits[None], goal[counted][None])


class Tuning:
    """A fine-tuning that goes on step by step, in place.

    `rate`: AdamW's; with `optimizer="muon"` Muon's, and AdamW beside it has .35 of it, as in the
    course's pretraining. `make_row` makes ids and targets of a prompt and its answer.
    """

    def __init__(
        self,
        model: GPT,
        tokenizer: BPETokenizer,
        some: Sequence[Item],
        method: Method,
        rate: float,
        *,
        seed: int,
        size: int = BATCH,
        optimizer: str = "adamw",
        make_row: Maker = row,
    ) -> None:
        self.model, self.method, self.size, self.steps = model, method, size, 0
        self.weights = prepare(model, method, seed)
        self.optimizers = make_optimizers(
            model,
            optimizer=optimizer,
            learning_rate=rate if optimizer == "adamw" else 0.35 * rate,
            muon_learning_rate=rate,
            muon_momentum=0.95,
            weight_decay=0.01,
        )
        self._new = note_batches(tokenizer, some, seed, size, make_row) if some else None
        self._old = old_documents(tokenizer, seed)
        self._pad = tokenizer.special_tokens[PAD]

    def _old_rows(self) -> list[Row]:
        """The old documents of this step: in the long run the method's share of all documents."""
        share = self.method.old
        each = self.size if share == 1 else self.size * share / (1 - share)
        n = math.floor((self.steps + 1) * each + 1e-9) - math.floor(self.steps * each + 1e-9)
        return list(itertools.islice(self._old, n))

    def step(self, factor: float = 1.0) -> float:
        """One step at a part of the rate; returns the loss on the new data, or the old alone.

        Raises Diverged if it is no number.
        """
        self.model.train()
        parts: list[tuple[int, Tensor]] = []
        if self.method.old < 1 and self._new is not None:
            parts.append((self.size, loss_of(self.model, self._new(self.steps))))
        if old := self._old_rows():
            parts.append((len(old), loss_of(self.model, batch_of(old, self._pad))))
        count = sum(n for n, _ in parts)
        loss = torch.stack([n / count * part for n, part in parts]).sum()  # each document alike
        if not math.isfinite(loss.item()):
            raise Diverged(f"step {self.steps + 1}: the loss is {loss.item()}; lower the rate")
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        if not math.isfinite(norm.item()):
            raise Diverged(f"step {self.steps + 1}: the gradient is no number; lower the rate")
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.steps += 1
        return parts[0][1].item()


def tune(
    model: GPT,
    tokenizer: BPETokenizer,
    some: Sequence[Item],
    method: Method,
    rate: float,
    *,
    seed: int,
    steps: int,
    schedule: str = "wsd",
    warm_up: int = WARM_UP,
    every: int = 0,
    stop: Callable[[int], bool] = lambda step: False,
    size: int = BATCH,
    optimizer: str = "adamw",
    make_row: Maker = row,
) -> list[float]:
    """Train in place; returns each step's loss (on the new data).

    `schedule` "wsd": the rate rises for `warm_up` steps, then falls to zero; "constant": it stays.
    `stop(step)` is asked after each `every` steps and ends the training when it says so.
    """
    run = Tuning(
        model, tokenizer, some, method, rate, seed=seed, size=size, optimizer=optimizer,
        make_row=make_row,
    )  # fmt: skip
    losses = []
    for step in range(steps):
        factor = schedule_factor(step, steps, schedule=schedule, warmup_steps=warm_up)
        losses.append(run.step(factor))
        if every and (step + 1) % every == 0 and stop(step + 1):
            break
    return losses


@dataclass(frozen=True)
class TrainedOut:
    """How a training until nothing rose any more ended."""

    steps: int  # taken in all
    best: float  # score
    loss: float  # on the notes learnt from, mean of the last ten steps
    why: str  # "no rise", "all right", "cap" or "diverged"


def tune_out(
    run: Tuning,
    score: Callable[[], float],
    *,
    every: int = 25,
    patience: int = 6,
    most: int = 1_200,
    fall: int = 50,
) -> TrainedOut:
    """Train until `score` has not risen for `patience` looks; the best weights stay.

    A look comes after each `every` steps. Then the rate, constant so far, falls to zero in `fall`
    steps, and a last look is taken. A training that diverges ends with its best weights, too.
    """
    losses: list[float] = []
    best, at, why = -math.inf, 0, "cap"
    kept = _weights(run.model)

    def look() -> float:
        nonlocal best, at, kept
        found = score()
        if found > best:
            best, at, kept = found, run.steps, _weights(run.model)
        return found

    try:
        while run.steps < most:
            losses.append(
                run.step(
                    schedule_factor(run.steps, most, schedule="constant", warmup_steps=WARM_UP)
                )
            )
            if run.steps % every == 0:
                look()
                if best >= 1 or run.steps - at >= patience * every:
                    why = "all right" if best >= 1 else "no rise"
                    break
        for left in range(fall):
            losses.append(run.step(1 - left / fall))
        if look() >= best:  # of equals the one whose rate has fallen
            kept = _weights(run.model)
    except Diverged:
        why = "diverged"
    run.model.load_state_dict(kept)
    last = losses[-10:] or [math.nan]
    return TrainedOut(run.steps, max(best, 0.0), sum(last) / len(last), why)


def _weights(model: GPT) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}
