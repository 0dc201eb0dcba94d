"""Cell caches that stay in memory between questions, within a budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from core.errors import TesseraError
from core.kvcache.cell_file import LoadedCache
from core.kvcache.identity import cell_key
from core.kvcache.store import CacheStore
from core.messages import message
from core.models.budget import Budget
from core.models.language_model import LanguageModel


@dataclass(frozen=True)
class CellUse:
    """Usage counters of one cell since the caches were opened.

    Attributes:
        hits: Questions that found it in memory.
        misses: Questions that had to read it from disk.
        evictions: Times it was dropped to make room.
        last: Time of its last use (UTC, ISO 8601 to the second); empty if it was only prefetched.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    last: str = ""


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
    uses: dict[int, CellUse]


class ResidentCaches:
    """An LRU cache of cells with prefetching. Safe to share between threads.

    Args:
        budget: Most bytes of caches in memory, or a budget shared with other caches.
    """

    def __init__(self, store: CacheStore, lm: LanguageModel, budget: int | Budget, ahead: bool = False) -> None:
        self._store = store
        self._lm = lm
        self._budget = budget if isinstance(budget, Budget) else Budget(budget)
        self._ahead = ahead
        self._resident: OrderedDict[int, tuple[str, LoadedCache]] = OrderedDict()
        self._used: dict[int, int] = {}
        self._fetching: dict[int, threading.Thread] = {}
        self._reserved: dict[int, int] = {}
        self._uses: dict[int, CellUse] = {}
        self._lock = self._budget.lock
        self._budget.register(self)

    def get(self, cell: int, ids: Sequence[int] | None = None) -> tuple[LoadedCache, bool]:
        """The cache of a cell, and whether it was in memory already.

        A cache that has been rebuilt is read again. If the cell is being prefetched, this waits for it.

        Args:
            ids: See ``CacheStore.load``.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: Its cache must not be used.
            TesseraError: It is larger than the budget leaves room for.
        """
        for number, thread in list(self._fetching.items()):
            if number == cell or self._size(number) + self._size(cell) > self._budget.limit:
                thread.join()
        with self._lock:
            resident = self._current(cell)
            if resident:
                if ids is not None and cell_key(ids, resident.passage_ids) != resident.key:
                    raise self._store.refusal(cell, "its text has changed since")
                self._resident.move_to_end(cell)
            loaded = resident or self._read(cell, ids)
            self._used[cell] = self._budget.tick()
            use = self._uses.get(cell, CellUse())
            counted = replace(use, hits=use.hits + 1) if resident else replace(use, misses=use.misses + 1)
            self._uses[cell] = replace(counted, last=datetime.now(timezone.utc).isoformat(timespec="seconds"))
            return loaded, resident is not None

    def prefetch(self, cell: int, ids: Sequence[int] | None = None) -> None:
        """Reads a cell in the background if prefetching is on, in case the next question needs it.

        Call it after the last token: reading and copying at the same time would distort the latency of an answer.
        """
        with self._lock:
            if not self._ahead or self._fetching or self._current(cell):
                return
            thread = threading.Thread(target=self._fetch, args=(cell, ids), name=f"prefetch-{cell}", daemon=True)
            self._fetching[cell] = thread
            thread.start()

    def stats(self) -> ResidentStats:
        """Counters, and what is in memory now."""
        with self._lock:
            uses = self._uses.values()
            return ResidentStats(
                location=self._store.location,
                hits=sum(use.hits for use in uses),
                misses=sum(use.misses for use in uses),
                evictions=sum(use.evictions for use in uses),
                bytes=self.resident_bytes(),
                budget=self._budget.limit,
                cells=tuple(self._resident),
                uses=dict(self._uses),
            )

    def resident_bytes(self) -> int:
        """See ``CacheOwner.resident_bytes``."""
        return sum(loaded.bytes for _, loaded in self._resident.values()) + sum(self._reserved.values())

    def least_recent(self) -> tuple[int, int] | None:
        """See ``CacheOwner.least_recent``; a prefetched cell that was never used comes first."""
        number = next(iter(self._resident), None)
        return None if number is None else (self._used.get(number, 0), number)

    def evict(self, number: int) -> None:
        """Drops a cell and counts the eviction."""
        del self._resident[number]
        self._used.pop(number, None)
        use = self._uses.get(number, CellUse())
        self._uses[number] = replace(use, evictions=use.evictions + 1)

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

    def _fetch(self, cell: int, ids: Sequence[int] | None) -> None:
        """Reads a cell without holding the lock, so that questions for other cells need not wait."""
        try:
            with self._lock:
                self._make_room(cell)
                self._reserved[cell] = self._size(cell)
                version = self._store.entry(cell).sha256
            loaded = self._store.load(cell, self._lm, ids)
            with self._lock:
                self._resident[cell] = (version, loaded)
                self._resident.move_to_end(cell, last=False)  # evict guesses before cells that were used
        except TesseraError:
            return  # ``get`` raises it, should the cell be needed
        finally:
            with self._lock:
                self._reserved.pop(cell, None)
                self._fetching.pop(cell, None)

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
