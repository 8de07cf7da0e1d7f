"""How many different tasks make a model learn in the prompt, and not learn the tasks?

Markov chains over four symbols. A model is trained on documents from N fixed chains, and asked
about new ones. Two ideal readers show what it may have become: one that knows the N chains by
heart and finds out which of them it sees, and one that counts in the document, for any chain
(Raventós et al. 2023, 2306.15063, did this for regression).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lessons.world.tasks import markov
from minigpt import GPT, GPTConfig, TrainConfig, fit
from minigpt.train import Batch

NUMBERS = (1, 4, 16, 64, 256, 1024, 4096)
K, LENGTH = len(markov.SYMBOLS), 128  # symbols; length of a document
STEPS, BATCH = 400, 16
AFTER = 64  # symbols that are read before predictions count
Array = NDArray[np.float64]


def chains(n: int, seed: int) -> Array:
    """n transition matrices (n, K, K), rows drawn evenly from all distributions."""
    return np.random.default_rng(seed).dirichlet(np.ones(K), size=(n, K))


def documents(matrices: Array, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """n documents (n, LENGTH), each of a chain drawn from the matrices."""
    which = generator.integers(len(matrices), size=n)
    sums = matrices[which].cumsum(-1)  # (n, K, K)
    symbols = np.empty((n, LENGTH), dtype=np.int64)
    symbols[:, 0] = generator.integers(K, size=n)
    for at in range(1, LENGTH):
        rows = sums[np.arange(n), symbols[:, at - 1]]  # (n, K)
        symbols[:, at] = (generator.random((n, 1)) > rows).sum(1).clip(max=K - 1)
    return symbols


def train(n_chains: int, seed: int, steps: int = STEPS) -> GPT:
    """Two layers of two heads, trained on documents of n_chains fixed chains."""
    matrices = chains(n_chains, seed)

    def batch(step: int) -> Batch:
        generator = np.random.default_rng((seed, step))
        ids = torch.from_numpy(documents(matrices, BATCH, generator))
        return ids[:, :-1], ids[:, 1:]

    torch.manual_seed(seed)
    config = GPTConfig.fast(
        vocab_size=K,
        block_size=LENGTH,
        n_layer=2,
        n_head=2,
        n_embd=64,
        n_gram=1,
        mlp_hidden=64,
    )
    model = GPT(config)
    fit(model, batch, None, TrainConfig(steps=steps, batch_size=BATCH, seed=seed,
                                        learning_rate=3e-3, muon_learning_rate=0.02))  # fmt: skip
    return model


def by_heart(symbols: NDArray[np.int64], matrices: Array) -> Array:
    """What the reader that knows the chains expects next, (LENGTH - 1, K), for one document."""
    steps = np.log(matrices[:, symbols[:-1], symbols[1:]])  # (N, LENGTH - 1)
    before = np.concatenate([np.zeros((len(matrices), 1)), steps.cumsum(1)[:, :-1]], axis=1)
    weight = np.exp(before - before.max(0))
    weight /= weight.sum(0)  # (N, LENGTH - 1)
    expected: Array = np.einsum("nt,ntk->tk", weight, matrices[:, symbols[:-1]])
    return expected


def divergence(model: GPT, tested: Array, known: Array, seed: int, n: int = 50) -> dict[str, float]:
    """Mean KL in nats from the true next-symbol distribution, after AFTER symbols.

    Of the model, and of both ideal readers, on n documents of the chains `tested`.
    """
    found: dict[str, list[float]] = {"model": [], "counting": [], "by heart": []}
    generator = np.random.default_rng((seed, 1_000_000))  # training's have the step there
    for _ in range(n):
        one = tested[generator.integers(len(tested))][None]
        (symbols,) = documents(one, 1, generator)
        truth = one[0][symbols[:-1]]  # (LENGTH - 1, K)
        with torch.no_grad():
            logits = model.eval()(torch.from_numpy(symbols[None, :-1]))[0]
        readers = {
            "model": logits.double().softmax(-1).numpy(),
            "counting": markov.optimal(symbols.tolist())[1:],
            "by heart": by_heart(symbols, known),
        }
        for name, expected in readers.items():
            kl = (truth * (np.log(truth + 1e-300) - np.log(expected + 1e-12))).sum(1)
            found[name].append(float(kl[AFTER:].mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def both(model: GPT, n_chains: int, seed: int, n: int = 50) -> dict[str, dict[str, float]]:
    """`divergence` on the "trained chains" of `train(n_chains, seed)`, and on 200 "new chains"."""
    known, new = chains(n_chains, seed), chains(200, 1000 + seed)
    return {
        "trained chains": divergence(model, known, known, seed, n),
        "new chains": divergence(model, new, known, seed, n),
    }
