"""Cell caches that stay in memory between questions, within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import TesseraError
from core.kvcache.cell_file import LoadedCache
from core.kvcache.identity import cell_key
from core.kvcache.store import CacheStore
from core.messages import message
from core.models.budget import Budget
from core.models.language_model import LanguageModel


@dataclass(frozen=True)
class ResidentStats:
    """Hits, misses and contents of ``ResidentCaches``.

    Attributes:
        budget: Most bytes allowed, for all caches that share the budget.
        cells: Cells in memory, least recently used first.
    """

    location: str
    hits: int
    misses: int
    evictions: int
    bytes: int
    budget: int
    cells: tuple[int, ...]


class ResidentCaches:
    """An LRU cache of cells. Safe to share between threads.

    Args:
        budget: Most bytes of caches in memory, or a budget shared with other caches.
    """

    def __init__(self, store: CacheStore, lm: LanguageModel, budget: int | Budget) -> None:
        self._store = store
        self._lm = lm
        self._budget = budget if isinstance(budget, Budget) else Budget(budget)
        self._resident: OrderedDict[int, tuple[str, LoadedCache]] = OrderedDict()
        self._used: dict[int, int] = {}
        self._hits = self._misses = self._evictions = 0
        self._lock = self._budget.lock
        self._budget.register(self)

    def get(self, cell: int, ids: Sequence[int] | None = None) -> tuple[LoadedCache, bool]:
        """The cache of a cell, and whether it was in memory already.

        A cache that has been rebuilt is read again.

        Args:
            ids: See ``CacheStore.load``.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: Its cache must not be used.
            TesseraError: It is larger than the budget leaves room for.
        """
        with self._lock:
            resident = self._current(cell)
            if resident:
                if ids is not None and cell_key(ids, resident.passage_ids) != resident.key:
                    raise self._store.refusal(cell, "its text has changed since")
                self._resident.move_to_end(cell)
            loaded = resident or self._read(cell, ids)
            self._used[cell] = self._budget.tick()
            self._hits += resident is not None
            self._misses += resident is None
            return loaded, resident is not None

    def stats(self) -> ResidentStats:
        """Counters, and what is in memory now."""
        with self._lock:
            return ResidentStats(
                location=self._store.location,
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                bytes=self.resident_bytes(),
                budget=self._budget.limit,
                cells=tuple(self._resident),
            )

    def resident_bytes(self) -> int:
        """See ``CacheOwner.resident_bytes``."""
        return sum(loaded.bytes for _, loaded in self._resident.values())

    def least_recent(self) -> tuple[int, int] | None:
        """See ``CacheOwner.least_recent``."""
        number = next(iter(self._resident), None)
        return None if number is None else (self._used[number], number)

    def evict(self, number: int) -> None:
        """Drops a cell and counts the eviction."""
        del self._resident[number]
        del self._used[number]
        self._evictions += 1

    def _current(self, cell: int) -> LoadedCache | None:
        """The cell's cache if it is in memory and has not been rebuilt; otherwise drops it and returns None."""
        version = self._store.entry(cell).sha256
        resident = self._resident.get(cell)
        if resident and resident[0] == version:
            return resident[1]
        self._resident.pop(cell, None)
        return None

    def _read(self, cell: int, ids: Sequence[int] | None) -> LoadedCache:
        self._make_room(cell)
        loaded = self._store.load(cell, self._lm, ids)
        self._resident[cell] = (self._store.entry(cell).sha256, loaded)
        return loaded

    def _make_room(self, cell: int) -> None:
        # Evict before reading, so that the old and the new cache together never exceed the budget.
        size = self._size(cell)
        if size > self._budget.limit:
            raise TesseraError(
                message(
                    "The cache of cell {cell} takes {size:,.1f} MB, above the budget of {limit:,.1f} MB.",
                    cell=cell,
                    size=size / 1e6,
                    limit=self._budget.limit / 1e6,
                ),
                "Set TESSERA_CACHE_BYTES higher, or cut smaller cells.",
            )
        self._budget.make_room(size)

    def _size(self, cell: int) -> int:
        """Bytes in memory, in the model's number format, whatever the precision on disk."""
        return self._store.entry(cell).tokens * self._lm.kv_bytes_per_token
