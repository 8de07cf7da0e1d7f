"""Several ways to fine-tune, each stopped at the same target, and what each loses on the way."""

from __future__ import annotations

from typing import Any

from lessons.l08_fine_tuning import measures, tuning
from lessons.l08_fine_tuning.transfer import SIZE, SPECIALIST, TEST
from minigpt import GPT, BPETokenizer

TARGET = 0.9  # of fields right on notes for validation, in two looks in a row
MOST = 800  # steps, when rates are tried and at the chosen one
QUICK, VALIDATION = 30, 100  # notes of a look: the second number where the first come near
PATH_DOCUMENTS = 4  # held out, of each old family, at a look
HOPE_AT, HOPE = 400, 0.5  # a training that has fewer fields right after so many steps is given up


def due(step: int) -> bool:
    """Whether a look comes after this step: each 10 to begin with, then each 25."""
    return step % (10 if step <= 100 else 25) == 0


class Watch:
    """Looks at a model while it is tuned, and says when the target is reached."""

    def __init__(self, model: GPT, tokenizer: BPETokenizer, seed: int, hope_at: int) -> None:
        self.model, self.tokenizer, self.hope_at = model, tokenizer, hope_at
        self.some = tuning.notes(VALIDATION, 500 + seed)
        self.path: list[dict[str, Any]] = []
        self.reached = False
        self._hits = 0

    def __call__(self, step: int) -> bool:
        """Take a look if one is due; whether the training shall end."""
        if not due(step):
            return False
        fields = self.look(step)
        self._hits = self._hits + 1 if fields >= TARGET else 0
        self.reached = self._hits == 2
        return self.reached or (step == self.hope_at and fields < HOPE)

    def look(self, step: int) -> float:
        """The share of fields right; it and the loss on old documents are kept in `path`."""
        fields = measures.fields_right(self.model, self.tokenizer, self.some[:QUICK])[0]
        if fields > TARGET - 0.05:
            fields = measures.fields_right(self.model, self.tokenizer, self.some)[0]
        losses = measures.old_losses(self.model, self.tokenizer, PATH_DOCUMENTS)
        nats = sum(losses.values()) / len(losses)
        self.path.append({"step": step, "fields": fields, "nats": nats})
        return fields


def tuned(
    model: GPT,
    tokenizer: BPETokenizer,
    name: str,
    seed: int,
    rate: float,
    most: int = MOST,
    hope_at: int = HOPE_AT,
    warm_up: int = tuning.WARM_UP,
) -> dict[str, Any]:
    """Tune in place by a method of tuning.METHODS until the target; a row, with its "path".

    With `hope_at=0` no training is given up before `most` steps.
    """
    watch = Watch(model, tokenizer, seed, hope_at)
    watch.look(0)
    losses = tuning.tune(
        model, tokenizer, tuning.notes(SPECIALIST, seed), tuning.METHODS[name], rate, seed=seed,
        steps=most, schedule="constant", warm_up=warm_up, every=5, stop=watch, size=SIZE,
    )  # fmt: skip
    model.eval()
    fields, whole = measures.fields_right(model, tokenizer, tuning.notes(TEST, seed, "test"))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    row = {"method": name, "seed": seed, "rate": rate, "steps": len(losses), "trained": trained}
    row |= {"reached": int(watch.reached), "fields": fields, "notes": whole, "path": watch.path}
    return row


def kept(model: GPT, tokenizer: BPETokenizer, n: int, seed: int) -> dict[str, Any]:
    """Old tasks: the share right of n items a family, and the loss on held-out documents."""
    return {
        "kept": measures.general(model, tokenizer, n, seed),
        "losses": measures.old_losses(model, tokenizer),
    }


def old_alone(model: GPT, tokenizer: BPETokenizer, seed: int, rate: float, steps: int) -> None:
    """Go on with old documents alone, in place: as many a step as replay has, and no note."""
    tuning.tune(
        model, tokenizer, [], tuning.OLD_ALONE, rate, seed=seed, steps=steps,
        schedule="constant", size=SIZE,
    )  # fmt: skip
    model.eval()
