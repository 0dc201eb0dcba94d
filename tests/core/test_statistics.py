import numpy as np
import pytest

from core.statistics import Spread, bootstrap_mean, paired_difference, spread, wilson


def test_the_interval_of_a_coin_is_close_to_the_normal_one():
    values = [0.0, 1.0] * 50
    interval = bootstrap_mean(values)
    half = 1.96 * np.std(values) / np.sqrt(len(values))
    assert interval.mean == 0.5 and interval.n == 100
    assert interval.lo == pytest.approx(0.5 - half, abs=0.02)
    assert interval.hi == pytest.approx(0.5 + half, abs=0.02)


def test_the_spread_of_the_mice_is_that_of_the_book():
    # Efron & Tibshirani (1993), tables 2.1 and 2.2: treated mice, mean 86.86; plug-in standard error 23.36 (ch. 5).
    treated = [94, 197, 16, 38, 99, 141, 23]
    interval = bootstrap_mean(treated)
    assert interval.mean == pytest.approx(86.86, abs=0.01)
    assert (interval.hi - interval.lo) / (2 * 1.96) == pytest.approx(23.36, rel=0.05)


def test_equal_values_have_no_spread():
    interval = bootstrap_mean([0.25] * 7)
    assert (interval.lo, interval.mean, interval.hi) == (0.25, 0.25, 0.25)


def test_the_same_seed_gives_the_same_interval():
    values = list(np.random.default_rng(3).random(30))
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)


def test_pairing_removes_what_both_share():
    theirs = list(np.random.default_rng(0).random(40))
    ours = [value + 0.1 for value in theirs]
    difference = paired_difference(ours, theirs)
    assert difference.lo == pytest.approx(0.1) and difference.hi == pytest.approx(0.1)


def test_nothing_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError):
        bootstrap_mean([])
    with pytest.raises(ValueError):
        paired_difference([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("up", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433), (1, 1, 0.2065, 1)],
)
def test_wilson_as_in_the_tables(up, n, low, high):
    assert wilson(up, n) == pytest.approx((low, high), abs=1e-4)


def test_median_and_extremes():
    assert spread([5.0, 1.0, 3.0]) == Spread(3, 3.0, 1.0, 5.0)
    assert spread([4.0, 2.0]).median == 3.0


def test_nothing_has_no_spread():
    with pytest.raises(ValueError):
        spread([])
