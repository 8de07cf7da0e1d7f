"""Two controls of LoRA: weights it may not train, and first steps it takes too fast.

"blocks only" trains the matrices that LoRA changes, in full: no embedding, no output layer, no
norms. "LoRA 16, slow start" is LoRA whose rate rises over START steps instead of tuning.WARM_UP.
All else is as in `methods`.
"""

from __future__ import annotations

from typing import Any

from lessons.l08_fine_tuning import measures, methods, tuning
from lessons.l08_fine_tuning.transfer import SIZE, SPECIALIST, TEST
from minigpt import GPT, BPETokenizer

BLOCKS, SLOW = "blocks only", "LoRA 16, slow start"
RATES = (1e-4,)  # of BLOCKS, tried first: that of all weights
START = 100  # steps in which the rate of SLOW rises
EVERY = 5  # steps between two questions whether to stop, as in `methods.tuned`


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
        return _slow(model, tokenizer, seed, rate)
    raise ValueError(f"name={name!r}: choose {BLOCKS!r} or {SLOW!r}")


def _slow(model: GPT, tokenizer: BPETokenizer, seed: int, rate: float) -> dict[str, Any]:
    watch = methods.Watch(model, tokenizer, seed, methods.HOPE_AT)
    watch.look(0)
    run = tuning.Tuning(
        model, tokenizer, tuning.notes(SPECIALIST, seed), tuning.METHODS["LoRA 16"], rate,
        seed=seed, size=SIZE,
    )  # fmt: skip
    for step in range(methods.MOST):
        run.step(min(1.0, (step + 1) / START))
        if (step + 1) % EVERY == 0 and watch(step + 1):
            break
    some = tuning.notes(TEST, seed, "test")
    fields, notes = measures.fields_right(model.eval(), tokenizer, some)
    return {
        "method": SLOW, "seed": seed, "rate": rate, "steps": run.steps, "path": watch.path,
        "trained": sum(weight.numel() for weight in run.weights), "reached": int(watch.reached),
        "fields": fields, "notes": notes,
    }  # fmt: skip
