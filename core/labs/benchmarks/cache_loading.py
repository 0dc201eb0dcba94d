"""How long a cell takes to load: from the disk, from the page cache, and what memory-mapping a file hides.

A mapped file "loads" in a millisecond, because nothing has been read yet; the first question then waits for the pages.
Tessera reads the file instead, so that its load time is complete, and measures mapping for comparison.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from safetensors import safe_open

from core.errors import TesseraError
from core.kvcache.storage import LocalStorage
from core.kvcache.store import CacheStore
from core.models.language_model import LanguageModel
from core.trace import timed


@dataclass(frozen=True)
class LoadTimes:
    """Milliseconds (medians) to have one cell in memory.

    Attributes:
        cold: Our load, with the file dropped from the page cache; None where the system cannot drop it.
        warm: Our load, with the file in the page cache.
        mapped: Mapping the file, nothing touched: what is often reported as loading.
        touched: Mapping it and touching every byte.
        read: Reading the bytes alone, warm: the floor.
    """

    cold: float | None
    warm: float
    mapped: float
    touched: float
    read: float
    bytes: int


def measure_loading(store: CacheStore, lm: LanguageModel, cell: int, repeats: int = 5) -> LoadTimes:
    """Loads a cell several times in each way.

    The checksum is computed once, before the clock: a file that has not been touched is not verified twice.

    Raises:
        ArtefactMissing: The cell has no cache.
        TesseraError: The caches are not on this machine.
    """
    path = store.path(store.entry(cell))
    store.load(cell, lm)
    return LoadTimes(
        cold=_clock(lambda: store.load(cell, lm), repeats, lambda: drop_from_page_cache(path)) if can_drop() else None,
        warm=_clock(lambda: store.load(cell, lm), repeats),
        mapped=_clock(lambda: _map(path, touch=False), repeats),
        touched=_clock(lambda: _map(path, touch=True), repeats),
        read=_clock(lambda: LocalStorage(path.parent).read(path.name), repeats),
        bytes=path.stat().st_size,
    )


def can_drop() -> bool:
    """Whether this system lets a program drop a file from the page cache (Linux does)."""
    return hasattr(os, "posix_fadvise")


def drop_from_page_cache(path: Path) -> None:
    """Makes the next read of a file come from the disk.

    Raises:
        TesseraError: This system cannot.
    """
    if not can_drop():
        raise TesseraError(
            "A file can only be dropped from the page cache on Linux.", "Measure cold loads there, or after a restart."
        )
    with path.open("rb") as file:
        os.fsync(file.fileno())  # pages that are not on the disk yet would stay
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _map(path: Path, touch: bool) -> None:
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118 - the handle is no dict
            tensor = file.get_tensor(name)
            if touch:
                tensor.clone()


def _clock(run: Callable[[], object], repeats: int, before: Callable[[], None] = lambda: None) -> float:
    times = []
    for _ in range(repeats):
        before()
        times.append(timed(run)[1])
    return median(times)
