"""Error against how often facts occur: a world of numbers whose frequencies follow a power law.

A fact is a name (three tokens) and a value (one of 256). Training texts and questions are drawn
from one distribution over 100,000 facts, with weights rank ** -exponent; so some of what is asked
was never read. Known exactly are the missing mass (the probability that a question is about a fact
that was never read) and the singleton rate (facts read exactly once, per text read), which
estimates it without the truth (Good and Turing). Kalai et al. 2025 (2509.04664): the error of what
a model *samples* is at least the singleton rate minus a slack in the number of texts (see `slack`),
2 over the number of wrong answers, and the model's own calibration error; where the rate is not
larger, the bound says nothing, and what can be shown is the correlation.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray

from minigpt import GPT, GPTConfig, TrainConfig, fit
from minigpt.data import IGNORE
from minigpt.train import Batch

FACTS, TEXTS, QUESTIONS = 100_000, 20_000, 4_000
SYLLABLES, VALUES = 64, 256
VOCAB = SYLLABLES + VALUES + 1  # and one that begins a text
EXPONENTS = (0.0, 0.5, 0.8, 1.0, 1.3)
PASSES, BATCH = 12, 256
Ids = NDArray[np.int64]


def names(facts: Ids) -> Ids:
    """Three syllables for each fact's number, (N, 3): no two facts share a name."""
    return np.stack(
        [facts % SYLLABLES, facts // SYLLABLES % SYLLABLES, facts // SYLLABLES**2], axis=1
    )


class World:
    """Facts with values and frequencies, and what is drawn from them; all by a seed."""

    def __init__(self, exponent: float, seed: int) -> None:
        random = np.random.default_rng((seed, 13))
        weight = np.arange(1, FACTS + 1) ** -exponent
        self.probability = (weight / weight.sum())[random.permutation(FACTS)]
        self.values: Ids = random.integers(VALUES, size=FACTS)
        self.read: Ids = random.choice(FACTS, TEXTS, p=self.probability)
        self.asked: Ids = random.choice(FACTS, QUESTIONS, p=self.probability)
        self.counts: Ids = np.bincount(self.read, minlength=FACTS)

    @property
    def missing_mass(self) -> float:
        """The probability that a question is about a fact that was never read."""
        return float(self.probability[self.counts == 0].sum())

    @property
    def singleton_rate(self) -> float:
        """Facts read exactly once, for each text read."""
        return float((self.counts == 1).sum()) / TEXTS

    def texts(self, facts: Ids) -> Ids:
        """A beginning, three syllables and the value of each fact: (N, 5)."""
        start = np.full((len(facts), 1), VOCAB - 1)
        value = SYLLABLES + self.values[facts][:, None]
        return np.concatenate([start, names(facts), value], axis=1)


def train(world: World, seed: int, passes: int = PASSES) -> GPT:
    """A GPT of two layers that reads the texts some times over, each time in another order."""
    rows = torch.from_numpy(world.texts(world.read))

    def batch(step: int) -> Batch:
        turn, at = divmod(step * BATCH, TEXTS - TEXTS % BATCH)
        random = torch.Generator().manual_seed(1_000_003 * (seed + 1) + turn)
        some = rows[torch.randperm(TEXTS, generator=random)[at : at + BATCH]]
        goal = some[:, 1:].clone()
        goal[:, :3] = IGNORE  # which name comes is drawn, and nothing to learn
        return some[:, :-1], goal

    torch.manual_seed(seed)
    config = GPTConfig.fast(
        vocab_size=VOCAB, block_size=8, n_layer=2, n_head=4, n_embd=128, n_gram=1
    )
    model = GPT(config)
    fit(
        model, batch, None,
        TrainConfig(steps=passes * (TEXTS // BATCH), batch_size=BATCH, seed=seed,
                    learning_rate=1e-2, muon_learning_rate=0.02),
    )  # fmt: skip
    return model.eval()


def expected(model: GPT, world: World) -> NDArray[np.float64]:
    """What the model expects as the value of each question, (QUESTIONS, VALUES)."""
    rows = torch.from_numpy(world.texts(world.asked)[:, :-1])
    with torch.no_grad():
        logits = model(rows)[:, -1, SYLLABLES : SYLLABLES + VALUES]
    found: NDArray[np.float64] = logits.double().softmax(-1).numpy()
    return found


def answers(model: GPT, world: World) -> Ids:
    """The value that the model finds likeliest for each question."""
    found: Ids = expected(model, world).argmax(-1)
    return found


def sampled_error(model: GPT, world: World) -> float:
    """The probability that an answer sampled at temperature 1 is wrong, mean over questions."""
    at = np.arange(QUESTIONS)
    return float(1 - expected(model, world)[at, world.values[world.asked]].mean())


def lookup(world: World) -> Ids:
    """A table of what was read; for other names the commonest value of all."""
    known = {int(fact): int(world.values[fact]) for fact in world.read}
    ((common, _),) = Counter(world.values[world.read].tolist()).most_common(1)
    return np.array([known.get(int(fact), common) for fact in world.asked])


def errors(world: World, given: Ids) -> dict[str, float]:
    """Shares of wrong answers: of all, of facts never read, read once, and often (8 times)."""
    wrong = given != world.values[world.asked]
    times = world.counts[world.asked]
    parts = {"all": times >= 0, "never": times == 0, "once": times == 1, "often": times >= 8}
    return {
        name: float(wrong[which].mean()) if which.any() else math.nan
        for name, which in parts.items()
    }


def slack(texts: int, values: int = VALUES) -> float:
    """What the bound takes off for N texts and so many answers: (35 + 6 ln N) / sqrt(N) + 2 / E.

    E is the number of wrong answers. The model's own calibration error comes on top.
    """
    return (35 + 6 * math.log(texts)) / math.sqrt(texts) + 2 / (values - 1)
