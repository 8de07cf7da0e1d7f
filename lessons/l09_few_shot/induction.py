"""Which heads look up what followed before, what silencing them costs, and when they appear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from lessons.l09_few_shot import shots
from lessons.world.corpus import encode
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.data import IGNORE
from minigpt.evaluate import next_token_loss
from minigpt.probes import ablated_heads, attention_maps, induction_scores, repeated_tokens
from minigpt.tokenizer import END
from minigpt.train import Batch

Head = tuple[int, int]  # layer, head
SILENCED = 1  # the heads that look up; one in the shipped model
SETS = 20  # random sets of other heads, at most
LOOKUP_SEED, LOOKUP_N = 777, 40  # of the prompts on which the silenced heads are chosen


def ranked(scores: Tensor) -> list[Head]:
    """All heads of (L, H) scores, the highest first."""
    layers, heads = scores.shape
    every = [(layer, head) for layer in range(layers) for head in range(heads)]
    return sorted(every, key=lambda at: -float(scores[at]))


def ordinary(tokenizer: BPETokenizer) -> list[int]:
    """Token ids that are no special token."""
    special = set(tokenizer.special_tokens.values())
    return [token for token in range(tokenizer.vocab_size) if token not in special]


def twice_over(
    model: GPT, tokenizer: BPETokenizer, seed: int = 0, length: int | None = None
) -> Tensor:
    """Random ordinary tokens, twice over: (8, 2 * length)."""
    return repeated_tokens(model, tokens=ordinary(tokenizer), seed=seed, length=length)


def scores(model: GPT, tokenizer: BPETokenizer, seed: int = 0) -> Tensor:
    """Induction score of every head, (L, H), on random ordinary tokens twice over."""
    return induction_scores(model, twice_over(model, tokenizer, seed))


def lookup_scores(
    model: GPT, tokenizer: BPETokenizer, seed: int = LOOKUP_SEED, n: int = LOOKUP_N
) -> Tensor:
    """Where each head looks when something has to be looked up in a prompt, (L, H).

    The attention from a prompt's last token to the values told of its key, mean over n prompts of
    sixteen invented statements.
    """
    some = shots.items("invented values", shots.MOST, "gold", n, seed)
    rows = [[tokenizer.special_tokens[END], *encode(tokenizer, item.prompt)] for item in some]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("prompts of several lengths: each key and value must be one token")
    maps = attention_maps(model, torch.tensor(rows))[..., -1, :]  # (L, n, H, T)
    found = torch.zeros(maps.size(0), maps.size(2))  # (L, H)
    for at, row in enumerate(rows):
        values = [t + 2 for t in range(len(row) - 2) if row[t : t + 2] == row[-2:]]
        found += maps[:, at][..., values].sum(-1) / n
    return found


def lookup_heads(model: GPT, tokenizer: BPETokenizer) -> list[Head]:
    """The heads with the highest lookup score, chosen on prompts that nothing else uses."""
    return ranked(lookup_scores(model, tokenizer))[:SILENCED]


def random_sets(
    model: GPT, without: Sequence[Head], n: int, seed: int, *, same_layers: bool = True
) -> list[list[Head]]:
    """n different random sets of as many heads as `without` has, none of them in it.

    `same_layers`: from its layers alone. Raises ValueError if there are fewer than n such sets.
    """
    layers = {layer for layer, _ in without}
    every = ranked(torch.zeros(model.config.n_layer, model.config.n_head))
    left = [h for h in every if h not in without and (h[0] in layers or not same_layers)]
    size = len(without)
    if math.comb(len(left), size) < n:
        raise ValueError(
            f"{len(left)} other heads have fewer than {n} sets of {size}: choose fewer"
        )
    generator = torch.Generator().manual_seed(seed)
    found: dict[frozenset[Head], list[Head]] = {}
    while len(found) < n:
        chosen = [left[at] for at in torch.randperm(len(left), generator=generator)[:size].tolist()]
        found.setdefault(frozenset(chosen), chosen)
    return [*found.values()]


def silence(
    model: GPT, right: Callable[[], float], top: Sequence[Head], seed: int, n_sets: int = SETS
) -> dict[str, float]:
    """What `right` gives with all heads ("none" silenced), without `top`, and without others.

    "others": the mean over n_sets sets of as many heads of the same layers, or over all such sets
    if there are fewer; "worst_others" the set that costs most, "any_layer" the mean over sets from
    all layers. A silenced head puts out its mean instead of what it has to say.
    """
    near = len({layer for layer, _ in top}) * model.config.n_head - len(top)

    def without(heads: Sequence[Head]) -> float:
        with ablated_heads(model, heads, how="mean"):
            return right()

    n_near = min(n_sets, math.comb(near, len(top)))
    others = [without(heads) for heads in random_sets(model, top, n_near, seed)]
    anywhere = random_sets(model, top, n_sets, seed, same_layers=False)
    return {
        "none": right(),
        "top": without(top),
        "others": fmean(others),
        "worst_others": min(others),
        "any_layer": fmean(without(heads) for heads in anywhere),
    }


# One layer against two, live: texts in which a piece stands twice.

VOCAB, LENGTH = 64, 40  # tokens; length of a text
SHORTEST, LONGEST = 8, 16  # of what is repeated; other tokens may stand before and behind
STEPS, BATCH = 500, 32
BIRTH_STEPS = (0, 10, 20, 40, 70, 100, 130, 160, 190, 220, 260, 320, 400, STEPS)
LIVE_SEEDS = range(5)  # 0 is the one of the live run


@dataclass(frozen=True)
class Repeats:
    """Texts in which a random piece stands twice; where it begins again, and how long it is.

    Length and place differ from text to text, so that looking a fixed number of places back is no
    help: what has to be found is the same token. It stands nowhere else, so that one place only
    can be meant.
    """

    ids: Tensor  # (n, LENGTH)
    again: Tensor  # (n,)
    length: Tensor  # (n,)

    def known(self) -> Tensor:
        """Where the next token can be known, (n, LENGTH - 1): in the second copy, from its first
        token on."""
        at = torch.arange(LENGTH - 1)
        start, end = self.again[:, None], (self.again + self.length)[:, None]
        return (at >= start) & (at < end - 1)


def repeats(seed: int, n: int = BATCH) -> Repeats:
    """n texts, drawn by `seed`."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(n, VOCAB, generator=generator).argsort(-1)  # (n, VOCAB): all tokens, mixed
    length = torch.randint(SHORTEST, LONGEST + 1, (n,), generator=generator)
    before = (torch.rand(n, generator=generator) * (LENGTH - 2 * length + 1)).long()
    other = torch.rand(n, LENGTH, generator=generator) * (VOCAB - length[:, None])  # none of it
    place = torch.arange(LENGTH) - before[:, None]  # (n, LENGTH)
    inside = (place >= 0) & (place < 2 * length[:, None])
    which = torch.where(inside, place % length[:, None], length[:, None] + other.long())
    return Repeats(order.gather(1, which), before + length, length)


def batch(step: int, seed: int = 0) -> Batch:
    """Texts with a repeat, and what follows each token where that can be known."""
    some = repeats(1_000_003 * (seed + 1) + step)
    return some.ids[:, :-1], some.ids[:, 1:].masked_fill(~some.known(), IGNORE)


def train(
    n_layer: int,
    seed: int = 0,
    steps: int = STEPS,
    watch: Callable[[int, GPT], None] | None = None,
) -> GPT:
    """A small GPT of one layer or more, trained on repeats.

    Queries and keys are not normalised, so that attention may become as sharp as it needs to be.
    `watch` is called with the number of steps done and the model, before the first and after each.
    """
    torch.manual_seed(seed)
    config = GPTConfig.fast(
        vocab_size=VOCAB,
        block_size=LENGTH,
        n_layer=n_layer,
        n_head=2,
        n_embd=64,
        n_gram=1,
        mlp_hidden=64,
        qk_norm=False,
    )
    model = GPT(config)
    settings = TrainConfig(
        steps=steps, batch_size=BATCH, learning_rate=3e-3, muon_learning_rate=0.02, seed=seed
    )
    if watch is not None:
        watch(0, model)
    fit(
        model, lambda step: batch(step, seed), None, settings,
        on_step=None if watch is None else lambda info: watch(info.step, model),
    )  # fmt: skip
    return model


def birth(n_layer: int, seed: int, steps: int = STEPS) -> list[dict[str, Any]]:
    """Rows along one training, from the untrained model to the finished one.

    "copied" and "looks_up" after each of BIRTH_STEPS.
    """
    rows: list[dict[str, Any]] = []

    def watch(step: int, model: GPT) -> None:
        if step in BIRTH_STEPS:
            found = {"copied": copied(model), "looks_up": looks_up(model)}
            rows.append({"layers": n_layer, "seed": seed, "step": step, **found})

    train(n_layer, seed, steps, watch)
    return rows


def copied(model: GPT, seed: int = 99) -> float:
    """The share of what can be known that the model expects most: chance is 1 / VOCAB."""
    some = repeats(seed, 64)
    with torch.no_grad():
        guesses = model.eval()(some.ids[:, :-1]).argmax(-1)  # (n, LENGTH - 1)
    return float((guesses == some.ids[:, 1:])[some.known()].double().mean())


def looks_up(model: GPT, seed: int = 98) -> float:
    """The highest induction score of a head on such texts: attention, in the second copy, to what
    followed the same token in the first."""
    some = repeats(seed, 64)
    maps = attention_maps(model, some.ids)  # (L, n, H, LENGTH, LENGTH)
    at = torch.arange(LENGTH - 1)
    key = (at + 1 - some.length[:, None]).clamp(min=0)  # (n, LENGTH - 1)
    index = key[None, :, None, :, None].expand(maps.size(0), -1, maps.size(2), -1, 1)
    looked = maps[..., :-1, :].gather(-1, index)[..., 0]  # (L, n, H, LENGTH - 1)
    known = some.known()[None, :, None, :].expand_as(looked)
    scores = (looked * known).sum((1, 3)) / known.sum((1, 3))  # (L, H)
    return float(scores.max())


AROUND = (1 - SHORTEST, SHORTEST)  # places shown before and after the repeat begins


def loss_by_place(model: GPT, seed: int = 99) -> Tensor:
    """Mean loss in nats by place, counted from the second copy's first token: AROUND."""
    some = repeats(seed, 64)
    with torch.no_grad():
        losses = next_token_loss(model.eval()(some.ids[:, :-1]), some.ids[:, 1:], "none")
    losses = losses.view(64, LENGTH - 1)
    places = some.again[:, None] - 1 + torch.arange(*AROUND)  # that predict the tokens in question
    return losses.gather(1, places).mean(0)
