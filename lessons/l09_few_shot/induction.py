"""Which heads look up what followed before, what silencing them costs, and when they appear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from lessons.l09_few_shot import shots
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.data import IGNORE
from minigpt.evaluate import next_token_loss
from minigpt.probes import ablated_heads, attention_maps, induction_scores, repeated_tokens
from minigpt.train import Batch

Head = tuple[int, int]  # layer, head
SILENCED = 4  # heads of a set
SETS = 20  # random sets


def ranked(scores: Tensor) -> list[Head]:
    """All heads of (L, H) scores, the highest first."""
    layers, heads = scores.shape
    every = [(layer, head) for layer in range(layers) for head in range(heads)]
    return sorted(every, key=lambda at: -float(scores[at]))


def ordinary(tokenizer: BPETokenizer) -> list[int]:
    """Token ids that are no special token."""
    special = set(tokenizer.special_tokens.values())
    return [token for token in range(tokenizer.vocab_size) if token not in special]


def scores(model: GPT, tokenizer: BPETokenizer, seed: int = 0) -> Tensor:
    """Induction score of every head, (L, H), on ordinary tokens twice over."""
    return induction_scores(model, repeated_tokens(model, tokens=ordinary(tokenizer), seed=seed))


def random_sets(
    model: GPT, without: Sequence[Head], n: int, seed: int, size: int = SILENCED
) -> list[list[Head]]:
    """n random sets of heads, none of them in `without`."""
    every = ranked(torch.zeros(model.config.n_layer, model.config.n_head))
    left = [head for head in every if head not in without]
    generator = torch.Generator().manual_seed(seed)
    return [
        [left[at] for at in torch.randperm(len(left), generator=generator)[:size].tolist()]
        for _ in range(n)
    ]


def losses_of_silence(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[Item], seed: int, n_sets: int = SETS
) -> dict[str, float]:
    """Share right with all heads ("whole"), without the top induction heads, without others.

    "random": the mean over sets of as many other heads, "random_worst" the set that costs most.
    A silenced head puts out its mean instead of what it has to say.
    """
    top = ranked(scores(model, tokenizer, seed))[:SILENCED]

    def right(heads: Sequence[Head]) -> float:
        with ablated_heads(model, heads, how="mean"):
            return shots.score(model, tokenizer, some)["right"]

    others = random_sets(model, top, n_sets, seed)
    controls = [right(heads) for heads in others]
    return {
        "whole": shots.score(model, tokenizer, some)["right"],
        "induction": right(top),
        "random": fmean(controls),
        "random_worst": min(controls),
    }


# One layer against two, live: texts in which a piece stands twice.

VOCAB, LENGTH = 64, 64  # tokens; length of a text
SHORTEST, LONGEST = 16, 28  # of what is repeated; a text begins with some that are not
STEPS, BATCH = 400, 32


@dataclass(frozen=True)
class Repeats:
    """Texts in which a random piece stands twice; where it begins again, and how long it is.

    Length and place differ from text to text, so that looking a fixed number of places back is no
    help: what has to be found is the same token.
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
    ids = torch.randint(VOCAB, (n, LENGTH), generator=generator)
    length = torch.randint(SHORTEST, LONGEST + 1, (n,), generator=generator)
    before = (torch.rand(n, generator=generator) * (LENGTH - 2 * length + 1)).long()
    at = torch.arange(LENGTH)
    source = (at - length[:, None]).clamp(min=0)  # (n, LENGTH)
    again = before + length
    second = (at >= again[:, None]) & (at < (again + length)[:, None])
    return Repeats(torch.where(second, ids.gather(1, source), ids), again, length)


def batch(step: int, seed: int = 0) -> Batch:
    """Texts with a repeat, and what follows each token where that can be known."""
    some = repeats(1_000_003 * (seed + 1) + step)
    return some.ids[:, :-1], some.ids[:, 1:].masked_fill(~some.known(), IGNORE)


def train(n_layer: int, seed: int = 0, steps: int = STEPS) -> GPT:
    """A small GPT of one layer or more, trained on repeats."""
    torch.manual_seed(seed)
    config = GPTConfig.fast(
        vocab_size=VOCAB, block_size=LENGTH, n_layer=n_layer, n_head=4, n_embd=64, n_gram=1
    )
    model = GPT(config)
    settings = TrainConfig(
        steps=steps, batch_size=BATCH, learning_rate=3e-3, muon_learning_rate=0.02, seed=seed
    )
    fit(model, lambda step: batch(step, seed), None, settings)
    return model


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


AROUND = (-8, 15)  # places shown before and after the repeat begins


def loss_by_place(model: GPT, seed: int = 99) -> Tensor:
    """Mean loss in nats by place, from 8 before the second copy's first token to 14 after it."""
    some = repeats(seed, 64)
    with torch.no_grad():
        losses = next_token_loss(model.eval()(some.ids[:, :-1]), some.ids[:, 1:], "none")
    losses = losses.view(64, LENGTH - 1)
    places = some.again[:, None] - 1 + torch.arange(*AROUND)  # that predict the tokens in question
    return losses.gather(1, places).mean(0)
