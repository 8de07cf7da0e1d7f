"""Checks of lesson 04: attention in matrices, the causal mask, and heads."""

from __future__ import annotations

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


@exercise(
    "attend",
    hint="q @ k.T holds the score of every query with every key. What comes before the softmax?",
    wrong=[
        Wrong(
            """
def attend(q, k, v):
    return (q @ k.T).softmax(dim=-1) @ v
""",
            "not divided",
        ),
        Wrong(
            """
def attend(q, k, v):
    return (q @ k.T / math.sqrt(q.size(-1))).softmax(dim=0) @ v
""",
            "over the queries",
        ),
        Wrong(
            """
def attend(q, k, v):
    return (q @ k.T / q.size(-1)).softmax(dim=-1) @ v
""",
            "by D",
        ),
        Wrong(
            """
def attend(q, k, v):
    return (q @ k.T).softmax(dim=-1) / math.sqrt(q.size(-1)) @ v
""",
            "after the softmax",
        ),
        Wrong(
            """
def attend(q, k, v):
    return q @ k.T / math.sqrt(q.size(-1)) @ v
""",
            "without a softmax",
        ),
        Wrong(
            """
def attend(q, k, v):
    return (k @ q.T / math.sqrt(q.size(-1))).softmax(dim=-1) @ v
""",
            "each key asks",
        ),
        Wrong(
            """
def attend(q, k, v):
    return (q @ k.T / math.sqrt(len(q))).softmax(dim=-1) @ v
""",
            "number of words",
        ),
    ],
)
def _attend(attempt: Any) -> None:
    generator = hidden(4)
    for T, D, E in ((5, 3, 2), (7, 16, 4), (1, 2, 2), (6, 4, 4)):
        q, k = torch.randn(2, T, D, generator=generator, dtype=torch.float64)
        v = torch.randn(T, E, generator=generator, dtype=torch.float64)
        scores = q @ k.T  # (T, T)
        root = math.sqrt(D)
        right = (scores / root).softmax(-1) @ v
        came = attempt(q, k, v)
        expected = f"softmax(q k^T / sqrt(D)) v for T = {T}, D = {D}"
        if T > 1:
            mistakes = [
                (scores.softmax(-1) @ v, "scores that were not divided by sqrt(D)",
                 "How large do dot products become when D is 1,000?"),
                ((scores / root).softmax(0) @ v, "a softmax over the queries: columns add up to 1",
                 "Whose weights must add up to 1: those that one query gives, or one key gets?"),
                ((scores / D).softmax(-1) @ v, "scores divided by D, not by its root",
                 "The variance of a score is D. What is its standard deviation?"),
                (scores.softmax(-1) / root @ v, "a division after the softmax",
                 "Do the weights still add up to 1?"),
                (scores / root @ v, "a mix of the values without a softmax",
                 "Are these weights positive, and do they add up to 1?"),
                ((scores.T / root).softmax(-1) @ v, "queries and keys exchanged: each key asks",
                 "Row i of the scores belongs to query i. Which factor comes first?"),
                ((scores / math.sqrt(T)).softmax(-1) @ v, "scores divided by the root of the "
                 "number of words", "What does a dot product add up: words, or numbers?"),
                ((scores / math.sqrt(E)).softmax(-1) @ v, "scores divided by the root of the width "
                 "of a value", "Which vectors meet in a score?"),
                ((scores * root).softmax(-1) @ v, "scores multiplied by sqrt(D)",
                 "Are scores of wide vectors too large, or too small?"),
                (scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf).div(root)
                 .softmax(-1) @ v, "an answer in which no query sees the keys after it",
                 "Here every query sees every key; the mask is exercise 2."),
            ]  # fmt: skip
            if D != T:
                refuse_known(came, mistakes, expected, right)
        think = "Scores (T, T), then the division, the softmax over the last axis, and the product."
        expect_close(came, right, what=f"attend(q, k, v) for T = {T}, D = {D}", think=think)
    q, k, v = torch.randn(3, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    answer = attempt(q, k, v)
    expect(
        isinstance(answer, torch.Tensor) and answer.requires_grad,
        expected="a result through which a gradient flows",
        came="one that is cut off from q, k and v",
        think="Did you leave torch on the way (detach, numpy, tolist, no_grad)?",
    )


@exercise(
    "causal_mask",
    hint="Row i is the query, column j the key. For which i and j is the answer yes?",
    wrong=[
        Wrong(
            """
def causal_mask(T):
    return torch.ones(T, T, dtype=torch.bool).triu()
""",
            "the future",
        ),
        Wrong(
            """
def causal_mask(T):
    return torch.ones(T, T, dtype=torch.bool).tril(-1)
""",
            "itself",
        ),
        Wrong(
            """
def causal_mask(T):
    return torch.ones(T, T).tril()
""",
            "bool",
        ),
        Wrong(
            """
def causal_mask(T):
    return torch.ones(T, T, dtype=torch.bool).triu(1)
""",
            "what to hide",
        ),
        Wrong(
            """
def causal_mask(T):
    return torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
""",
            "to add to the scores",
        ),
        Wrong(
            """
def causal_mask(T):
    return torch.ones(T, T, dtype=torch.bool).tril(1)
""",
            "the next word",
        ),
    ],
)
def _causal_mask(attempt: Any) -> None:
    sizes = torch.randint(8, 60, (3,), generator=hidden(4)).tolist()
    for T in (4, 1, 7, *sizes):
        came = attempt(T)
        right = torch.ones(T, T, dtype=torch.bool).tril()
        expect(
            isinstance(came, torch.Tensor),
            expected=f"a tensor of shape {(T, T)}",
            came=came,
            think=(
                "masked_fill takes only a tensor as its mask. What does torch.tensor make of yours?"
                if hasattr(came, "__len__")
                else "torch.ones makes a matrix; which part of it stays?"
            ),
        )
        expect(
            not (came.is_floating_point() and (came == -torch.inf).any()),
            expected="a mask of bool: True and False",
            came="a mask to add to the scores: 0 and minus infinity",
            think="This one only says who sees whom. What makes minus infinity of it, later?",
        )
        expect(
            came.dtype == torch.bool,
            expected="a mask of bool: True and False",
            came=f"numbers of the type {str(came.dtype).removeprefix('torch.')}",
            think="What does ~mask mean for numbers, and what for True and False?",
        )
        if T > 1:
            expected = f"causal_mask({T})"
            mistakes = [
                (right.T, "a mask with which every word sees the future and not the past",
                 "Row 0 is the first word's. How many Trues must it have?"),
                (right.tril(-1), "a mask with which no word sees itself",
                 "What would the first word's softmax run over?"),
                (~right, "the mask of what to hide",
                 "True stands for: this query may see this key."),
                (torch.ones_like(right).tril(1), "a mask with which a word sees the next word, too",
                 "What is the model trained to predict at this word?"),
                (torch.ones_like(right), "a mask that hides nothing",
                 "May the first word see the second?"),
                (torch.eye(T, dtype=torch.bool), "a mask with which a word sees only itself",
                 "On which side of the diagonal are the words before it?"),
            ]  # fmt: skip
            for value, what, think in mistakes:
                if came.shape == value.shape and torch.equal(came, value):
                    raise NotRight(expected=expected, came=what, think=think)
        expect(
            came.shape == right.shape,
            expected=f"causal_mask({T}) to be a tensor of shape {(T, T)}",
            came=came,
            think="One row for each query, one column for each key; T is the argument.",
        )
        for i, j in (came.cpu() != right).nonzero().tolist():
            raise NotRight(
                expected=f"causal_mask({T}) to be {bool(right[i, j])} at [{i}, {j}]",
                came=f"{bool(came[i, j])} at [{i}, {j}]",
                think=f"May query {i} see key {j}?",
            )


@exercise(
    "split_heads",
    hint="view(T, n_head, D) cuts every word's numbers into heads. Which axis has to come first?",
    wrong=[
        Wrong(
            """
def split_heads(x, n_head):
    T, C = x.shape
    return x.view(n_head, T, C // n_head)
""",
            "different words",
        ),
        Wrong(
            """
def split_heads(x, n_head):
    T, C = x.shape
    return x.view(T, n_head, C // n_head)
""",
            "words come first",
        ),
        Wrong(
            """
def split_heads(x, n_head):
    T, C = x.shape
    return x.view(T, C // n_head, n_head).permute(2, 0, 1)
""",
            "every second",
        ),
        Wrong(
            """
def split_heads(x, n_head):
    return torch.stack([x] * n_head)
""",
            "whole",
        ),
    ],
)
def _split_heads(attempt: Any) -> None:
    generator = hidden(4)
    sizes = [(5, 3, 2), (4, 2, 4), (6, 1, 3), (3, 4, 1)]
    inputs = [(*size, torch.arange(math.prod(size))) for size in sizes]
    for _ in range(3):
        T, n_head, D = (torch.randperm(7, generator=generator)[:3] + 2).tolist()
        inputs.append((T, n_head, D, torch.randperm(T * n_head * D, generator=generator)))
    for T, n_head, D, numbers in inputs:
        C = n_head * D
        x = numbers.double().view(T, C)
        came = attempt(x, n_head)
        right = x.view(T, n_head, D).transpose(0, 1)
        expected = f"a tensor of shape {(n_head, T, D)} for x of {(T, C)} and n_head = {n_head}"
        if isinstance(came, list | tuple) and all(isinstance(each, torch.Tensor) for each in came):
            raise NotRight(
                expected=expected,
                came=f"a {type(came).__name__} of {len(came)} tensors",
                think="Which function of torch puts tensors on top of each other, on a new axis?",
            )
        mistakes = [
            (x.view(n_head, T, D), "heads that mix numbers of different words",
             "view reads on row by row. Where does the first word's second head go?"),
            (x.view(T, n_head, D), "the right cut, but the words come first",
             "Each head is to be a matrix (T, D) of its own. Which two axes change places?"),
            (x.view(T, D, n_head).permute(2, 0, 1), "every second number (or third, …) in a head",
             "Head 0 holds numbers 0 to D - 1 of each word, one after the other."),
            (x.expand(n_head, T, C), "the whole vector in every head",
             "Each head gets its own part of the numbers: C / n_head of them."),
        ]  # fmt: skip
        if len({T, n_head, D}) == 3 and n_head > 1 and D > 1:
            refuse_known(came, mistakes, expected)
        think = "First cut the last axis into (n_head, D), then bring the heads to the front."
        expect_close(came, right, what="split_heads(x, n_head)", think=think, tolerance=0)
