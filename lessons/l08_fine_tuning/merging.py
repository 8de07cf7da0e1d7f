"""Two specialists in one: their changes added up (Ilharco et al. 2022, 2212.04089)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lessons import evaluate
from lessons.l08_fine_tuning import assistant, tuning
from minigpt import GPT, BPETokenizer, merge_lora

State = dict[str, Tensor]
STEPS, RATE, METHOD = 200, 1e-2, "LoRA 16"
N_TRAIN, N_TEST = 512, 60
SHARES = {
    "neither": (0.0, 0.0),
    "clinic alone": (1.0, 0.0),
    "assistant alone": (0.0, 1.0),
    "both added": (1.0, 1.0),
    "half of each": (0.5, 0.5),
}


def specialist(
    model: GPT, tokenizer: BPETokenizer, task: str, seed: int, steps: int = STEPS
) -> State:
    """The weights of a copy that LoRA made a specialist in "clinic" or as an "assistant"."""
    if task not in ("clinic", "assistant"):
        raise ValueError(f"task={task!r}: choose 'clinic' or 'assistant'")
    some = (
        tuning.notes(N_TRAIN, seed) if task == "clinic" else assistant.training_set(N_TRAIN, seed)
    )
    tuned = copy.deepcopy(model)
    method = tuning.METHODS[METHOD]
    tuning.tune(tuned, tokenizer, some, method, RATE, seed=seed, steps=steps)
    merge_lora(tuned)
    return {name: weight.detach() for name, weight in tuned.state_dict().items()}


def added(model: GPT, specialists: Sequence[tuple[State, float]]) -> GPT:
    """A copy of the model with a share of each specialist's change of its weights added."""
    base = model.state_dict()
    state = {name: weight.clone() for name, weight in base.items()}
    for changed, share in specialists:
        for name in state:
            state[name] += share * (changed[name] - base[name])
    whole = copy.deepcopy(model)
    whole.load_state_dict(state)
    return whole.eval()


def measure(model: GPT, tokenizer: BPETokenizer, seed: int) -> list[dict[str, Any]]:
    """Rows of how good each sum is at notes (fields), as an assistant, and in general."""
    both = [specialist(model, tokenizer, task, seed) for task in ("clinic", "assistant")]
    notes = tuning.notes(N_TEST, seed, "test")
    asked = assistant.facts(N_TEST, 1000 + seed)
    rows = []
    for name, shares in SHARES.items():
        whole = added(model, list(zip(both, shares, strict=True)))
        outputs = evaluate.answers(whole, tokenizer, asked)
        general = tuning.general(whole, tokenizer, 20, seed)
        rows.append({
            "model": name, "seed": seed,
            "fields": tuning.fields_right(whole, tokenizer, notes)[0],
            "assistant": sum(map(assistant.is_correct, asked, outputs)) / N_TEST,
            "general": sum(general.values()) / len(general),
        })  # fmt: skip
    return rows
