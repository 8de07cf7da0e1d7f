"""Does a model know what it knows? Its confidences beside what turned out to be right.

confidence: (N,) numbers from 0 to 1; right: (N,) whether each answer was. scikit-learn and scipy
come with the extra "lab".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def choice_probabilities(scores: ArrayLike) -> Floats:
    """Probabilities (..., K) among K choices, from their scores (log probabilities).

    Raises ValueError for no choice, a score that is NaN or infinite, or all of minus infinity.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not values.shape or not values.shape[-1] or not np.isfinite(values.max(axis=-1)).all():
        raise ValueError(
            f"scores of shape {values.shape} must hold a row of log probabilities for each "
            "question: none of them NaN or infinite, not all of them minus infinity"
        )
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies between `low` and `high`."""

    low: float
    high: float
    n: int
    confidence: float  # mean
    accuracy: float


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """Accuracy by confidence, in `bins` of equal width; empty ones are left out.

    A calibrated model is right as often as it says. Raises ValueError for input of another form.
    """
    said, was = _check(confidence, right)
    if bins < 1:
        raise ValueError(f"bins={bins}: at least 1 is needed")
    edges = np.linspace(0, 1, bins + 1)
    which = np.minimum((said * bins).astype(int), bins - 1)  # 1.0 belongs to the last
    return [
        Bin(edges[i], edges[i + 1], int(at.sum()), float(said[at].mean()), float(was[at].mean()))
        for i in range(bins)
        if (at := which == i).any()
    ]


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Mean distance of accuracy and confidence over `reliability`'s bins (1706.04599)."""
    found = reliability(confidence, right, bins)
    total = sum(each.n for each in found)
    return sum(each.n * abs(each.accuracy - each.confidence) for each in found) / total


def auroc(confidence: ArrayLike, right: ArrayLike) -> float:
    """How well confidence tells right from wrong: 0.5 not at all, 1 perfectly.

    The probability that a right answer is more confident than a wrong one, ties counting half.
    Raises ValueError unless there are both.
    """
    said, was = _check(confidence, right, unit=False)
    if was.all() or not was.any():
        raise ValueError("all answers are right, or all are wrong: there is nothing to tell apart")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(was, said))


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats]:
    """Error rate among the most confident answers, for each share that could be answered.

    Returns (coverage, risk), one point for each distinct confidence, from the highest: who answers
    only above it answers `coverage` of all and errs on `risk` of those (1705.08500).
    """
    said, was = _check(confidence, right, unit=False)
    order = np.argsort(-said, kind="stable")
    last = np.flatnonzero(np.append(np.diff(said[order]) != 0, True))  # ties are answered together
    answered = last + 1
    errors = np.cumsum(~was[order])[last]
    return answered / len(said), errors / answered


def _check(
    confidence: ArrayLike, right: ArrayLike | Sequence[bool], unit: bool = True
) -> tuple[Floats, NDArray[np.bool_]]:
    said, was = np.asarray(confidence, dtype=np.float64), np.asarray(right)
    if said.ndim != 1 or said.shape != was.shape or not len(said):
        raise ValueError(
            f"confidence and right must be two rows of one length, not {said.shape} and {was.shape}"
        )
    if not np.isin(was, (0, 1)).all():
        raise ValueError("right must hold True and False (or 1 and 0) only")
    if not np.isfinite(said).all() or (unit and not ((said >= 0) & (said <= 1)).all()):
        raise ValueError("confidences must be numbers" + (" from 0 to 1" if unit else ""))
    return said, was.astype(bool)
