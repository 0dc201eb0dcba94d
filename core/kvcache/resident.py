"""Cell caches that stay in memory between questions, within a budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import TesseraError
from core.kvcache.store import CacheStore, LoadedCache
from core.models.language_model import LanguageModel


@dataclass(frozen=True)
class ResidentStats:
    """What the resident caches have done so far.

    Attributes:
        hits: Questions that found their cell in memory.
        misses: Questions that had to read it from disk.
        evictions: Caches dropped to make room.
        bytes: Size of the caches in memory now.
        budget: Most bytes allowed.
        cells: Cells in memory, longest unused first.
    """

    hits: int
    misses: int
    evictions: int
    bytes: int
    budget: int
    cells: tuple[int, ...]


class ResidentCaches:
    """The least recently used cache goes first. Safe to share between threads.

    Args:
        store: Where caches are read from.
        lm: The model they are for.
        budget: Most bytes of caches in memory.
    """

    def __init__(self, store: CacheStore, lm: LanguageModel, budget: int) -> None:
        self._store = store
        self._lm = lm
        self._budget = budget
        self._held: OrderedDict[int, tuple[str, LoadedCache]] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, cell: int, ids: Sequence[int] | None = None) -> tuple[LoadedCache, bool]:
        """The cache of a cell, and whether it was in memory already.

        A cache that was rebuilt on disk since is read again.

        Args:
            cell: Number of the cell.
            ids: See ``CacheStore.load``.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: Its cache must not be used.
            TesseraError: It is larger than the budget.
        """
        with self._lock:
            version = self._store.entry(cell).sha256
            held = self._held.get(cell)
            if held and held[0] == version:
                self._held.move_to_end(cell)
                self._hits += 1
                return held[1], True
            self._held.pop(cell, None)
            self._make_room(cell, self._store.entry(cell).bytes)
            loaded = self._store.load(cell, self._lm, ids)
            self._misses += 1
            self._held[cell] = (version, loaded)
            return loaded, False

    def stats(self) -> ResidentStats:
        """Counters, and what is in memory now."""
        with self._lock:
            return ResidentStats(
                self._hits, self._misses, self._evictions, self._bytes(), self._budget, tuple(self._held)
            )

    def clear(self) -> None:
        """Lets go of all caches; the counters stay."""
        with self._lock:
            self._held.clear()

    def _make_room(self, cell: int, size: int) -> None:
        # Before reading, so that old and new together never exceed the budget.
        if size > self._budget:
            raise TesseraError(
                f"The cache of cell {cell} has {size / 1e6:,.1f} MB, above the budget of {self._budget / 1e6:,.1f} MB.",
                "Set TESSERA_CACHE_BYTES higher, or cut smaller cells.",
            )
        while self._bytes() + size > self._budget:
            self._held.popitem(last=False)
            self._evictions += 1

    def _bytes(self) -> int:
        return sum(loaded.bytes for _, loaded in self._held.values())
