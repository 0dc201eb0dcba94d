"""The same thing measured several times: median and spread, for times that no two runs share."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing.

    Attributes:
        n: How many.
        median: Half of them are below.
        low: The smallest.
        high: The largest.
    """

    n: int
    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest; with a handful of values quartiles would be a pretence.

    Raises:
        ValueError: There is no value.
    """
    if not values:
        raise ValueError("spread of nothing")
    return Spread(len(values), float(statistics.median(values)), float(min(values)), float(max(values)))
