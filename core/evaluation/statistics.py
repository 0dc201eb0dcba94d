"""Intervals for means and for paired differences, by the percentile bootstrap (Efron & Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and the interval of 95 % around it.

    Attributes:
        mean: Mean of the sample.
        lo: 2.5th percentile of the resampled means.
        hi: 97.5th percentile of the resampled means.
        n: Size of the sample.
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
    rng = np.random.default_rng(seed)
    means = sample[rng.integers(0, len(sample), size=(RESAMPLES, len(sample)))].mean(axis=1)
    tail = (1 - LEVEL) / 2
    lo, hi = np.quantile(means, [tail, 1 - tail])
    return Interval(float(sample.mean()), float(lo), float(hi), len(sample))


def paired_difference(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Interval:
    """Interval of the mean difference over the same questions, resampled as pairs.

    Args:
        ours: Scores, one per question.
        theirs: Scores of another arm on the same questions, in the same order.
        seed: Seed of the resampling.
    """
    return bootstrap_mean([a - b for a, b in zip(ours, theirs, strict=True)], seed)
