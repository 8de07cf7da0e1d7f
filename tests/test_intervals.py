"""Intervals: beside scipy's, beside figures computed by hand, and by how often they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from minigpt.intervals import (
    bootstrap_interval,
    mean_interval,
    paired_interval,
    wilson_interval,
)


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=20).filter(lambda v: np.std(v) > 1e-3),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_mean_interval_is_scipys(values, level):
    mean, low, high = mean_interval(values, level)
    expected = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    assert (low, high) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_mean_interval_at_the_edges():
    assert mean_interval([3.0]) == (3.0, 3.0, 3.0)
    assert mean_interval([2.0, 2.0]) == (2.0, 2.0, 2.0)
    assert mean_interval(np.array([1.0, 2.0, 3.0])) == mean_interval([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (485, 500, 0.9511, 0.9817),
    ],
)
def test_wilson(successes, n, low, high):
    """Against figures computed by hand from the formula."""
    assert wilson_interval(successes, n) == pytest.approx((successes / n, low, high), abs=1e-4)


def test_a_bootstrap_of_a_mean_is_close_to_students():
    values = np.random.default_rng(1).normal(5, 2, 200)
    found, expected = bootstrap_interval(values), mean_interval(values.tolist())
    assert found == pytest.approx(expected, abs=0.06)
    assert found == bootstrap_interval(values)
    assert found != bootstrap_interval(values, seed=1)
    narrow = bootstrap_interval(values, level=0.5)
    assert found[1] < narrow[1] < narrow[2] < found[2]


def test_a_bootstrap_of_another_statistic():
    values = [*range(101)]
    middle, low, high = bootstrap_interval(values, np.median)
    assert middle == 50
    assert 35 < low < 45 < 55 < high < 65


def test_copies_of_an_item_in_one_group_tell_nothing_new():
    values = np.random.default_rng(2).normal(0, 1, 40)
    _, low, high = bootstrap_interval(values)
    tenfold, groups = np.repeat(values, 10), np.repeat(np.arange(40), 10)
    _, naive_low, naive_high = bootstrap_interval(tenfold)
    _, group_low, group_high = bootstrap_interval(tenfold, groups=groups.tolist())
    assert naive_high - naive_low < 0.5 * (high - low)
    assert group_high - group_low == pytest.approx(high - low, rel=0.1)


def test_groups_cover_as_often_as_they_say():
    """400 samples of 20 groups with a common part: 90 % intervals hold the truth in about 90 %."""
    random = np.random.default_rng(3)
    held = 0
    for sample in range(400):
        values = (random.normal(0, 1, (20, 1)) + random.normal(0, 1, (20, 5))).ravel()
        groups = np.repeat(np.arange(20), 5).tolist()
        _, low, high = bootstrap_interval(
            values, groups=groups, level=0.9, resamples=200, seed=sample
        )
        held += low <= 0 <= high
    assert 0.82 < held / 400 < 0.94


def test_pairs_cancel_what_both_find_hard():
    random = np.random.default_rng(4)
    hard = random.normal(0, 5, 300)
    ours, theirs = hard + random.normal(0.3, 0.5, 300), hard + random.normal(0, 0.5, 300)
    difference, low, high = paired_interval(ours, theirs)
    assert difference == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert 0 < low < difference < high < 0.5
    same = paired_interval([1, 0, 1], [1, 0, 1])
    assert same == (0, 0, 0)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1])
def test_levels(level):
    for call in (mean_interval, bootstrap_interval):
        with pytest.raises(ValueError, match=f"level={level}"):
            call([1.0, 2.0], level=level)
    with pytest.raises(ValueError, match=f"level={level}"):
        wilson_interval(1, 2, level)


def test_input_that_gives_no_interval():
    for none in ([], np.array([])):
        for call in (mean_interval, bootstrap_interval):
            with pytest.raises(ValueError, match="no values"):
                call(none)
    with pytest.raises(ValueError, match="no values"):
        wilson_interval(0, 0)
    for successes, n in ((3, 2), (-1, 5)):
        with pytest.raises(ValueError, match=f"{successes} of {n}"):
            wilson_interval(successes, n)
    with pytest.raises(ValueError, match="2 groups came for 3 values"):
        bootstrap_interval([1, 2, 3], groups=["a", "b"])
    with pytest.raises(ValueError, match="2 and 3 values"):
        paired_interval([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="resamples=0"):
        bootstrap_interval([1, 2], resamples=0)
