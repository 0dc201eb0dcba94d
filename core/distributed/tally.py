"""What each replica has done: counts in an actor of their own, since a replica can be asked for nothing but answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

TALLY = "tally"
"""Its name among the actors."""


@dataclass(frozen=True)
class ReplicaUse:
    """What a replica has done since it started.

    Attributes:
        node: Where it runs.
        hits: Questions whose cell it had in memory.
        misses: Questions for which it had to load a cell.
    """

    node: str
    hits: int = 0
    misses: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of the questions whose cell was in memory."""
        return self.hits / max(1, self.hits + self.misses)


class Tally:
    """Counts for every replica."""

    def __init__(self) -> None:
        self._uses: dict[str, ReplicaUse] = {}

    def count(self, replica: str, node: str, hit: bool) -> None:
        """One question was answered."""
        use = self._uses.get(replica, ReplicaUse(node))
        self._uses[replica] = replace(use, hits=use.hits + hit, misses=use.misses + (not hit))

    def uses(self) -> dict[str, ReplicaUse]:
        """What each replica has done."""
        return self._uses
