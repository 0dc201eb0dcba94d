"""The store of cell caches: a folder of cell files and ``cells.json``, the index of what they hold.

The index is replaced after every finished cell, so whatever ends a build, at most the cell under way is lost. A cache
is handed out only when the index, the file's header, its checksum, the model and (where given) the tokens agree;
anything else is refused, because a model accepts a wrong cache without a murmur and answers from it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from transformers import DynamicCache

from core.errors import ArtefactMissing, ArtefactStale
from core.kvcache.cell_file import REMEDY, Built, Layers, cell_key, checksum, file_name, read_cell
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.workspace import write_atomically

INDEX = "cells.json"
FORMAT = 1
CellStatus = Literal["missing", "ready", "damaged"]


@dataclass(frozen=True)
class CellEntry:
    """What the index says of one cell.

    Attributes:
        cell: Its number in the partition.
        key: Digest of tokens and passages, see ``cell_key``.
        passage_ids: Passages in the order in which they were prefilled.
        tokens: Tokens of the head and all passages.
        bytes: Size of the file; 0 until it is built.
        sha256: Checksum of the file; empty until it is built.
        build_s: Seconds its prefill and writing took.
    """

    cell: int
    key: str
    passage_ids: tuple[str, ...]
    tokens: int
    bytes: int = 0
    sha256: str = ""
    build_s: float = 0.0


@dataclass(frozen=True)
class CellState:
    """Where the cache of one cell stands.

    Attributes:
        cell: Its number.
        status: missing (not built yet), ready, or damaged (the file is gone or has another size).
        passages: Number of passages.
        tokens: Tokens of the head and all passages.
        bytes: Size on disk; 0 unless ready.
        build_s: Seconds its build took.
    """

    cell: int
    status: CellStatus
    passages: int
    tokens: int
    bytes: int
    build_s: float


@dataclass(frozen=True)
class Index:
    """All cells of a build, by number, and by what they were built."""

    built: Built
    cells: dict[int, CellEntry]


@dataclass(frozen=True)
class LoadedCache:
    """A cell's keys and values, ready to be continued. Never changed: every question gets its own ``cache()``.

    Attributes:
        cell: Number of the cell.
        key: Digest of tokens and passages.
        layers: Keys and values of each layer, [1, kv_heads, tokens, head_dim], on the model's device.
        tokens: Length of the cache.
        passage_ids: Passages it holds, in order.
        bytes: Size of the tensors.
    """

    cell: int
    key: str
    layers: Layers
    tokens: int
    passage_ids: tuple[str, ...]
    bytes: int

    def cache(self) -> DynamicCache:
        """A cache to continue from, with room to grow.

        It shares the stored tensors until the first new token, which copies them once into a buffer of its own;
        nothing ever writes to them.
        """
        cache = new_buffer(len(self.layers))
        layers: list[Any] = cache.layers
        for layer, (keys, values) in zip(layers, self.layers, strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        return cache


class CacheStore:
    """The cell caches in one folder.

    Args:
        folder: ``workspace.folder("caches")``; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index: Index | None = None
        self._index_stamp: tuple[int, ...] = ()
        self._verified: dict[str, tuple[int, ...]] = {}

    def index(self) -> Index | None:
        """What the folder holds now; None before the first build.

        Raises:
            ArtefactStale: The index is damaged.
        """
        path = self.folder / INDEX
        stamp = _stamp(path)
        if stamp != self._index_stamp:
            self._index = _read_index(path) if stamp else None
            self._index_stamp = stamp
        return self._index

    def write_index(self, index: Index) -> None:
        """Replaces the index."""
        content = {
            "format": FORMAT,
            "built": asdict(index.built),
            "cells": [asdict(entry) for entry in index.cells.values()],
        }
        write_atomically(self.folder / INDEX, json.dumps(content, ensure_ascii=False, indent=1).encode())

    def path(self, entry: CellEntry) -> Path:
        """File of a cell."""
        return self.folder / file_name(entry.key)

    def entry(self, cell: int) -> CellEntry:
        """What the index says of a cell that has been built.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: The index is damaged.
        """
        index = self.index()
        entry = index.cells.get(cell) if index else None
        if entry is None or not entry.sha256:
            raise ArtefactMissing(f"Cell {cell} has no cache yet.", REMEDY)
        return entry

    def states(self) -> list[CellState]:
        """Where every cell stands, by the index and the sizes on disk; empty before the first build."""
        index = self.index()
        states = []
        for entry in index.cells.values() if index else ():
            status = self._status(entry)
            size = entry.bytes if status == "ready" else 0
            states.append(CellState(entry.cell, status, len(entry.passage_ids), entry.tokens, size, entry.build_s))
        return states

    def load(self, cell: int, lm: LanguageModel, ids: Sequence[int] | None = None) -> LoadedCache:
        """Reads the cache of a cell, after checking that it is what it must be.

        Args:
            cell: Number of the cell.
            lm: The model that will continue from it.
            ids: The tokens it must stand for, ``lm.prompt.context(passages)``; None trusts the index on this point.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: It stands for other tokens, was built by another model, or its file is damaged.
        """
        entry = self.entry(cell)
        index = self.index()
        reason = index.built.why_unlike(Built.by(lm)) if index else ""
        if not reason and ids is not None and cell_key(ids, entry.passage_ids) != entry.key:
            reason = "its passages have changed since"
        if reason:
            raise ArtefactStale(f"The cache of cell {cell} cannot be used: {reason}.", REMEDY)
        self._verify(entry)
        layers = read_cell(self.path(entry), entry.key, lm)
        if layers[0][0].shape[2] != entry.tokens:
            raise ArtefactStale(f"The cache of cell {cell} has another length than the index says.", REMEDY)
        size = sum(tensor.nbytes for pair in layers for tensor in pair)
        return LoadedCache(cell, entry.key, layers, entry.tokens, entry.passage_ids, size)

    def _verify(self, entry: CellEntry) -> None:
        """Checks size and checksum; a file that has not been touched since is not read twice."""
        path = self.path(entry)
        stamp = _stamp(path)
        if self._status(entry) != "ready":
            raise ArtefactStale(f"The cache file of cell {entry.cell} is missing or cut short.", REMEDY)
        if self._verified.get(entry.key) != stamp:
            if checksum(path) != entry.sha256:
                raise ArtefactStale(f"The cache file of cell {entry.cell} is corrupt: its checksum differs.", REMEDY)
            self._verified[entry.key] = stamp

    def _status(self, entry: CellEntry) -> CellStatus:
        if not entry.sha256:
            return "missing"
        stamp = _stamp(self.path(entry))
        return "ready" if stamp and stamp[0] == entry.bytes else "damaged"


def _read_index(path: Path) -> Index:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        entries = [CellEntry(**{**cell, "passage_ids": tuple(cell["passage_ids"])}) for cell in content["cells"]]
        return Index(Built(**content["built"]), {entry.cell: entry for entry in entries})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactStale(
            f"The index of the caches is damaged ({error}).", "Rebuild them: `python -m app cache --force`."
        ) from error


def _stamp(path: Path) -> tuple[int, ...]:
    """Size, modification time and inode of a file; empty when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ino
