"""Where one index overtakes the other, as the corpus grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Crossover:
    """Where the second line goes below the first for good.

    Attributes:
        where: "between" two sizes, "always" (already below at the smallest), or "never" (still above at the largest).
        size: Interpolated number of passages; None unless "between".
    """

    where: Literal["between", "always", "never"]
    size: float | None = None


def crossover(sizes: Sequence[float], first: Sequence[float], second: Sequence[float]) -> Crossover:
    """Finds the last change of sign of ``first - second``, linear in the logarithm of the size between two points.

    Args:
        sizes: Rising.
        first: Times of the one that is better on small corpora, such as flat search.
        second: Times of the other at the same sizes.

    Raises:
        ValueError: The lengths differ, or nothing is given.
    """
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    points = list(zip(sizes, gaps, strict=True))
    if not points:
        raise ValueError("a crossover of nothing")
    if gaps[-1] <= 0:
        return Crossover("never")
    below = [row for row, gap in enumerate(gaps) if gap <= 0]
    if not below:
        return Crossover("always")
    (left, low), (right, high) = points[below[-1]], points[below[-1] + 1]
    share = -low / (high - low)
    return Crossover("between", math.exp(math.log(left) + share * (math.log(right) - math.log(left))))
