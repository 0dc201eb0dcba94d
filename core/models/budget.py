"""One memory budget for the caches of all open methods; the least recently used cache is evicted first.

Users with different settings keep several methods open at once. With a budget for each method, memory would grow with
every new setting.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol
from weakref import WeakSet


class CacheOwner(Protocol):
    """Anything that keeps caches in memory. Its methods are called while the budget's lock is held."""

    def resident_bytes(self) -> int:
        """Bytes in memory, plus those reserved for caches that are being read."""

    def least_recent(self) -> tuple[int, int] | None:
        """Last use (see ``Budget.tick``) and number of the least recently used cache; None if there is none."""

    def evict(self, number: int) -> None:
        """Drops a cache."""


class Budget:
    """A limit in bytes that several cache owners share.

    Attributes:
        lock: Must be held while reading or changing which caches are in memory.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lock = threading.RLock()
        self._owners: WeakSet[CacheOwner] = WeakSet()
        self._uses = 0

    def register(self, owner: CacheOwner) -> None:
        """Counts an owner from now on, until it is garbage-collected."""
        with self.lock:
            self._owners.add(owner)

    def tick(self) -> int:
        """The next value of a logical clock that orders the uses of all caches."""
        with self.lock:
            self._uses += 1
            return self._uses

    def total_bytes(self) -> int:
        """Bytes in memory now."""
        with self.lock:
            return sum(owner.resident_bytes() for owner in self._owners)

    def make_room(self, size: int) -> None:
        """Evicts caches until ``size`` more bytes fit."""
        with self.lock:
            for owner, number in self._least_recent_first():
                if self.total_bytes() + size <= self.limit:
                    return
                owner.evict(number)

    def _least_recent_first(self) -> Iterator[tuple[CacheOwner, int]]:
        while candidates := [(use, owner) for owner in self._owners if (use := owner.least_recent())]:
            (_, number), owner = min(candidates, key=lambda candidate: candidate[0][0])
            yield owner, number
