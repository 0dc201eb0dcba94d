"""Keys and values of documents' z that stay in memory, as long as the budget of all caches allows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from core.models.budget import Budget
from core.models.kv_buffer import Layers
from core.models.pages import in_pages


@dataclass
class _Kept:
    """Keys and values, and the tick of their last use, by which the budget knows them."""

    layers: Layers
    bytes: int
    used: int


class OpeningCache:
    """Keys and values of what is read before a question, by the documents in it.

    Args:
        budget: What they may take in memory, together with the caches of others.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        budget.register(self)

    def get(self, ids: tuple[str, ...]) -> Layers | None:
        """What is kept of these documents in this order."""
        with self._budget.lock:
            kept = self._kept.get(ids)
            if kept is None:
                return None
            kept.used = self._budget.tick()
            self._kept.move_to_end(ids)
            return kept.layers

    def put(self, ids: tuple[str, ...], layers: Layers) -> None:
        """Keeps a copy of an opening that was not there."""
        size = size_of(layers)
        with self._budget.lock:
            self._budget.make_room(size)
            self._kept[ids] = _Kept(in_pages(layers), size, self._budget.tick())

    def resident_bytes(self) -> int:
        """See ``CacheOwner.resident_bytes``."""
        return sum(kept.bytes for kept in self._kept.values())

    def least_recent(self) -> tuple[int, int] | None:
        """See ``CacheOwner.least_recent``; a cache is numbered by its last use."""
        return next(((kept.used, kept.used) for kept in self._kept.values()), None)

    def evict(self, number: int) -> None:
        """See ``CacheOwner.evict``."""
        self._kept.popitem(last=False)


def size_of(layers: Layers) -> int:
    """Bytes of keys and values."""
    return sum(tensor.nbytes for pair in layers for tensor in pair)
