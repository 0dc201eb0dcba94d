"""Compares two lists of hits for the same question, rank by rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from core.stores.base import Hit


@dataclass(frozen=True)
class AlignedHit:
    """A hit and its rank in the other list.

    Attributes:
        other_rank: Its rank in the other list, from 1; None if it is not in that list.
    """

    hit: Hit
    other_rank: int | None


@dataclass(frozen=True)
class Rank:
    """The hits of two lists at one rank.

    Attributes:
        rank: From 1.
        left: Hit of the first list; None when it is shorter.
        right: Hit of the second.
    """

    rank: int
    left: AlignedHit | None
    right: AlignedHit | None


def align(left: Sequence[Hit], right: Sequence[Hit]) -> list[Rank]:
    """Pairs both lists by rank."""
    left_ranks = {hit.passage_id: rank for rank, hit in enumerate(left, 1)}
    right_ranks = {hit.passage_id: rank for rank, hit in enumerate(right, 1)}
    return [
        Rank(
            rank,
            AlignedHit(a, right_ranks.get(a.passage_id)) if a else None,
            AlignedHit(b, left_ranks.get(b.passage_id)) if b else None,
        )
        for rank, (a, b) in enumerate(zip_longest(left, right), 1)
    ]


def shared(ranks: Sequence[Rank]) -> int:
    """Number of passages that are in both lists."""
    return sum(rank.left is not None and rank.left.other_rank is not None for rank in ranks)
