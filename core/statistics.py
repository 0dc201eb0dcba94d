"""Intervals of scores, and the spread of times that were measured several times.

Intervals are those of the percentile bootstrap (Efron & Tibshirani 1993, ch. 13) and, for shares, of Wilson (1927).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and the interval of 95 % around it.

    Attributes:
        lo: 2.5th percentile of the resampled means.
        hi: 97.5th percentile of the resampled means.
    """

    mean: float
    lo: float
    hi: float
    n: int


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Interval:
    """Mean and percentile interval of ``values``.

    Raises:
        ValueError: There is no value.
    """
    if not len(values):
        raise ValueError("bootstrap of nothing")
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if np.ptp(sample) == 0:  # nothing to resample; SciPy refuses a sample of one
        return Interval(mean, mean, mean, len(sample))
    from scipy import stats  # takes a second to import

    interval = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean, float(interval.low), float(interval.high), len(sample))


def paired_difference(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Interval:
    """Interval of the mean difference over the same questions, resampled as pairs.

    Args:
        ours: Scores, one per question.
        theirs: Scores of another method on the same questions, in the same order.
    """
    return bootstrap_mean([a - b for a, b in zip(ours, theirs, strict=True)], seed)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Ends of the 95 % score interval of a share; ``n`` is at least 1."""
    from scipy import stats

    interval = stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    n: int
    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest; with a handful of values quartiles mean little.

    Raises:
        ValueError: There is no value.
    """
    if not values:
        raise ValueError("spread of nothing")
    return Spread(len(values), float(statistics.median(values)), float(min(values)), float(max(values)))
