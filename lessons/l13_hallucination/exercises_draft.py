"""Checks of lesson 13: calibration error, Good and Turing's estimate, risk at a coverage."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lessons.exercises import Wrong, check, exercise, expect, expect_close

__all__ = ["check"]


@exercise(
    "calibration_error",
    hint="For each tenth of confidence: |mean confidence - share right|, weighted by its number.",
    wrong=[
        Wrong(
            """
def calibration_error(confidence, right):
    n = len(right)
    return abs(sum(confidence) / n - sum(right) / n)
""",
            "cancel",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    used = 0
    for low in range(10):
        inside = [i for i, c in enumerate(confidence) if low <= min(int(c * 10), 9) < low + 1]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += abs(mean - share)
            used += 1
    return total / used
""",
            "as much as",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for low in range(10):
        inside = [i for i, c in enumerate(confidence) if int(c * 10) == low]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += abs(mean - share) * len(inside) / len(right)
    return total
""",
            "exactly 1",
        ),
    ],
)
def _calibration_error(attempt: Any) -> None:
    cases = (
        ([0.9, 0.9, 0.1, 0.1], [0, 0, 1, 1], "Too sure and not sure enough must not cancel out."),
        ([0.95, 0.95, 0.05, 0.05], [1, 1, 0, 0], "Sure and right, unsure and wrong: nearly 0."),
        ([0.65] * 8 + [0.15] * 2, [1] * 4 + [0] * 4 + [0, 1],
         "A bin with eight answers counts four times as much as one with two."),
        ([1.0, 1.0, 0.55], [0, 1, 1], "To which bin does a confidence of exactly 1 belong?"),
    )  # fmt: skip
    for confidence, right, think in cases:
        bins: dict[int, list[int]] = {}
        for at, value in enumerate(confidence):
            bins.setdefault(min(int(value * 10), 9), []).append(at)
        expected = sum(
            abs(sum(confidence[i] - right[i] for i in inside)) for inside in bins.values()
        ) / len(right)
        came = attempt(list(confidence), list(right))
        expect_close(came, expected, what=f"the error of {confidence}, {right}", think=think)


@exercise(
    "unseen_share",
    hint="collections.Counter(facts) counts; how many have a count of 1, for each text read?",
    wrong=[
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    counts = Counter(facts)
    return sum(c == 1 for c in counts.values()) / len(counts)
""",
            "texts, not",
        ),
        Wrong(
            """
def unseen_share(facts):
    return len(set(facts)) / len(facts)
""",
            "exactly once",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts).values())
""",
            "for each",
        ),
    ],
)
def _unseen_share(attempt: Any) -> None:
    for facts in (["a", "b", "b", "c", "c", "c"], [1, 2, 3, 4], ["x", "x"], ["p", "q", "q", "r"]):
        counts = Counter(facts)
        singles = sum(count == 1 for count in counts.values())
        came = attempt(list(facts))
        if came == singles / len(counts) != singles / len(facts):
            think = "Divide by the number of texts, not of different facts."
        elif came == singles and singles:
            think = "That is a number of facts. What is it for each text that was read?"
        else:
            think = "Which facts were read exactly once?"
        expect_close(came, singles / len(facts), what=f"the estimate for {facts}", think=think)


@exercise(
    "error_at",
    hint="Sort by confidence, keep the surest part, and count the wrong ones among those kept.",
    wrong=[
        Wrong(
            """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: confidence[i])
    kept = order[: round(coverage * len(right))]
    return sum(1 - right[i] for i in kept) / len(kept)
""",
            "surest",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: -confidence[i])
    kept = order[: round(coverage * len(right))]
    return sum(1 - right[i] for i in kept) / len(right)
""",
            "among those",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    kept = [i for i, c in enumerate(confidence) if c >= coverage]
    return sum(1 - right[i] for i in kept) / max(len(kept), 1)
""",
            "part of the questions",
        ),
    ],
)
def _error_at(attempt: Any) -> None:
    for confidence, right, coverage, think in (
        ([0.9, 0.2, 0.8, 0.1], [1, 0, 1, 0], 0.5, "Which half is kept: the surest one."),
        ([0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1], 0.5,
         "Coverage is the part of the questions that is answered, no level of confidence."),
        ([0.3, 0.9, 0.6, 0.5], [1, 0, 1, 1], 0.75, "The share of wrong ones among those answered."),
        ([0.9, 0.8], [1, 0], 1.0, "Everything is answered."),
    ):  # fmt: skip
        order = sorted(range(len(right)), key=lambda i: -confidence[i])
        kept = order[: round(coverage * len(right))]
        expected = sum(1 - right[i] for i in kept) / len(kept)
        came = attempt(list(confidence), list(right), coverage)
        expect(
            isinstance(came, (int, float)),
            expected="a number",
            came=came,
            think="What is returned?",
        )
        expect_close(came, expected, what=f"the error at a coverage of {coverage:.0%}", think=think)
