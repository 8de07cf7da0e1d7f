"""Checks of lesson 08: a mask of the loss, a low-rank change, effective data transferred."""

from __future__ import annotations

import math
from typing import Any

import torch

from lessons.exercises import Wrong, check, exercise, expect, expect_close, hidden

__all__ = ["check"]


@exercise(
    "answer_targets",
    hint="The target at place i is token i + 1. At which place is the answer's first token due?",
    wrong=[
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], [-100] * len(prompt) + answer[1:]
""",
            "first token",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], ids[1:]
""",
            "the prompt",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids, [-100] * len(prompt) + answer
""",
            "its own input",
        ),
    ],
)
def _answer_targets(attempt: Any) -> None:
    for prompt, answer in (([5, 6, 7], [8, 9]), ([1], [2]), ([4, 4], [4, 4, 0])):
        came = attempt(list(prompt), list(answer))
        expect(
            isinstance(came, tuple) and len(came) == 2,
            expected="two lists, inputs and targets",
            came=came,
            think="Does your function return a pair?",
        )
        inputs, goal = (list(map(int, part)) for part in came)
        ids = prompt + answer
        right = [-100] * (len(prompt) - 1) + answer
        if goal == [-100] * len(prompt) + answer and inputs == ids:
            think = "Place i would be asked for token i, which is its own input."
        elif -100 not in goal and len(prompt) > 1:
            think = "Is the model to be trained to write the prompt as well?"
        elif len(goal) == len(right) and goal.count(-100) == len(prompt):
            think = "Who is asked for the answer's first token? The last token of the prompt."
        else:
            think = "Inputs are all tokens but the last, targets all but the first."
        expect(goal == right, expected=f"targets {right}", came=goal, think=think)
        expect(
            inputs == ids[:-1], expected=f"inputs {ids[:-1]}", came=inputs,
            think="The last token has nothing after it to predict.",
        )  # fmt: skip


@exercise(
    "low_rank",
    hint="x goes through A (to `rank` numbers), then through B (back to out), then is scaled.",
    wrong=[
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T * alpha
""",
            "rank",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ a.T @ b.T * (alpha / len(a))
""",
            "frozen",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ (a.T @ b.T).T.T * (alpha / b.shape[0])
""",
            "rank",
        ),
    ],
)
def _low_rank(attempt: Any) -> None:
    generator = hidden(8)
    for n_in, n_out, rank, alpha in ((6, 5, 2, 4.0), (4, 7, 1, 3.0)):
        x = torch.randn(3, n_in, generator=generator)
        weight = torch.randn(n_out, n_in, generator=generator)
        a = torch.randn(rank, n_in, generator=generator)
        b = torch.randn(n_out, rank, generator=generator)
        right = x @ weight.T + x @ a.T @ b.T * (alpha / rank)
        came = attempt(x.clone(), weight.clone(), a.clone(), b.clone(), alpha)
        if isinstance(came, torch.Tensor) and came.shape == right.shape:
            without = x @ a.T @ b.T * (alpha / rank)
            think = (
                "Where is the frozen layer itself?"
                if torch.allclose(came, without, atol=1e-4)
                else "The change is scaled by alpha / rank. Which of the sizes is the rank?"
            )
        else:
            think = "x: (N, in) -> (N, rank) -> (N, out)."
        expect_close(came, right, what="the layer's output", think=think)
        nothing = attempt(x.clone(), weight.clone(), a.clone(), torch.zeros_like(b), alpha)
        expect_close(nothing, x @ weight.T, what="the output with B = 0",
                     think="With B = 0 nothing may change.")  # fmt: skip


@exercise(
    "notes_needed",
    hint="Find the two neighbours around the level; interpolate in the logarithm of the number.",
    wrong=[
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return small + part * (large - small)
""",
            "logarithm",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    return min(n for n in curve if curve[n] >= level)
""",
            "between",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    small, large = sizes[0], sizes[-1]
    part = (level - curve[small]) / (curve[large] - curve[small])
    return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "neighbours",
        ),
    ],
)
def _notes_needed(attempt: Any) -> None:
    for curve, level in (
        ({8: 0.2, 16: 0.4, 32: 0.8, 64: 0.9}, 0.6),
        ({10: 0.1, 100: 0.5, 1000: 0.9}, 0.6),
        ({64: 0.9, 8: 0.1, 16: 0.5}, 0.3),
    ):
        sizes = sorted(curve)
        small = max(n for n in sizes if curve[n] < level)
        large = sizes[sizes.index(small) + 1]
        part = (level - curve[small]) / (curve[large] - curve[small])
        right = math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
        came = attempt(dict(curve), level)
        value = float(came)
        if math.isclose(value, small + part * (large - small), rel_tol=1e-6):
            think = "That is halfway in notes. The axis is a logarithm."
        elif value in curve:
            think = "The level is reached between two of the numbers."
        elif math.isclose(value, math.log(right), rel_tol=1e-6):
            think = "That is the logarithm of the number. What undoes it?"
        elif value != value:
            think = "Do the numbers come in order? Sort them first."
        else:
            think = "Use the two neighbours on either side of the level, not the ends."
        expect_close(value, right, what=f"notes for {level:.0%}", think=think)
