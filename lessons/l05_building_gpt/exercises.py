"""Checks of lesson 05: RMSNorm, a block, and a count of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

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
from minigpt import GPT, GPTConfig

__all__ = ["check"]


@exercise(
    "rms_norm",
    hint="The mean of the squares along the last axis, its root, and then a division.",
    wrong=[
        Wrong(
            """
def rms_norm(x, weight, eps):
    return x / x.norm(dim=-1, keepdim=True) * weight
""",
            "sum",
        ),
        Wrong(
            """
def rms_norm(x, weight, eps):
    return x / ((x ** 2).mean() + eps).sqrt() * weight
""",
            "over all words",
        ),
        Wrong(
            """
def rms_norm(x, weight, eps):
    x = x - x.mean(-1, keepdim=True)
    return x / ((x ** 2).mean(-1, keepdim=True) + eps).sqrt() * weight
""",
            "LayerNorm",
        ),
        Wrong(
            """
def rms_norm(x, weight, eps):
    return x / ((x ** 2).mean(-1, keepdim=True) + eps) * weight
""",
            "mean square itself",
        ),
        Wrong(
            """
def rms_norm(x, weight, eps):
    return x / ((x ** 2).mean(-1, keepdim=True) + eps).sqrt()
""",
            "without the learned weight",
        ),
        Wrong(
            """
def rms_norm(x, weight, eps):
    return x / ((x ** 2).mean(-1, keepdim=True).sqrt() + eps) * weight
""",
            "eps added after the root",
        ),
    ],
)
def _rms_norm(attempt: Any) -> None:
    generator = hidden(5)
    for shape, eps in (((3, 8), 1e-5), ((2, 4, 6), 1e-5), ((1, 5), 0.5)):
        x = torch.randn(shape, generator=generator, dtype=torch.float64) * 3 + 1
        weight = torch.rand(shape[-1], generator=generator, dtype=torch.float64) + 0.5
        square = (x**2).mean(-1, keepdim=True)
        right = x / (square + eps).sqrt() * weight
        centred = x - x.mean(-1, keepdim=True)
        came = attempt(x, weight, eps)
        mistakes = [
                (x / x.norm(dim=-1, keepdim=True) * weight,
                 "a division by the root of the sum, not of the mean, of the squares",
                 "How long is a vector of C numbers of size 1?"),
                (x / ((x**2).mean() + eps).sqrt() * weight, "one size, taken over all words",
                 "May what a token becomes depend on the other tokens here?"),
                (centred / (centred**2).mean(-1, keepdim=True).add(eps).sqrt() * weight,
                 "LayerNorm: the mean was subtracted",
                 "RMSNorm leaves the mean where it is."),
                (x / (square + eps) * weight, "a division by the mean square itself",
                 "Root mean square: which word of the name is missing?"),
                (x / (square + eps).sqrt(), "the right size, without the learned weight",
                 "One number for each of the C: what is it multiplied with?"),
                (x / (square.sqrt() + eps) * weight, "eps added after the root",
                 "Of a vector that is nearly zero, eps is to limit the square. Inside or outside?"),
                (x * (square + eps).sqrt() * weight, "a multiplication by the size",
                 "Shall large vectors become larger?"),
                (x / square.sqrt() * weight, "without eps", "What happens to a token of zeros?"),
        ]  # fmt: skip
        expected = f"x of shape {shape}, each token divided by its root mean square, times weight"
        refuse_known(came, mistakes, expected, right)
        expect_close(came, right, what="rms_norm(x, weight, eps)", think="Root of what mean?")
    zero = attempt(torch.zeros(2, 4), torch.ones(4), 1e-5)
    expect_close(
        zero,
        torch.zeros(2, 4),
        what="rms_norm of tokens of zeros",
        think="What is eps for, and does it stand inside the root?",
    )


@exercise(
    "block",
    hint="Two steps, each of the form x = x + part(norm(x)).",
    wrong=[
        Wrong(
            """
def block(x, norm_1, attention, norm_2, mlp):
    x = norm_1(x + attention(x))
    return norm_2(x + mlp(x))
""",
            "after the addition",
        ),
        Wrong(
            """
def block(x, norm_1, attention, norm_2, mlp):
    x = attention(norm_1(x))
    return mlp(norm_2(x))
""",
            "without the residual stream",
        ),
        Wrong(
            """
def block(x, norm_1, attention, norm_2, mlp):
    return x + attention(norm_1(x)) + mlp(norm_2(x))
""",
            "side by side",
        ),
        Wrong(
            """
def block(x, norm_1, attention, norm_2, mlp):
    x = norm_1(x)
    x = x + attention(x)
    x = norm_2(x)
    return x + mlp(x)
""",
            "the stream itself",
        ),
        Wrong(
            """
def block(x, norm_1, attention, norm_2, mlp):
    x = x + mlp(norm_2(x))
    return x + attention(norm_1(x))
""",
            "first the MLP",
        ),
    ],
)
def _block(attempt: Any) -> None:
    generator = hidden(5)
    x = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    A, M = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64)

    def norm_1(z: Tensor) -> Tensor:
        return z / 2

    def norm_2(z: Tensor) -> Tensor:
        return z / 3

    def attention(z: Tensor) -> Tensor:
        return (z @ A).tanh()

    def mlp(z: Tensor) -> Tensor:
        return (z @ M).tanh()

    parts: tuple[Callable[[Tensor], Tensor], ...] = (norm_1, attention, norm_2, mlp)
    middle = x + attention(norm_1(x))
    right = middle + mlp(norm_2(middle))
    post = norm_1(x + attention(x))
    named = norm_1(x)
    named = norm_2(named + attention(named))
    reverse = x + mlp(norm_2(x))
    came = attempt(x, *parts)
    refuse_known(
        came,
        [
            (norm_2(post + mlp(post)), "the norms after the addition, as in the first transformer",
             "GPT-2 normalises what goes *into* a part, and leaves the stream alone."),
            (mlp(norm_2(attention(norm_1(x)))), "the parts one after the other, without the "
             "residual stream", "What has to be added to what each part puts out?"),
            (x + attention(norm_1(x)) + mlp(norm_2(x)), "both parts side by side: the MLP does not "
             "see what attention found", "What is the x that norm_2 gets?"),
            (named + mlp(named), "norms of the stream itself: what was in x is lost",
             "Only what goes into a part is normalised. What is added to?"),
            (reverse + attention(norm_1(reverse)), "first the MLP, then attention",
             "Which of the two comes first in GPT-2?"),
        ],
        "x + attention(norm_1(x)), and on that + mlp(norm_2(…))",
    )  # fmt: skip
    expect_close(came, right, what="block(x, …)", think="Twice: x = x + part(norm(x)).")


def _drawn_sizes() -> list[tuple[int, int, int, int]]:
    """Two small models' V, T, L and C, and a large one's, drawn for whoever grades.

    T is more than 13 L + 2, where no positions and no biases would make the same difference.
    """
    generator = hidden(5)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    small = [(draw(50, 400), draw(60, 200), draw(2, 5), 2 * draw(4, 33)) for _ in range(2)]
    return [*small, (draw(1_000, 150_000), draw(500, 9_000), draw(6, 33), 64 * draw(4, 65))]


@exercise(
    "count_parameters",
    hint="Per layer: 3C² + 3C, C² + C, 4C² + 4C, 4C² + C, and two norms. Then what is outside.",
    wrong=[
        Wrong(
            """
def count_parameters(V, T, L, C):
    return V * C + T * C + L * 12 * C * C
""",
            "biases",
        ),
        Wrong(
            """
def count_parameters(V, T, L, C):
    return 2 * V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
""",
            "twice",
        ),
        Wrong(
            """
def count_parameters(V, T, L, C):
    return V * C + L * (12 * C * C + 13 * C) + 2 * C
""",
            "positions",
        ),
        Wrong(
            """
def count_parameters(V, T, L, C):
    return V * C + T * C + L * (12 * C * C + 13 * C)
""",
            "all but the last norm",
        ),
    ],
)
def _count_parameters(attempt: Any) -> None:
    known = ((61, 24, 2, 32), (100, 16, 3, 8), (50_257, 1_024, 12, 768))
    for V, T, L, C in (*known, *_drawn_sizes()):
        right = V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
        if V < 1000:
            made = GPT(GPTConfig.gpt2(vocab_size=V, block_size=T, n_layer=L, n_head=2, n_embd=C))
            assert made.num_parameters() == right
        came = attempt(V, T, L, C)
        shown = f"{right:,} for V = {V}, T = {T}, L = {L}, C = {C}"
        for value, what, think in (
            (V * C + T * C + L * 12 * C * C, "the matrices only, without biases and norms",
             "Every linear layer adds a bias, every norm a weight and a bias."),
            (right + V * C, "the embeddings counted twice",
             "GPT-2's head is the embedding table itself (it is tied)."),
            (right - T * C, "all but the positions", "Which table has a row for each position?"),
            (right - 2 * C, "all but the last norm", "What comes after the last block?"),
        ):  # fmt: skip
            if came == value:
                raise NotRight(expected=shown, came=f"{came:,}: {what}", think=think)
        expect(
            came == right,
            expected=shown,
            came=came if not isinstance(came, int) else f"{came:,}",
            think="Count one layer on paper, then the tables and the last norm.",
        )
