"""Two lists of hits for the same question, side by side: what is in both, and what only one engine found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.stores.base import Hit


@dataclass(frozen=True)
class Placed:
    """A hit, and where the other list has it.

    Attributes:
        hit: The passage and its score.
        elsewhere: Its rank in the other list, from 1; None when it is not there.
    """

    hit: Hit
    elsewhere: int | None


@dataclass(frozen=True)
class Rank:
    """What two lists have at one rank.

    Attributes:
        rank: From 1.
        left: Hit of the first list; None when it is shorter.
        right: Hit of the second.
    """

    rank: int
    left: Placed | None
    right: Placed | None


def align(left: Sequence[Hit], right: Sequence[Hit]) -> list[Rank]:
    """Both lists rank by rank."""
    at_left = {hit.passage_id: rank for rank, hit in enumerate(left, 1)}
    at_right = {hit.passage_id: rank for rank, hit in enumerate(right, 1)}
    return [
        Rank(
            row + 1,
            Placed(left[row], at_right.get(left[row].passage_id)) if row < len(left) else None,
            Placed(right[row], at_left.get(right[row].passage_id)) if row < len(right) else None,
        )
        for row in range(max(len(left), len(right)))
    ]


def shared(ranks: Sequence[Rank]) -> int:
    """Passages that are in both lists."""
    return sum(rank.left is not None and rank.left.elsewhere is not None for rank in ranks)
