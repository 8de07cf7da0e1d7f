"""Checks of lesson 03: nearest rows, the loss of negative sampling, an analogy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
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

__all__ = ["check"]


def _numbers(came: object) -> list[int] | None:
    """Row numbers as a list, whether they came as a tensor, an array, a list or a tuple."""
    try:
        return [int(number) for number in came]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None


@exercise(
    "nearest",
    hint="Divide each row by its length; then one product gives all cosines to row `at`.",
    wrong=[
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=-1)
    return (unit @ unit[at]).topk(k).indices
""",
            "itself",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    products = vectors @ vectors[at]
    products[at] = -torch.inf
    return products.topk(k).indices
""",
            "dot product",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=-1)
    return (unit @ unit[at]).argsort()[:k]
""",
            "farthest",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    distance = (vectors - vectors[at]).norm(dim=-1)
    distance[at] = torch.inf
    return distance.argsort()[:k]
""",
            "distance",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=-1)
    cosines = unit @ unit[at]
    cosines[at] = -torch.inf
    return cosines.topk(k).values
""",
            "row numbers",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=0)
    cosines = unit @ unit[at]
    cosines[at] = -torch.inf
    return cosines.topk(k).indices
""",
            "columns",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    vectors[:] = F.normalize(vectors, dim=-1)
    cosines = vectors @ vectors[at]
    cosines[at] = -torch.inf
    return cosines.topk(k).indices
""",
            "writes into",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=-1)
    return (unit @ unit[at]).topk(k + 1).indices
""",
            "is row 4 itself among them",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors, dim=-1)
    cosines = (unit @ unit[at]).tolist()
    cosines.pop(at)
    return torch.tensor(cosines).topk(k).indices
""",
            "one too small",
        ),
        Wrong(
            """
def nearest(vectors, at, k):
    unit = F.normalize(vectors - vectors.mean(0), dim=-1)
    cosines = unit @ unit[at]
    cosines[at] = -torch.inf
    return cosines.topk(k).indices
""",
            "mean is taken off",
        ),
    ],
)
def _nearest(attempt: Any) -> None:
    generator = hidden(5)
    for N, C, at, k in ((12, 3, 4, 3), (20, 5, 0, 5), (9, 2, 8, 1), (15, 4, 7, 14)):
        vectors, right, mistakes = _neighbours(N, C, at, k, generator)
        while N == 12 and not _all_differ(
            [right, [at, *right[:-1]], *(rows for rows, _, _ in mistakes)]
        ):
            vectors, right, mistakes = _neighbours(N, C, at, k, generator)
        given = vectors.clone()
        answer = attempt(given, at, k)
        what = f"nearest(vectors, {at}, {k}) for {N} rows"
        expect(
            torch.equal(given, vectors),
            expected="the vectors that were given to stay as they are",
            came="other vectors in their place",
            think="x[:] = … writes into the tensor that the caller holds.",
        )
        came = _numbers(answer)
        if came is None or any(float(x) != int(x) for x in answer):
            raise NotRight(
                expected=f"{k} row numbers",
                came=answer,
                think="One list of whole numbers. (topk gives values and indices.)",
            )
        expect(
            len(came) == k,
            expected=f"{k} row numbers",
            came=f"{len(came)} of them: {came}",
            think=f"How many did you ask for? And is row {at} itself among them?",
        )
        if came == right:
            continue
        for rows, said, think in mistakes:
            if came == rows:
                raise NotRight(
                    expected=f"{what} to be {right}", came=f"{came}: {said}", think=think
                )
        if at in came:
            raise NotRight(
                expected=f"{what} to be {right}",
                came=f"{came}: the row itself is among them",
                think="A row's cosine with itself is 1. How can it be kept out?",
            )
        raise NotRight(
            expected=f"{what} to be {right}",
            came=came,
            think="Rows of length 1, their products with row `at`, and the k largest.",
        )


def _all_differ(found: Sequence[object]) -> bool:
    """Whether no two of these are equal: then an answer tells which mistake was made."""
    return all(one != other for one, other in itertools.combinations(found, 2))


def _neighbours(
    N: int, C: int, at: int, k: int, generator: torch.Generator
) -> tuple[Tensor, list[int], list[tuple[list[int], str, str]]]:
    """Vectors (N, C), the k rows nearest to row `at`, and what known mistakes make of them."""
    vectors = torch.randn(N, C, generator=generator, dtype=torch.float64)
    vectors *= torch.rand(N, 1, generator=generator, dtype=torch.float64) * 5 + 0.2

    def order(scores: Tensor) -> list[int]:
        return [n for n in scores.argsort(descending=True).tolist() if n != at][:k]

    def cosines(some: Tensor, axis: int = -1) -> Tensor:
        unit = F.normalize(some, dim=axis)
        return unit @ unit[at]

    right = order(cosines(vectors))
    mistakes = [
        ([row - (row > at) for row in right], f"the rows after row {at} have numbers one too small",
         "With a row taken out, which numbers do those after it get?"),
        (right[::-1], "the right rows, the nearest one last", "argsort puts the smallest first."),
        (order(-cosines(vectors)), "the farthest rows", "Is a large cosine near or far?"),
        (order(vectors @ vectors[at]), "the rows of the largest dot product",
         "A long row has large products with everything. What does a cosine divide by?"),
        (order(-(vectors - vectors[at]).norm(dim=-1)), "the rows at the smallest distance",
         "Twice a vector points the same way. Is it near in cosine? And in distance?"),
        (order(cosines(vectors, 0)), "columns were brought to length 1, not rows",
         "Which axis runs over the numbers of one word?"),
        (order(cosines(vectors - vectors.mean(0))), "the nearest rows once the mean is taken off",
         "Here the vectors stay as they are; the mean comes off later in the lesson."),
    ]  # fmt: skip
    return vectors, right, mistakes


@exercise(
    "sgns_loss",
    hint="Start with (center * context).sum(-1): one dot product for each row of the batch.",
    wrong=[
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(drawn).sum(-1)).mean()
""",
            "sign",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn).mean(-1)).mean()
""",
            "mean over the negatives",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn).sum(-1)).sum()
""",
            "sum over the batch",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-torch.log(torch.sigmoid(met)) - torch.log(torch.sigmoid(-drawn)).sum(-1)).mean()
""",
            "dot products of",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    return -F.logsigmoid(met).mean()
""",
            "without the negatives",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ context[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn).sum(-1)).mean()
""",
            "context with the negatives",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (F.logsigmoid(met) + F.logsigmoid(-drawn).sum(-1)).mean()
""",
            "negative sign",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    def log(x):
        return torch.sigmoid(x).clamp(min=1e-30).log()
    return (-log(met) - log(-drawn).sum(-1)).mean()
""",
            "F.logsigmoid knows",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None]).squeeze()
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn).sum(-1)).mean()
""",
            "3 centres with 1 negatives",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) + F.logsigmoid(-drawn).sum(-1)).mean()
""",
            "added, not taken off",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn.sum(-1))).mean()
""",
            "sum inside",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-torch.sigmoid(met) - torch.sigmoid(-drawn).sum(-1)).mean()
""",
            "without its logarithm",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = center @ context.T
    drawn = (negatives @ center[:, :, None])[..., 0]
    return (-F.logsigmoid(met) - F.logsigmoid(-drawn).sum(-1)).mean()
""",
            "every centre with every context",
        ),
        Wrong(
            """
def sgns_loss(center, context, negatives):
    met = (center * context).sum(-1)
    drawn = (negatives @ center[:, :, None])[..., 0]
    return -F.logsigmoid(met) - F.logsigmoid(-drawn).sum(-1)
""",
            "one loss for each centre",
        ),
    ],
)
def _sgns_loss(attempt: Any) -> None:
    generator = hidden(3)
    for B, K, C, size in ((4, 3, 5, 1.0), (1, 1, 2, 1.0), (3, 5, 4, 2.0), (3, 1, 4, 1.0)):
        center, context = torch.randn(2, B, C, generator=generator, dtype=torch.float64) * size
        negatives = torch.randn(B, K, C, generator=generator, dtype=torch.float64) * size
        met = (center * context).sum(-1)
        drawn = torch.einsum("bc,bkc->bk", center, negatives)
        true, false = -F.logsigmoid(met), -F.logsigmoid(-drawn)
        right = (true + false.sum(-1)).mean()
        what = f"the loss of {B} centres with {K} negatives each"
        came = attempt(center, context, negatives)
        swapped = -F.logsigmoid(-torch.einsum("bc,bkc->bk", context, negatives)).sum(-1)
        if B > 1:
            mistakes = [
                ((true - F.logsigmoid(drawn).sum(-1)).mean(), "negatives with the wrong sign: they "
                 "are pulled near", "For a negative, σ of which number should be large?"),
                ((true + false.mean(-1)).mean(), "a mean over the negatives of a centre",
                 "The formula has a Σ over the K negatives; the mean is over the batch."),
                ((true + false.sum(-1)).sum(), "a sum over the batch", "What comes last: sum or "
                 "mean?"),
                (true.mean(), "a loss without the negatives",
                 "What loss has a model whose vectors are all the same and very long?"),
                ((true + swapped).mean(), "the context with the negatives, in place of the centre",
                 "Whose neighbours are the negatives pretending to be?"),
                ((true - false.sum(-1)).mean(), "the negatives' log σ added, not taken off",
                 "log σ is below 0, and a loss above it. Which sign has each part?"),
                ((true - F.logsigmoid(-drawn.sum(-1))).mean(), "the sum inside σ",
                 "Σ stands before log σ: one log σ for each negative, and then their sum."),
                ((-met.sigmoid() - (-drawn).sigmoid().sum(-1)).mean(), "σ without its logarithm",
                 "What does the formula do with σ?"),
                (-F.logsigmoid(center @ context.T).mean() + false.sum(-1).mean(),
                 "every centre with every context", "Row i of center met row i of context only."),
                (true + false.sum(-1), "one loss for each centre", "What comes last?"),
                (-right, "the right number with a negative sign",
                 "log σ is below 0. Should a loss be?"),
            ]  # fmt: skip
            refuse_known(came, mistakes, f"{what} to be {right:.4f}", right)
        think = "−log σ(c · o), plus −log σ(−c · n) for each negative; the mean over the batch."
        expect_close(came, right, what=what, think=think)
    far = torch.full((1, 2), 20.0)
    came = attempt(far, -far, far[None])  # dot products of -800 and 800
    expect(
        isinstance(came, Tensor),
        expected="a scalar tensor",
        came=came,
        think="Did you leave torch on the way (item, float)?",
    )
    expect_close(
        came,
        1600.0,
        what="the loss for dot products of -800 and 800",
        think="σ(-800) is 0 in any float, and log 0 is minus infinity. F.logsigmoid knows.",
    )
    center = torch.randn(2, 3, generator=generator, dtype=torch.float64).requires_grad_()
    came = attempt(center, center.detach() + 1, center.detach()[:, None])
    expect(
        came.requires_grad,
        expected="a loss through which a gradient flows",
        came="one that is cut off from the vectors",
        think="Did you leave torch on the way (detach, item, numpy, no_grad)?",
    )


@exercise(
    "analogy",
    hint="One product gives the scores of all rows. Whose scores must become minus infinity?",
    wrong=[
        Wrong(
            """
def analogy(unit, a, b, c):
    return int((unit @ (unit[b] - unit[a] + unit[c])).argmax())
""",
            "one of the three",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ (unit[a] - unit[b] + unit[c])
    scores[[a, b, c]] = -torch.inf
    return int(scores.argmax())
""",
            "a and b exchanged",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ unit[c]
    scores[[a, b, c]] = -torch.inf
    return int(scores.argmax())
""",
            "nearest to c",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = -torch.inf
    return scores.max()
""",
            "row number",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = 0
    return int(scores.abs().argmax())
""",
            "opposite",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = 0
    return int(scores.argmax())
""",
            "row 3, though its score is negative",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    left = [row for row in range(len(unit)) if row not in (a, b, c)]
    return int((unit[left] @ (unit[b] - unit[a] + unit[c])).argmax())
""",
            "no row changes its number",
        ),
        Wrong(
            """
def analogy(unit, a, b, c):
    scores = unit @ (unit[b] + unit[c])
    scores[[a, b, c]] = -torch.inf
    return int(scores.argmax())
""",
            "nearest to b + c",
        ),
    ],
)
def _analogy(attempt: Any) -> None:
    generator = hidden(5)
    for N, C in ((12, 3), (30, 4), (8, 2), (50, 6), (40, 3), (25, 3)):
        unit, (a, b, c), right, mistakes = _analogies(N, C, generator)
        while N == 12 and not _all_differ(
            [right, _nearest_of_all(unit, a, b, c), *(row for row, _, _ in mistakes)]
        ):
            unit, (a, b, c), right, mistakes = _analogies(N, C, generator)
        came = attempt(unit.clone(), a, b, c)
        expected = f"analogy(unit, {a}, {b}, {c}) of {N} rows to be {right}"
        try:
            number = int(came)
            whole = float(came) == number
        except (TypeError, ValueError):
            whole = False
        if not whole:
            raise NotRight(
                expected=f"a row number, such as {right}",
                came=came,
                think="One number. (argmax gives a row's number, max gives its score.)",
            )
        if number == right:
            continue
        if number in (a, b, c):
            raise NotRight(
                expected=expected,
                came=f"{number}, which is one of the three that were given",
                think="b - a + c is nearly always nearest to c or b. Minus infinity for the three, "
                "then argmax, and no row changes its number.",
            )
        for row, said, think in mistakes:
            if number == row:
                raise NotRight(expected=expected, came=f"{number}{said}", think=think)
        raise NotRight(
            expected=expected,
            came=number,
            think="Scores of all rows with unit[b] - unit[a] + unit[c], then minus infinity for the"
            " three, then argmax.",
        )
    rows = [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [-1.0, 0.0], [-0.8, -0.6]]
    unit = torch.tensor(rows, dtype=torch.float64)  # rows 3 and 4 have negative scores
    came = attempt(unit, 0, 1, 2)
    expect(
        int(came) == 3,
        expected="row 3, though its score is negative: it is the best that is left",
        came=came,
        think="Is 0 out of the race when all other scores are below it?",
    )


def _nearest_of_all(unit: Tensor, a: int, b: int, c: int) -> int:
    """The row of the highest score, the three themselves among them."""
    return int((unit @ (unit[b] - unit[a] + unit[c])).argmax())


def _analogies(
    N: int, C: int, generator: torch.Generator
) -> tuple[Tensor, list[int], int, list[tuple[int, str, str]]]:
    """Unit rows (N, C), three of them, the row of the analogy, and what known mistakes give."""
    unit = F.normalize(torch.randn(N, C, generator=generator, dtype=torch.float64), dim=-1)
    a, b, c = given = torch.randperm(N, generator=generator)[:3].tolist()
    left = [row for row in range(N) if row not in given]

    def best(scores: Tensor) -> int:
        return left[int(scores[left].argmax())]

    target = unit[b] - unit[a] + unit[c]
    right = best(unit @ target)
    if unit[right] @ target <= 0:  # a check of its own asks what then
        return _analogies(N, C, generator)
    mistakes = [
        (left.index(right), ", its place among the rows that are left",
         "Rows behind those taken out move up. With minus infinity no row changes its number."),
        (best(unit @ (unit[a] - unit[b] + unit[c])), ": a and b exchanged",
         "From a to b is b - a."),
        (best(unit @ unit[c]), ", the row nearest to c", "What do a and b change?"),
        (best(unit @ (unit[b] + unit[c])), ", the row nearest to b + c", "What does a change?"),
        (best((unit @ target).abs()), ", a row in the opposite direction",
         "A cosine of -1 is as far as can be."),
    ]  # fmt: skip
    return unit, given, right, mistakes
