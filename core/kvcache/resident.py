"""Cell caches that stay in memory between questions, within a budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from core.errors import ArtefactStale, TesseraError
from core.kvcache.budget import Budget
from core.kvcache.cell_file import REMEDY, cell_key
from core.kvcache.store import CacheStore, LoadedCache
from core.models.language_model import LanguageModel


@dataclass(frozen=True)
class CellUse:
    """What has become of one cell since the caches were opened.

    Attributes:
        hits: Questions that found it in memory.
        misses: Questions that had to read it.
        evictions: Times it was dropped to make room.
        last: When it was last asked for: UTC, ISO 8601 to the second; empty when it was only fetched ahead.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    last: str = ""


@dataclass(frozen=True)
class ResidentStats:
    """What the resident caches have done so far.

    Attributes:
        location: Where the caches are read from.
        hits: Questions that found their cell in memory.
        misses: Questions that had to read it.
        evictions: Caches dropped to make room.
        bytes: Size of the caches in memory now.
        budget: Most bytes allowed, for these and all that share the budget.
        cells: Cells in memory, longest unused first.
        pinned: Cells that never leave.
        uses: The same by cell.
        failed_ahead: Cells that could not be fetched ahead; whoever asks for one of them is told why.
    """

    location: str
    hits: int
    misses: int
    evictions: int
    bytes: int
    budget: int
    cells: tuple[int, ...]
    pinned: tuple[int, ...]
    uses: dict[int, CellUse]
    failed_ahead: int


class ResidentCaches:
    """The least recently used cache goes first, pinned ones never. Safe to share between threads.

    Args:
        store: Where caches are read from.
        lm: The model they are for.
        budget: Most bytes of caches in memory, for these alone; or a budget that they share with others.
        ahead: Whether ``prefetch`` does anything.
    """

    def __init__(self, store: CacheStore, lm: LanguageModel, budget: int | Budget, ahead: bool = False) -> None:
        self._store = store
        self._lm = lm
        self._budget = budget if isinstance(budget, Budget) else Budget(budget)
        self._ahead = ahead
        self._held: OrderedDict[int, tuple[str, LoadedCache]] = OrderedDict()
        self._used: dict[int, int] = {}
        self._pinned: set[int] = set()
        self._fetching: dict[int, threading.Thread] = {}
        self._reserved: dict[int, int] = {}
        self._uses: dict[int, CellUse] = {}
        self._failed_ahead = 0
        self._lock = self._budget.lock
        self._budget.join(self)

    def get(self, cell: int, ids: Sequence[int] | None = None) -> tuple[LoadedCache, bool]:
        """The cache of a cell, and whether it was in memory already.

        A cache that was rebuilt since is read again; one that is just being fetched ahead is waited for.

        Args:
            cell: Number of the cell.
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
            held = self._current(cell)
            if held:
                _check_tokens(held, ids)
                self._held.move_to_end(cell)
            loaded = held or self._read(cell, ids)
            self._used[cell] = self._budget.use()
            use = self._uses.get(cell, CellUse())
            counted = replace(use, hits=use.hits + 1) if held else replace(use, misses=use.misses + 1)
            self._uses[cell] = replace(counted, last=datetime.now(timezone.utc).isoformat(timespec="seconds"))
            return loaded, held is not None

    def pin(self, cell: int, ids: Sequence[int] | None = None) -> None:
        """Reads a cell, if it is not in memory, and keeps it there until ``unpin``; raises like ``get``."""
        with self._lock:
            if self._current(cell) is None:
                self._read(cell, ids)
                self._used[cell] = self._budget.use()
            self._pinned.add(cell)

    def unpin(self, cell: int) -> None:
        """Lets a cell leave when room is needed."""
        with self._lock:
            self._pinned.discard(cell)

    def prefetch(self, cell: int, ids: Sequence[int] | None = None) -> None:
        """Reads a cell in the background, in case the next question needs it; does nothing unless ``ahead``.

        Call it after the last token: a disk that is busy, or a core that copies, would disturb the clock of an answer.
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
                location=self._store.storage.location,
                hits=sum(use.hits for use in uses),
                misses=sum(use.misses for use in uses),
                evictions=sum(use.evictions for use in uses),
                bytes=self.held_bytes(),
                budget=self._budget.limit,
                cells=tuple(self._held),
                pinned=tuple(sorted(self._pinned)),
                uses=dict(self._uses),
                failed_ahead=self._failed_ahead,
            )

    def clear(self) -> None:
        """Lets go of all caches, pinned ones too; the counters stay."""
        with self._lock:
            self._held.clear()
            self._pinned.clear()

    def held_bytes(self) -> int:
        """Bytes in memory, or set aside for what is being read."""
        return sum(loaded.bytes for _, loaded in self._held.values()) + sum(self._reserved.values())

    def pinned_bytes(self) -> int:
        """Bytes of what is pinned."""
        return sum(loaded.bytes for number, (_, loaded) in self._held.items() if number in self._pinned)

    def oldest(self) -> tuple[int, int] | None:
        """When the longest unused cell that may go was used, and its number; what nobody asked for goes first."""
        free = (number for number in self._held if number not in self._pinned)
        number = next(free, None)
        return None if number is None else (self._used.get(number, 0), number)

    def evict(self, number: int) -> None:
        """Lets a cell go, and counts it."""
        del self._held[number]
        self._used.pop(number, None)
        use = self._uses.get(number, CellUse())
        self._uses[number] = replace(use, evictions=use.evictions + 1)

    def _current(self, cell: int) -> LoadedCache | None:
        """What is held of a cell, unless it was rebuilt since."""
        version = self._store.entry(cell).sha256
        held = self._held.get(cell)
        if held and held[0] == version:
            return held[1]
        self._held.pop(cell, None)
        return None

    def _read(self, cell: int, ids: Sequence[int] | None) -> LoadedCache:
        self._make_room(cell)
        loaded = self._store.load(cell, self._lm, ids)
        self._held[cell] = (self._store.entry(cell).sha256, loaded)
        return loaded

    def _fetch(self, cell: int, ids: Sequence[int] | None) -> None:
        """Reads without the lock, so that a question for another cell need not wait."""
        try:
            with self._lock:
                self._make_room(cell)
                self._reserved[cell] = self._size(cell)
                version = self._store.entry(cell).sha256
            loaded = self._store.load(cell, self._lm, ids)
            with self._lock:
                self._held[cell] = (version, loaded)
                self._held.move_to_end(cell, last=False)  # a guess goes before what was really asked for
        except TesseraError:
            self._failed_ahead += 1
        finally:
            with self._lock:
                self._reserved.pop(cell, None)
                self._fetching.pop(cell, None)

    def _make_room(self, cell: int) -> None:
        # Before reading, so that old and new together never exceed the budget.
        size = self._size(cell)
        pinned = self._budget.pinned()
        if size + pinned > self._budget.limit:
            beside = f" beside {pinned / 1e6:,.1f} MB that are pinned" if pinned else ""
            raise TesseraError(
                f"The cache of cell {cell} takes {size / 1e6:,.1f} MB{beside}, above the budget of "
                f"{self._budget.limit / 1e6:,.1f} MB.",
                "Set TESSERA_CACHE_BYTES higher, or cut smaller cells.",
            )
        self._budget.make_room(size)

    def _size(self, cell: int) -> int:
        """Bytes in memory: decoded, whatever the precision on disk."""
        return self._store.entry(cell).tokens * self._lm.kv_bytes_per_token


def _check_tokens(held: LoadedCache, ids: Sequence[int] | None) -> None:
    if ids is not None and cell_key(ids, held.passage_ids) != held.key:
        raise ArtefactStale(f"The cache of cell {held.cell} cannot be used: its passages have changed since.", REMEDY)
