"""Two specialists in one: their changes added up (Ilharco et al. 2022, 2212.04089)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from torch import Tensor

from lessons import evaluate
from lessons.l08_fine_tuning import assistant, measures, tuning
from lessons.world.tape import Tape
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, merge_lora

State = dict[str, Tensor]
STEPS, SIZE, METHOD = 250, 8, "LoRA 16"
N_TRAIN, N_TEST, N_GENERAL = 512, 60, 20
TASKS = ("clinic", "assistant")
SHARES = {
    "neither": (0.0, 0.0),
    "clinic alone": (1.0, 0.0),
    "assistant alone": (0.0, 1.0),
    "both added": (1.0, 1.0),
    "half of each": (0.5, 0.5),
}
TOGETHER = "one LoRA on both"  # the control: as many steps as both had


def lessons_of(task: str, seed: int) -> list[Item]:
    """What a specialist in a task learns from; "both": the two together, mixed."""
    if task not in (*TASKS, "both"):
        raise ValueError(f"task={task!r}: choose 'clinic', 'assistant' or 'both'")
    if task == "clinic":
        return tuning.notes(N_TRAIN, seed)
    if task == "assistant":
        return assistant.training_set(N_TRAIN, seed)
    both = [*lessons_of("clinic", seed), *lessons_of("assistant", seed)]
    return Tape("lesson 08", "both", seed).shuffled(both)


def specialist(
    model: GPT, tokenizer: BPETokenizer, task: str, seed: int, rate: float, steps: int = STEPS
) -> State:
    """The weights of a copy that LoRA tuned to a task; "both" takes twice the steps."""
    tuned = copy.deepcopy(model)
    tuning.tune(
        tuned, tokenizer, lessons_of(task, seed), tuning.METHODS[METHOD], rate, seed=seed,
        steps=2 * steps if task == "both" else steps, size=SIZE,
    )  # fmt: skip
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


def measure(model: GPT, tokenizer: BPETokenizer, seed: int, rate: float) -> list[dict[str, Any]]:
    """Rows of how good each sum is at notes (fields), as an assistant, and at its old tasks."""
    two = [specialist(model, tokenizer, task, seed, rate) for task in TASKS]
    models = {
        name: added(model, list(zip(two, shares, strict=True))) for name, shares in SHARES.items()
    }
    both = specialist(model, tokenizer, "both", seed, rate)
    models[TOGETHER] = added(model, [(both, 1.0)])
    notes, asked = tuning.notes(N_TEST, seed, "test"), assistant.facts(N_TEST, 1000 + seed)
    rows = []
    for name, whole in models.items():
        outputs = evaluate.answers(whole, tokenizer, asked)
        rows.append({
            "model": name, "seed": seed,
            "fields": measures.fields_right(whole, tokenizer, notes)[0],
            "assistant": fmean(map(assistant.is_correct, asked, outputs)),
            "general": fmean(measures.general(whole, tokenizer, N_GENERAL, seed).values()),
        })  # fmt: skip
    return rows
