"""Two controls of LoRA: weights it may not train, and first steps it takes too fast.

"blocks only" trains the matrices that LoRA changes, in full: no embedding, no output layer, no
norms. "LoRA 16, slow start" is LoRA whose rate is whole at step START, and not after WARM_UP.
All else is as in `methods`.
"""

from __future__ import annotations

from typing import Any

from lessons.l08_fine_tuning import methods, tuning
from minigpt import GPT, BPETokenizer

BLOCKS, SLOW = "blocks only", "LoRA 16, slow start"
RATES = (1e-4,)  # of BLOCKS, tried first: that of all weights
START = 100  # steps in which the rate of SLOW rises


def tuned(model: GPT, tokenizer: BPETokenizer, name: str, seed: int, rate: float) -> dict[str, Any]:
    """Tune in place by BLOCKS or SLOW until the target; a row as of `methods.tuned`."""
    if name == BLOCKS:
        model.requires_grad_(False)
        for layer, module in model.named_modules():
            if layer.endswith(tuning.LAYERS):
                module.requires_grad_(True)
        # "full" trains all that is not frozen.
        return methods.tuned(model, tokenizer, "full", seed, rate) | {"method": name}
    if name == SLOW:
        row = methods.tuned(model, tokenizer, "LoRA 16", seed, rate, warm_up=START - 1)
        return row | {"method": name}
    raise ValueError(f"name={name!r}: choose {BLOCKS!r} or {SLOW!r}")
