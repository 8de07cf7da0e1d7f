"""Checks of lesson 08: a mask of the loss, a low-rank change, notes needed for a score."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch

from lessons.exercises import (
    NotRight,
    Wrong,
    check,
    exercise,
    expect,
    expect_close,
    hidden,
    refuse_known,
)

__all__ = ["check"]


# --- answer_targets -----------------------------------------------------------------------------


def _ids(value: Any, what: str) -> list[int]:
    """A list, tuple, array or tensor of ids as a list. Raises NotRight for anything else."""
    try:
        return [int(one) for one in value]
    except (TypeError, ValueError):
        raise NotRight(
            expected=f"{what} that are all whole numbers",
            came=value,
            think="What does the loss ignore? -100, which is a number like the others.",
        ) from None


def _drawn_ids() -> list[tuple[list[int], list[int]]]:
    """Pairs of prompt and answer, drawn; in one, an id stands in both."""
    generator = hidden(8)
    found = []
    for long, short in ((5, 3), (3, 6), (4, 1)):
        ids = torch.randint(1, 90, (long + short,), generator=generator).tolist()
        found.append((ids[:long], ids[long:]))
    found[0][1][0] = found[0][0][1]
    return found


def _why_targets(prompt: list[int], answer: list[int], inputs: list[int], goal: list[int]) -> str:
    """What to think of, by the mistake that targets show; "" if they are right."""
    ids, n = prompt + answer, len(prompt)
    right = [-100] * (n - 1) + answer
    if goal == right:
        return ""
    if goal == [-100] * n + answer:
        if inputs == ids:
            return "Place i would be asked for token i, which is its own input."
        return "Your targets have one place more than the inputs. Which one is too many?"
    if goal == prompt[1:] + [-100] * len(answer):
        return "You hid the answer, and ask for the prompt."
    if goal == ids[1:] and n > 1:
        return "Is the model to be trained to write the prompt as well?"
    if goal == [0] * (n - 1) + answer:
        return "0 is a token like any other. Which number does the loss ignore?"
    if goal == [-100] * n + answer[1:]:
        return "Who is asked for the answer's first token?"
    if goal == [token if token in answer else -100 for token in ids[1:]]:
        return "An id may stand in prompt and answer. Is it the id that decides, or its place?"
    if goal == ids[:-1]:
        return "Inputs and targets are the other way round."
    if goal == [-100] * (n - 1) + ids[n - 1 : -1]:
        return "Where you do not mask, the target is the input itself. Which token comes after it?"
    if goal == [-100] * n + answer[:-1]:
        return "Each token of the answer is asked for itself: the targets stand a place too late."
    if len(goal) != len(right):
        return f"As many targets as inputs: one for each place, here {len(right)}."
    if goal[n - 1 :] == answer:
        return "The answer is right. Which number does the loss ignore?"
    return "The target at place i is token i + 1, or -100 if that token belongs to the prompt."


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
            "Who is asked for the answer's first token?",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], ids[1:]
""",
            "write the prompt",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids, [-100] * len(prompt) + answer
""",
            "its own input",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], [-100] * len(prompt) + answer
""",
            "one place more",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], prompt[1:] + [-100] * len(answer)
""",
            "You hid the answer",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], [0] * (len(prompt) - 1) + answer
""",
            "0 is a token",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], [t if t in answer else -100 for t in ids[1:]]
""",
            "or its place",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[:-1], [None] * (len(prompt) - 1) + answer
""",
            "a number like the others",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    prompt += answer
    n = len(prompt) - len(answer)
    return prompt[:-1], [-100] * (n - 1) + answer
""",
            "changes its argument",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids, [-100] * (len(prompt) - 1) + answer
""",
            "nothing after it",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids = prompt + answer
    return ids[1:], ids[:-1]
""",
            "other way round",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    ids, n = prompt + answer, len(prompt)
    return ids[:-1], [-100] * (n - 1) + ids[n - 1 : -1]
""",
            "is the input itself",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    return (prompt + answer)[:-1], [-100] * len(prompt) + answer[:-1]
""",
            "a place too late",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    return (prompt + answer)[:-1], answer
""",
            "one for each place",
        ),
        Wrong(
            """
def answer_targets(prompt, answer):
    return (prompt + answer)[:-1], [-1] * (len(prompt) - 1) + answer
""",
            "Which number does the loss ignore",
        ),
    ],
)
def _answer_targets(attempt: Any) -> None:
    for prompt, answer in (([5, 6, 7], [8, 9]), *_drawn_ids(), ([1], [2])):
        given = list(prompt), list(answer)
        came = attempt(*given)
        expect(
            isinstance(came, tuple | list) and len(came) == 2,
            expected="two lists, inputs and targets",
            came=came,
            think="Does your function return a pair?",
        )
        expect(
            given == (prompt, answer),
            expected=f"prompt and answer to be what they were, {prompt} and {answer}",
            came=f"a function that changes its argument: {given[0]} and {given[1]}",
            think="`+=` on a list changes the caller's list. Make a new one.",
        )
        inputs, goal = _ids(came[0], "inputs"), _ids(came[1], "targets")
        ids = prompt + answer
        think = _why_targets(prompt, answer, inputs, goal)
        right = [-100] * (len(prompt) - 1) + answer
        expect(not think, expected=f"targets {right}", came=goal, think=think)
        expect(
            inputs == ids[:-1], expected=f"inputs {ids[:-1]}", came=inputs,
            think="The last token has nothing after it to predict.",
        )  # fmt: skip


# --- low_rank -----------------------------------------------------------------------------------


@exercise(
    "low_rank",
    hint="Each input is a row, so matrices stand behind x, transposed: A's, then B's. How is that "
    "scaled, and what is it added to?",
    wrong=[
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T * alpha
""",
            "multiplied by alpha alone",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ a.T @ b.T * (alpha / len(a))
""",
            "without the frozen layer",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ a.T @ b.T * alpha
""",
            "Where is W?",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T * (alpha / b.shape[0])
""",
            "which of the sizes is the rank",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T * (alpha // a.shape[0])
""",
            "whole division",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return (x @ weight.T + x @ a.T @ b.T) * (alpha / len(a))
""",
            "all of it scaled",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T
""",
            "not scaled at all",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    weight += b @ a * (alpha / len(a))
    return x @ weight.T
""",
            "What would the second call give?",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return weight @ x.T + b @ a @ x.T * (alpha / len(a))
""",
            "a row for each input",
        ),
        Wrong(
            """
def low_rank(x, weight, a, b, alpha):
    return x @ weight.T + x @ a.T @ b.T * (len(a) / alpha)
""",
            "upside down",
        ),
    ],
)
def _low_rank(attempt: Any) -> None:
    generator = hidden(8)
    for n_in, n_out, rank, alpha in ((6, 5, 2, 7.0), (4, 7, 3, 4.0), (5, 6, 1, 2.0)):
        draw = [(3, n_in), (n_out, n_in), (rank, n_in), (n_out, rank)]
        x, weight, a, b = (torch.randn(*size, generator=generator) for size in draw)
        frozen, change = x @ weight.T, x @ a.T @ b.T
        right = frozen + change * (alpha / rank)
        given = [part.clone() for part in (x, weight, a, b)]
        came = attempt(*given, alpha)
        expect(
            all(torch.equal(one, old) for one, old in zip(given, (x, weight, a, b), strict=True)),
            expected="x, weight, a and b to be what they were",
            came="a function that changed W itself, or another argument",
            think="W is frozen. What would the second call give?",
        )
        turned = isinstance(came, torch.Tensor) and came.shape == right.T.shape
        expect(
            not turned,
            expected=f"the output's shape to be {tuple(right.shape)}: a row for each input",
            came=came,
            think="x: (N, in) -> (N, rank) -> (N, out).",
        )
        if isinstance(came, torch.Tensor) and came.shape == right.shape:
            _refuse_scaled(came, frozen, change, alpha, rank, {3, n_in, n_out})
        think = "x: (N, in) -> (N, rank) -> (N, out), then alpha / rank."
        expect_close(came, right, what="the layer's output", think=think)
        nothing = attempt(x.clone(), weight.clone(), a.clone(), torch.zeros_like(b), alpha)
        expect_close(nothing, frozen, what="the output with B = 0",
                     think="With B = 0 nothing may change.")  # fmt: skip


def _refuse_scaled(
    came: torch.Tensor,
    frozen: torch.Tensor,
    change: torch.Tensor,
    alpha: float,
    rank: int,
    sizes: set[int],
) -> None:
    """Raise NotRight if the parts of an output are right, and their scale is not."""
    scale, expected = alpha / rank, "x W^T + (alpha / rank) x A^T B^T"
    flat = came.detach().flatten().to(change.dtype)
    if float(torch.cosine_similarity(flat, change.flatten(), dim=0)) > 0.9999:
        raise NotRight(
            expected=expected,
            came="the change alone, without the frozen layer",
            think="The change stands beside W. Where is W?",
        )
    mistakes = [
        (alpha, "the change multiplied by alpha alone", "By what is alpha divided?"),
        (alpha // rank, "a whole division, alpha // rank", "What does `//` drop?"),
        (1.0, "the change, not scaled at all", "Which number sets its size?"),
        (-scale, "the change taken away", "A change is added."),
        (1 / scale, "a scale upside down", "alpha / rank, or rank / alpha?"),
        *(
            (alpha / n, f"alpha divided by {n}", "A has a row for each: which of the sizes is "
             "the rank?")
            for n in sizes
        ),
    ]  # fmt: skip
    values = [(frozen + part * change, what, think) for part, what, think in mistakes]
    values.append(
        (scale * (frozen + change), "all of it scaled", "What is scaled: all, or the change?")
    )
    refuse_known(came, values, expected, frozen + scale * change)


# --- notes_needed -------------------------------------------------------------------------------


def _drawn_curves() -> list[tuple[dict[int, float], float]]:
    """Curves that rise, in an order of their own, and levels between two of their points."""
    generator = hidden(8)
    found = []
    for _ in range(3):
        steps = torch.rand(5, generator=generator, dtype=torch.float64) + 0.3
        shares = (steps.cumsum(0) / steps.sum() * 0.9).tolist()
        at = 1 + int(torch.randint(0, 3, (), generator=generator))
        level = shares[at] + 0.3 * (shares[at + 1] - shares[at])
        order = [2, 4, 0, 3, 1]
        found.append(({8 * 2**i: shares[i] for i in order}, level))
    return found


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
            "The axis is a logarithm",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    return min(n for n in curve if curve[n] >= level)
""",
            "between two of the numbers",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    small, large = sizes[0], sizes[-1]
    part = (level - curve[small]) / (curve[large] - curve[small])
    return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "not the ends",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    return np.interp(level, [curve[n] for n in sizes], np.log(sizes))
""",
            "What undoes it?",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = list(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "Sort",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return round(math.exp(math.log(small) + part * math.log(large / small)))
""",
            "do not round",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            return math.sqrt(small * large)
""",
            "how far is the level",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = (curve[large] - level) / (curve[large] - curve[small])
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "from which of the two do you go",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = math.log(level / curve[small]) / math.log(curve[large] / curve[small])
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "of the shares, too",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    near = sorted(curve, key=lambda n: abs(curve[n] - level))[:2]
    small, large = sorted(near)
    part = (level - curve[small]) / (curve[large] - curve[small])
    return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
""",
            "one must be below it",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    return math.exp(np.interp(level, [curve[n] for n in sizes], sizes))
""",
            "exp undoes a logarithm",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    return 10 ** np.interp(level, [curve[n] for n in sizes], np.log(sizes))
""",
            "10** undoes log10",
        ),
        Wrong(
            """
def notes_needed(curve, level):
    sizes = sorted(curve)
    for small, large in zip(sizes, sizes[1:]):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return math.exp(math.log(small) + part * math.log(large - small))
""",
            "difference of the two logarithms",
        ),
    ],
)
def _notes_needed(attempt: Any) -> None:
    for curve, level in (
        ({8: 0.1, 16: 0.2, 32: 0.6, 64: 0.8}, 0.5),
        ({10: 0.1, 100: 0.5, 1000: 0.9}, 0.6),
        ({8: 0.1, 64: 0.9, 16: 0.5}, 0.3),
        ({8: 0.1, 16: 0.6, 32: 0.7, 64: 0.9}, 0.5),  # both nearest shares are above
        *_drawn_curves(),
    ):
        came = attempt(dict(curve), level)
        right, think = _why_needed(came, curve, level)
        expect_close(came, right, what=f"notes for {level:.0%}", think=think)


def _why_needed(came: Any, curve: dict[int, float], level: float) -> tuple[float, str]:
    """The right number, and what to think of when something else came."""
    sizes = sorted(curve)
    small = max(n for n in sizes if curve[n] < level)
    large = sizes[sizes.index(small) + 1]
    part = (level - curve[small]) / (curve[large] - curve[small])

    def at(share: float, first: int = small, last: int = large) -> float:
        return math.exp(math.log(first) + share * math.log(last / first))

    right = at(part)
    try:
        value = float(came)
    except (TypeError, ValueError):
        return right, "Return one number. Is there a way through your function without one?"
    whole = (level - curve[sizes[0]]) / (curve[sizes[-1]] - curve[sizes[0]])
    logs = math.log(level / curve[small]) / math.log(curve[large] / curve[small])
    near = sorted(sorted(curve, key=lambda n: abs(curve[n] - level))[:2])
    beside = at((level - curve[near[0]]) / (curve[near[1]] - curve[near[0]]), *near)
    linear = small + part * (large - small)
    unsorted = [
        at((level - curve[one]) / (curve[two] - curve[one]), one, two)
        for one, two in itertools.pairwise(curve)
        if curve[one] < level <= curve[two]
    ]
    known = {
        linear: "A straight line in notes. The axis is a logarithm.",
        math.log(right): "That is the logarithm of the number. What undoes it?",
        math.log10(right): "That is the logarithm of the number. What undoes it?",
        math.log2(right): "That is the logarithm of the number. What undoes it?",
        math.sqrt(small * large): "The middle of the two: but how far is the level between them?",
        at(1 - part): "It starts at the smaller number: from which of the two do you go?",
        at(logs): "You took the logarithm of the shares, too: only numbers of notes need it.",
        at(whole, sizes[0], sizes[-1]): "Use the two neighbours of the level, not the ends.",
        beside: "These are the two nearest to the level. But one must be below it, one above.",
        10 ** math.log(right): "exp undoes log, 10** undoes log10: which logarithm did you take?",
        math.exp(min(linear, 700)): "exp undoes a logarithm: which logarithm did you take?",
        at(part * math.log(large - small) / math.log(large / small)):
            "The difference of the two logarithms, not the logarithm of the difference.",
        **dict.fromkeys(unsorted[:1], "Sort the numbers: a dict keeps them as they came."),
    }  # fmt: skip
    for mistake, think in known.items():
        if math.isclose(value, mistake, rel_tol=1e-6) and not math.isclose(mistake, right):
            return right, think
    if value in curve:
        return right, "The level is reached between two of the numbers."
    if abs(value - right) <= 1 and value == round(value):
        return right, "A number that is computed, not a count: do not round it."
    if not small < value < large:
        return right, f"It lies between {small} and {large}. Sort the numbers, then find these two."
    return right, "Between the right two. Is it the logarithm's difference that you take a part of?"
