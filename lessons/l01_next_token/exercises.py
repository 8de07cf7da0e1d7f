"""Checks of lesson 01: counting pairs, a loss from logits, and its gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lessons.exercises import Wrong, check, exercise, expect, expect_close, hidden, refuse_known

__all__ = ["check"]


@exercise(
    "count_pairs",
    hint="zip(ids, ids[1:]) gives every character with the one after it.",
    wrong=[
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids, ids[1:]):
        counts[b, a] += 1
    return counts
""",
            "exchanged",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] = 1
    return counts
""",
            "whether",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids[::2], ids[1::2]):
        counts[a, b] += 1
    return counts
""",
            "every second",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    counts[ids[:-1], ids[1:]] += 1
    return counts
""",
            "indexed += adds once",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for i in range(len(ids)):
        counts[ids[i - 1], ids[i]] += 1
    return counts
""",
            "last character with the first",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
        return counts
""",
            "inside the loop",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
        counts[b, a] += 1
    return counts
""",
            "both directions",
        ),
        Wrong(
            """
def count_pairs(ids, V):
    counts = torch.zeros(V, V)
    for a, b in zip(ids, ids[1:]):
        counts[a, b] += 1
    return counts / counts.sum(1, keepdim=True).clamp(min=1)
""",
            "shares of each row",
        ),
    ],
)
def _count_pairs(attempt: Any) -> None:
    generator = hidden(1)
    for n, V in ((40, 4), (9, 3), (200, 7), (2, 2)):
        ids = torch.randint(V, (n,), generator=generator)
        right = torch.zeros(V, V)
        for a, b in zip(ids.tolist(), ids.tolist()[1:], strict=False):
            right[a, b] += 1
        came = attempt(ids, V)
        if n > 30:
            halved = torch.zeros(V, V)
            for a, b in zip(ids.tolist()[::2], ids.tolist()[1::2], strict=False):
                halved[a, b] += 1
            first_only = torch.zeros(V, V)
            first_only[ids[0], ids[1]] = 1
            round_about = right.clone()
            round_about[ids[-1], ids[0]] += 1
            refuse_known(
                came,
                [
                    (right.T, "rows and columns exchanged",
                     "The row is the character before, the column the one after."),
                    (right.clamp(max=1), "whether a pair occurs, not how often",
                     "A pair that occurs five times must add five. (An indexed += adds once.)"),
                    (halved, "every second pair only",
                     "Each character but the ends belongs to two pairs."),
                    (right + right.T, "pairs counted in both directions",
                     "The pair a, b belongs to row a only."),
                    (first_only, "one pair only", "Does `return` stand inside the loop?"),
                    (right / right.sum(1, keepdim=True).clamp(min=1), "shares of each row",
                     "Counts are asked for; dividing comes later."),
                    (round_about, "one pair too many: the last character with the first",
                     "What is ids[i - 1] for i = 0?"),
                ],
                f"the {n - 1} pairs of {n} characters",
                right,
            )  # fmt: skip
        think = "counts[a, b] is how often b follows a."
        expect_close(came, right, what=f"count_pairs of {n} ids", think=think, tolerance=0)


@exercise(
    "cross_entropy",
    hint="log_softmax turns logits into log probabilities. Which of them belong to the targets?",
    wrong=[
        Wrong(
            """
def cross_entropy(logits, targets):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -p[torch.arange(len(targets)), targets].log().mean()
""",
            "overflow",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    log_p = torch.log_softmax(logits, dim=-1)
    return -log_p[targets.clamp(max=len(targets) - 1)].mean()
""",
            "whole rows",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits[torch.arange(len(targets)), targets].mean()
""",
            "logits themselves",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.log_softmax(-1)[torch.arange(len(targets)), targets].sum()
""",
            "sum",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return logits.log_softmax(-1)[torch.arange(len(targets)), targets].mean()
""",
            "sign",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.log_softmax(0)[torch.arange(len(targets)), targets].mean()
""",
            "over the positions",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.softmax(-1)[torch.arange(len(targets)), targets].mean()
""",
            "without the logarithm",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.softmax(-1)[torch.arange(len(targets)), targets].log().mean()
""",
            "certain, wrong",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.log_softmax(-1)[torch.arange(len(targets)), targets].mean() / math.log(2)
""",
            "bits, not nats",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return F.cross_entropy(logits.softmax(-1), targets)
""",
            "softmax of a softmax",
        ),
        Wrong(
            """
def cross_entropy(logits, targets):
    return -logits.log_softmax(-1)[:, targets].mean()
""",
            "every target at every position",
        ),
    ],
)
def _cross_entropy(attempt: Any) -> None:
    generator = hidden(1)
    for n, V in ((6, 5), (3, 9), (1, 4)):
        logits = torch.randn(n, V, generator=generator, dtype=torch.float64) * 2
        targets = torch.randint(V, (n,), generator=generator)
        rows = torch.arange(n)
        right = F.cross_entropy(logits, targets)
        came = attempt(logits, targets)
        if n > 1:
            log_p = logits.log_softmax(-1)
            refuse_known(
                came,
                [
                    (right * n, "the sum of the losses, not their mean",
                     "A loss that grows with the batch cannot be compared. By what to divide?"),
                    (-right, "the right number with the wrong sign",
                     "A probability is below 1, so its logarithm is negative."),
                    (-logits[rows, targets].mean(), "a mean of the logits themselves",
                     "Are logits probabilities? What makes probabilities of them?"),
                    (-logits.log_softmax(0)[rows, targets].mean(),
                     "a softmax over the positions, not over the vocabulary",
                     "At each position the probabilities of all V tokens must add up to 1."),
                    (-log_p.exp()[rows, targets].mean(), "probabilities without the logarithm",
                     "How many nats does a token of probability 0.5 cost?"),
                    (right / math.log(2), "bits, not nats",
                     "Which logarithm has the nat as its unit?"),
                    (F.cross_entropy(logits.softmax(-1), targets), "a softmax of a softmax",
                     "What does F.cross_entropy expect: logits or probabilities?"),
                    (-log_p[:, targets].mean(), "every target at every position",
                     "One entry a row: two indices that run together."),
                    (-log_p[targets.clamp(max=n - 1)].mean(), "whole rows, chosen by the target",
                     "Two indices: which row, and which column in it?"),
                ],
                f"{float(right):.4f}",
                right,
            )  # fmt: skip
        think = "With V equal logits the loss must be log V. What is yours?"
        expect_close(came, right, what="cross_entropy(logits, targets)", think=think)
    large = torch.tensor([[2000.0, 0.0], [0.0, -2000.0]], dtype=torch.float64)
    came = attempt(large, torch.tensor([0, 0]))
    value = float(came) if isinstance(came, int | float | Tensor) else math.nan
    expect(
        math.isfinite(value),
        expected="a loss of 0 for logits of 2,000 and 0 when the first is right",
        came=f"{value}: an overflow",
        think="exp(2000) is too large for a float. What does log_softmax subtract first?",
    )
    expect_close(came, 0.0, what="the loss of two certain, right answers", think="Both are right.")
    expect_close(
        attempt(large, torch.tensor([1, 1])),
        2000.0,
        what="the loss of two certain, wrong answers",
        think="softmax rounds to 0 here, and log 0 is infinite. Which function keeps logarithms?",
    )


@exercise(
    "logit_gradient",
    hint="p - y: the probabilities, minus 1 at the target. Then think of the mean over N.",
    wrong=[
        Wrong(
            """
def logit_gradient(logits, targets):
    return logits.softmax(-1) - F.one_hot(targets, logits.size(-1))
""",
            "mean",
        ),
        Wrong(
            """
def logit_gradient(logits, targets):
    return (F.one_hot(targets, logits.size(-1)) - logits.softmax(-1)) / len(targets)
""",
            "uphill",
        ),
        Wrong(
            """
def logit_gradient(logits, targets):
    return logits.softmax(-1) / len(targets)
""",
            "does not depend on the targets",
        ),
        Wrong(
            """
def logit_gradient(logits, targets):
    return (logits - F.one_hot(targets, logits.size(-1))) / len(targets)
""",
            "logits in place of probabilities",
        ),
        Wrong(
            """
def logit_gradient(logits, targets):
    p = logits.softmax(-1)
    p[:, targets] -= 1
    return p / len(targets)
""",
            "subtracted in every row",
        ),
    ],
)
def _logit_gradient(attempt: Any) -> None:
    generator = hidden(2)
    for n, V in ((5, 4), (3, 7), (1, 3)):
        logits = torch.randn(n, V, generator=generator, dtype=torch.float64).requires_grad_()
        targets = torch.randint(V, (n,), generator=generator)
        F.cross_entropy(logits, targets).backward()
        assert logits.grad is not None
        right = logits.grad
        plain = logits.detach()
        came = attempt(plain.clone(), targets)
        hot = F.one_hot(targets, V)
        every = plain.softmax(-1)
        every[:, targets] -= 1
        if n > 1:
            refuse_known(
                came,
                [
                    (right * n, "the gradient of the sum, not of the mean",
                     "The loss is a mean over N positions. What does that do to its gradient?"),
                    (-right, "the direction uphill: minus the gradient",
                     "A step subtracts the gradient. What must be subtracted from a wrong logit?"),
                    (plain.softmax(-1) / n, "something that does not depend on the targets",
                     "Which logit should rise?"),
                    ((plain - hot) / n, "logits in place of probabilities",
                     "What makes probabilities of logits?"),
                    (every / n, "1 subtracted in every row",
                     "Row i has one right answer, targets[i]."),
                ],
                "d loss / d logits, (N, V)",
                right,
            )  # fmt: skip
        think = (
            "What must each row of the gradient add up to? Compare yours with a small change of "
            "one logit."
        )
        expect_close(came, right, what="logit_gradient(logits, targets)", think=think)
