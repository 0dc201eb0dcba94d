"""One budget of bytes for the caches of all open methods: what was used longest ago goes first, whoever's it is.

People who choose differently keep several methods open at once; were the budget that of each of them, memory would grow
with every choice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol
from weakref import WeakSet


class Holder(Protocol):
    """Somebody who keeps caches in memory; asked under the budget's lock alone."""

    def held_bytes(self) -> int:
        """Bytes kept, or set aside for what is being read."""

    def pinned_bytes(self) -> int:
        """Bytes of what must not go."""

    def oldest(self) -> tuple[int, int] | None:
        """When the longest unused of the caches that may go was used, and its number; None when there is none."""

    def evict(self, number: int) -> None:
        """Lets a cache go."""


class Budget:
    """Bytes that several holders share.

    Args:
        limit: Most bytes in memory.

    Attributes:
        lock: Held by whoever looks at or changes what is in memory.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lock = threading.RLock()
        self._holders: WeakSet[Holder] = WeakSet()
        self._uses = 0

    def join(self, holder: Holder) -> None:
        """Counts a holder from now on; one that is gone counts no more."""
        with self.lock:
            self._holders.add(holder)

    def use(self) -> int:
        """A number for a use that happens now, greater than any before."""
        with self.lock:
            self._uses += 1
            return self._uses

    def held(self) -> int:
        """Bytes in memory now."""
        with self.lock:
            return sum(holder.held_bytes() for holder in self._holders)

    def pinned(self) -> int:
        """Bytes of what must not go."""
        with self.lock:
            return sum(holder.pinned_bytes() for holder in self._holders)

    def make_room(self, size: int) -> None:
        """Lets caches go until ``size`` bytes fit beside the others, or none is left that may go."""
        with self.lock:
            for holder, number in self._oldest_first():
                if self.held() + size <= self.limit:
                    return
                holder.evict(number)

    def _oldest_first(self) -> Iterator[tuple[Holder, int]]:
        while candidates := [(found, holder) for holder in self._holders if (found := holder.oldest())]:
            (_, number), holder = min(candidates, key=lambda candidate: candidate[0][0])
            yield holder, number
