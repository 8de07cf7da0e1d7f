"""Calibration: on cases worked out by hand, and beside other ways to compute the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigpt.calibration import (
    auroc,
    choice_probabilities,
    expected_calibration_error,
    reliability,
    risk_coverage,
)

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0]), st.booleans()), min_size=1
)


def test_probabilities_of_choices():
    assert choice_probabilities([0.0, 0.0]) == pytest.approx([0.5, 0.5])
    assert choice_probabilities(np.log([[0.1, 0.3], [2.0, 2.0]])) == pytest.approx(
        np.array([[0.25, 0.75], [0.5, 0.5]])
    )
    assert choice_probabilities([-5000.0, -5001.0, -9000.0]).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "scores", [[np.nan, 0.0], [-np.inf, -np.inf], [[0.0, 1.0], [np.inf, 0.0]], [], 1.0]
)
def test_scores_that_give_no_probabilities(scores):
    with pytest.raises(ValueError, match="must hold a row of log probabilities"):
        choice_probabilities(scores)


def test_reliability_by_hand():
    confidence = [0.05, 0.15, 0.15, 0.95, 1.0, 1.0]
    right = [False, True, False, True, True, False]
    first, second, last = reliability(confidence, right)
    assert (first.low, first.high, first.n, first.accuracy) == pytest.approx((0, 0.1, 1, 0))
    assert (second.n, second.confidence, second.accuracy) == pytest.approx((2, 0.15, 0.5))
    assert (last.low, last.high, last.n) == pytest.approx((0.9, 1.0, 3))
    assert last.confidence == pytest.approx(2.95 / 3)
    error = (1 * 0.05 + 2 * 0.35 + 3 * abs(2 / 3 - 2.95 / 3)) / 6
    assert expected_calibration_error(confidence, right) == pytest.approx(error)


def test_a_calibrated_model_has_a_small_error():
    random = np.random.default_rng(1)
    confidence = random.uniform(0, 1, 20_000)
    right = random.uniform(0, 1, 20_000) < confidence
    assert expected_calibration_error(confidence, right) < 0.02
    assert expected_calibration_error(confidence**0.2, right) > 0.2


@given(PAIRS)
def test_bins_hold_every_answer_once(pairs):
    confidence, right = zip(*pairs, strict=True)
    for bins in (1, 3, 10):
        found = reliability(confidence, right, bins)
        assert sum(each.n for each in found) == len(pairs)
        for each in found:
            assert each.low - 1e-9 <= each.confidence <= each.high + 1e-9


@given(PAIRS)
def test_auroc_counts_pairs(pairs):
    confidence, right = zip(*pairs, strict=True)
    if len({*right}) == 1:
        with pytest.raises(ValueError, match="nothing to tell apart"):
            auroc(confidence, right)
        return
    good = [c for c, r in pairs if r]
    bad = [c for c, r in pairs if not r]
    wins = [(g > b) + 0.5 * (g == b) for g, b in itertools.product(good, bad)]
    assert auroc(confidence, right) == pytest.approx(np.mean(wins))


def test_risk_and_coverage_by_hand():
    coverage, risk = risk_coverage([0.9, 0.5, 0.9, 0.2], [True, False, False, True])
    assert coverage == pytest.approx([0.5, 0.75, 1.0])
    assert risk == pytest.approx([0.5, 2 / 3, 0.5])


@given(PAIRS)
def test_all_answered_is_all_errors(pairs):
    confidence, right = zip(*pairs, strict=True)
    coverage, risk = risk_coverage(confidence, right)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(1 - np.mean(right))
    assert (np.diff(coverage) > 0).all()
    assert len(coverage) == len({*confidence})


@pytest.mark.parametrize("function", [reliability, auroc, risk_coverage])
def test_input_of_another_form(function):
    for confidence, right in (([], []), ([0.5], [True, False]), ([[0.5]], [[True]])):
        with pytest.raises(ValueError, match="two rows of one length"):
            function(confidence, right)
    with pytest.raises(ValueError, match="True and False"):
        function([0.5, 0.1], [2, 0])
    with pytest.raises(ValueError, match="must be numbers"):
        function([np.nan, 0.1], [1, 0])


def test_confidences_out_of_range():
    with pytest.raises(ValueError, match="from 0 to 1"):
        reliability([1.5, 0.1], [1, 0])
    with pytest.raises(ValueError, match="bins=0"):
        reliability([0.5, 0.1], [1, 0], bins=0)
    assert auroc([-3.0, 5.0], [0, 1]) == 1  # any score will do to tell apart
