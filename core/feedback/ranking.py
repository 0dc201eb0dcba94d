"""Methods in the order of what people thought of them, with so few votes that chance must be reckoned with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.feedback.base import Feedback

Z_95 = 1.959964


@dataclass(frozen=True)
class Rank:
    """How a method was judged.

    Attributes:
        method: The arm.
        up: Thumbs up.
        n: Judgements.
        lower: Lower end of the 95 % Wilson interval of the share of thumbs up; what methods are ranked by.
        upper: Its upper end.
    """

    method: str
    up: int
    n: int
    lower: float
    upper: float


def rank(feedback: Sequence[Feedback]) -> list[Rank]:
    """Methods by the lower bound: one lucky vote does not lead, many good ones do."""
    judged = Counter(found.method for found in feedback)
    liked = Counter(found.method for found in feedback if found.rating > 0)
    ranks = [Rank(method, liked[method], n, *wilson(liked[method], n)) for method, n in judged.items()]
    return sorted(ranks, key=lambda entry: (-entry.lower, -entry.n, entry.method))


def wilson(up: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927).

    Args:
        up: Successes.
        n: Trials, at least 1.
        z: Quantile of the normal distribution.
    """
    share, square = up / n, z * z
    centre = share + square / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + square / n)), min(1.0, (centre + spread) / (1 + square / n))
