"""Error against how often facts occur: a world of numbers whose frequencies follow a power law.

A fact is a name (three tokens) and a value (one of 256). Training texts and questions are drawn
from one distribution over 100,000 facts, with weights rank ** -exponent; so some of what is asked
was never read. Known exactly are the missing mass (the probability that a question is about a fact
that was never read) and the singleton rate (facts read exactly once, per text read), which
estimates it without the truth (Good and Turing). Kalai et al. 2025 (2509.04664): with probability
99 % the error of what a model *samples* is at least the singleton rate minus a slack in the number
of texts and of wrong answers (see `slack`), minus the model's miscalibration at one threshold (see
`miscalibration`); where the rate is not larger than both, the bound says nothing, and what can be
shown is the correlation.

In an uneven world some values belong to many more facts than others (weights 1 over their rank).
What a model expects after names that it never read then shows what its guesses follow.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from minigpt import GPT, GPTConfig, TrainConfig, fit
from minigpt.data import IGNORE
from minigpt.train import Batch

FACTS, TEXTS, QUESTIONS = 100_000, 20_000, 1_000
STRANGERS = 8_000  # names never read, whose guesses are looked at
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
    """Facts with values and frequencies, and what is drawn from them; all by a seed.

    `uneven`: the value of rank r belongs to a share of the facts that falls as 1 / r.
    """

    def __init__(self, exponent: float, seed: int, *, uneven: bool = False) -> None:
        random = np.random.default_rng((seed, 13))
        weight = np.arange(1, FACTS + 1) ** -exponent
        self.probability = (weight / weight.sum())[random.permutation(FACTS)]
        self.values: Ids = random.integers(VALUES, size=FACTS)
        if uneven:
            share = 1 / random.permutation(np.arange(1, VALUES + 1))
            self.values = random.choice(VALUES, FACTS, p=share / share.sum())
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

    @property
    def told(self) -> NDArray[np.float64]:
        """The share of the texts that tell each value, (VALUES,)."""
        return np.bincount(self.values[self.read], minlength=VALUES) / TEXTS

    def strangers(self) -> Ids:
        """STRANGERS facts that were never read, evenly spaced, or all where there are fewer."""
        never = np.flatnonzero(self.counts == 0)
        return never[:: max(1, len(never) // STRANGERS)][:STRANGERS]

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


def expected(model: GPT, world: World, facts: Ids) -> NDArray[np.float64]:
    """What the model expects as the value of each fact, among all values: (N, VALUES)."""
    rows = torch.from_numpy(world.texts(facts)[:, :-1])
    with torch.no_grad():
        logits = model(rows)[:, -1, SYLLABLES : SYLLABLES + VALUES]
    found: NDArray[np.float64] = logits.double().softmax(-1).numpy()
    return found


def counted(world: World, facts: Ids) -> NDArray[np.float64]:
    """The same of a 4-gram model that backs off to shorter ones: (N, VALUES).

    Witten and Bell 1991: p(v | context) = (count(v) + T p(v | shorter context)) / (count + T),
    where T different values followed the context.
    """
    found = np.full((len(facts), VALUES), 1 / VALUES)
    for known in range(4):  # syllables of the name that are looked at, from its end
        keys, asked = _contexts(world.read, known), _contexts(facts, known)
        pairs, times = np.unique(keys * VALUES + world.values[world.read], return_counts=True)
        which, rows = np.unique(asked, return_inverse=True)
        table = np.zeros((len(which), VALUES))
        at = np.searchsorted(which, pairs // VALUES).clip(max=len(which) - 1)
        there = which[at] == pairs // VALUES
        table[at[there], pairs[there] % VALUES] = times[there]
        count, kinds = table.sum(1)[rows, None], (table > 0).sum(1)[rows, None]
        found = np.where(count > 0, (table[rows] + kinds * found) / (count + kinds + 1e-300), found)
    return found


def _contexts(facts: Ids, known: int) -> Ids:
    """A number for the last `known` syllables of each fact's name, (N,)."""
    named = names(facts)[:, 3 - known :]
    return (named * SYLLABLES ** np.arange(known)).sum(1)


def miscalibration(p: NDArray[np.float64], truth: Ids) -> float:
    """The theorem's delta, of what is expected (N, VALUES) and the true values (N,).

    Take all answers to which the model gives more than 1 over the number of wrong answers: how much
    probability it gives to them, minus how often the truth is among them, on the average. One
    threshold, so this is not the expected calibration error.
    """
    above = p > 1 / (VALUES - 1)
    return abs(float((p * above).sum(1).mean() - above[np.arange(len(truth)), truth].mean()))


def lookup(world: World) -> Ids:
    """A table of what was read; for other names the commonest value of all."""
    return np.where(world.counts[world.asked] > 0, world.values[world.asked], world.told.argmax())


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

    E is the number of wrong answers to a question. `miscalibration` comes on top.
    """
    return (35 + 6 * math.log(texts)) / math.sqrt(texts) + 2 / (values - 1)
