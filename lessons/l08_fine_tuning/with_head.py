"""LoRA in the output layer, too.

Some tokens of the notes hardly occur in pre-training (`rare`): their rows of the output layer were
seldom pulled towards what is to be said, at all other places pushed away from it, and LoRA in the
blocks alone does not move them. Here a change of the output layer is learnt beside those of the
blocks; all else is as in `methods`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import torch

from lessons.l08_fine_tuning import methods, tuning
from lessons.l08_fine_tuning.transfer import SPECIALIST
from minigpt import GPT, BPETokenizer, apply_lora
from minigpt.data import IGNORE

RANKS = {f"{name} + head": m.rank for name, m in tuning.METHODS.items() if m.rank}
RATES = (1e-3, 3e-3, 1e-2)  # tried first
OLD = 6_000  # documents of pre-training in which tokens are counted


def tuned(
    model: GPT,
    tokenizer: BPETokenizer,
    name: str,
    seed: int,
    rate: float,
    most: int = methods.MOST,
) -> dict[str, Any]:
    """Tune in place by a method of RANKS until the target; a row as of `methods.tuned`."""
    torch.manual_seed(seed)
    rank = RANKS[name]
    apply_lora(model, rank=rank, alpha=2 * rank, targets=(*tuning.LAYERS, "lm_head"))
    # "full" trains all that is not frozen: the changes.
    return methods.tuned(model, tokenizer, "full", seed, rate, most) | {"method": name}


def rare(tokenizer: BPETokenizer, seed: int, n: int = OLD) -> dict[str, float]:
    """How the tokens of the notes' answers occur in n old documents.

    "tokens": how many old tokens were counted; "never", "ten": the share of the answers' tokens
    that occur there never, and at most ten times.
    """
    old: Counter[int] = Counter()
    for ids, _ in itertools.islice(tuning.old_documents(tokenizer, seed), n):
        old.update(ids)
    asked = [
        token
        for item in tuning.notes(SPECIALIST, seed)
        for token in tuning.row(tokenizer, item.prompt, item.answer)[1]
        if token != IGNORE
    ]
    return {
        "tokens": old.total(),
        "never": sum(old[token] == 0 for token in asked) / len(asked),
        "ten": sum(old[token] <= 10 for token in asked) / len(asked),
    }
