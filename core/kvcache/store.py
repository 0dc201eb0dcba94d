"""The cell store: cell files and their index ``cells.json``, in a folder or an object store.

In storage that several workspaces share, all cells of one model and number format lie in the same folder, and every
build has its own index there (``cells-1f0c....json``). A cell that any index lists is kept and can be reused by all;
its file is never overwritten.

The index is replaced after every finished cell, so an interrupted build loses at most the cell being computed. ``load``
returns a cache only if the index, the file's header, its checksum, the model and (if given) the tokens agree: a model
would accept a wrong cache without an error and answer from it.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.kvcache.identity import CacheIdentity, cell_key, file_name
from core.kvcache.storage import LocalStorage, storage_at
from core.kvcache.storage_base import Content, Stamp
from core.messages import Message, message

if TYPE_CHECKING:
    from core.kvcache.cell_file import LoadedCache
    from core.models.language_model import LanguageModel

INDEX = "cells.json"
_INDEXES = re.compile(r"cells(-[0-9a-f]+)?\.json")
FORMAT = 1
CellStatus = Literal["missing", "ready", "damaged"]
_verified: set[tuple[str, str, Stamp]] = set()
"""Files whose checksum this process has verified and that have not changed since."""
_NAMES = {"caches": "the cache of cell {n}", "blocks": "the block of passage {n}"}


@dataclass(frozen=True)
class CellEntry:
    """One cell in the index.

    Attributes:
        key: Digest of tokens and passages, see ``cell_key``.
        passage_ids: Passages in the order in which they were prefilled.
        tokens: Tokens of the head and all passages.
        bytes: Size of the file; 0 until it is built.
        sha256: Checksum of the file; empty until it is built.
        build_s: Seconds spent on prefill and writing.
        file: Name of its file; empty if it follows from ``key``.
    """

    cell: int
    key: str
    passage_ids: tuple[str, ...]
    tokens: int
    bytes: int = 0
    sha256: str = ""
    build_s: float = 0.0
    file: str = ""

    @property
    def name(self) -> str:
        """Name of its file."""
        return self.file or file_name(self.key)

    def status(self, sizes: Mapping[str, int]) -> CellStatus:
        """State of its file, given the size of every file by name."""
        if not self.sha256:
            return "missing"
        return "ready" if sizes.get(self.name) == self.bytes else "damaged"


@dataclass(frozen=True)
class CellState:
    """State of the cache of one cell.

    Attributes:
        status: missing (not built yet), ready, or damaged (the file is missing or has the wrong size).
        bytes: Size on disk; 0 unless ready.
    """

    cell: int
    status: CellStatus
    passages: int
    tokens: int
    bytes: int
    build_s: float


@dataclass(frozen=True)
class Index:
    """All cells of a build, by number, and the identity of the model that built them."""

    identity: CacheIdentity
    cells: dict[int, CellEntry]


class CacheStore:
    """The whole-cell caches or the blocks at one location.

    Args:
        location: A folder (which need not exist yet), an fsspec URL of a folder, or the URL of an index in a shared
            folder (``.../cells-1f0c.json``).
    """

    def __init__(self, location: Path | str, kind: str = "caches") -> None:
        self.kind = kind
        folder, _, name = str(location).rpartition("/")
        self.shared = bool(_INDEXES.fullmatch(name))
        self.storage = storage_at(folder if self.shared else location)
        self._name = name if self.shared else INDEX
        self._index: Index | None = None
        self._index_stamp: Stamp = ()

    @property
    def location(self) -> str:
        """Path or URL, for display."""
        return f"{self.storage.location}/{self._name}" if self.shared else self.storage.location

    @property
    def folder(self) -> Path:
        """The local folder.

        Raises:
            TesseraError: The caches are not stored on this machine.
        """
        if not isinstance(self.storage, LocalStorage):
            raise TesseraError(
                message("The caches are at {place}, not in a folder of this machine.", place=self.storage.location),
                "Fetch them first.",
            )
        return self.storage.folder

    def index(self) -> Index | None:
        """The current index; None before the first build.

        Raises:
            ArtefactStale: The index is damaged.
        """
        stamp = self.storage.stamp(self._name)
        if stamp != self._index_stamp:
            self._index = self._read(self._name) if stamp else None
            self._index_stamp = stamp
        return self._index

    def indexes(self) -> list[Index | None]:
        """All indexes in this storage, this store's own last; None for each one that cannot be read."""
        names = [name for name in self.storage.sizes() if _INDEXES.fullmatch(name)]
        indexes: list[Index | None] = []
        for name in sorted(names, key=lambda name: name == self._name):
            try:
                indexes.append(self._read(name))
            except ArtefactStale:
                indexes.append(None)
        return indexes

    def unbuilt(self, entry: CellEntry) -> CellEntry:
        """The entry of a cell before it is built here; in shared storage its file gets a unique name."""
        shared = f"cell-{entry.key}-{uuid.uuid4().hex[:8]}.safetensors"
        return replace(entry, bytes=0, sha256="", build_s=0.0, file=shared if self.shared else "")

    def sweep(self) -> None:
        """Removes cells that no index lists, and files that a crash left incomplete."""
        files = self.storage.sizes()  # listed before the indexes are read, so that a cell written meanwhile is kept
        indexes = self.indexes()
        if self.shared and None in indexes:
            return  # the damaged index may list any of the cells
        needed = {entry.name for index in indexes if index for entry in index.cells.values()}
        # In a shared folder, an incomplete file may belong to a build that is still running.
        leftovers = ("cell-",) if self.shared else ("cell-", ".cell-", f".{INDEX}-")
        for name in files:
            if name.startswith(leftovers) and name not in needed:
                self.storage.delete(name)

    def release(self) -> None:
        """Removes the index, and the cells that no other index lists."""
        self.storage.delete(self._name)
        self._index, self._index_stamp = None, ()
        self.sweep()

    def write_index(self, index: Index) -> None:
        """Replaces the index atomically."""
        content = {
            "format": FORMAT,
            "built": asdict(index.identity),
            "cells": [asdict(entry) for entry in index.cells.values()],
        }
        self.storage.write(self._name, json.dumps(content, ensure_ascii=False, indent=1).encode())

    def path(self, entry: CellEntry) -> Path:
        """Local path of a cell's file."""
        return self.folder / entry.name

    def entry(self, cell: int) -> CellEntry:
        """The index entry of a cell that has been built.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: The index is damaged.
        """
        index = self.index()
        entry = index.cells.get(cell) if index else None
        if entry is None or not entry.sha256:
            raise ArtefactMissing(message("Missing: {cache}.", cache=self.label(cell)), kinds=(self.kind,))
        return entry

    def label(self, cell: int) -> Message:
        """How messages refer to a cell, such as "the block of passage 3"."""
        return message(_NAMES[self.kind], n=cell)

    def states(self) -> list[CellState]:
        """State of every cell, from the index and the file sizes; empty before the first build."""
        index = self.index()
        sizes = self.storage.sizes() if index else {}
        states = []
        for entry in index.cells.values() if index else ():
            status = entry.status(sizes)
            size = entry.bytes if status == "ready" else 0
            states.append(CellState(entry.cell, status, len(entry.passage_ids), entry.tokens, size, entry.build_s))
        return states

    def load(self, cell: int, lm: LanguageModel, ids: Sequence[int] | None = None) -> LoadedCache:
        """Reads the cache of a cell after verifying it.

        Args:
            ids: Token ids that it must have been built from, ``lm.prompt.context(passages)``; None skips this check.

        Raises:
            ArtefactMissing: The cell has no cache.
            ArtefactStale: It was built from other tokens or by another model, or its file is damaged.
        """
        from core.kvcache.cell_file import (
            LoadedCache,
            decode_cell,  # torch, which a listing of what is stored need not load
        )

        entry = self.entry(cell)
        index = self.index()
        reason = index.identity.mismatch(CacheIdentity.of(lm, index.identity.precision)) if index else ""
        if not reason and ids is not None and cell_key(ids, entry.passage_ids) != entry.key:
            reason = "its text has changed since"
        if reason:
            raise self.refusal(cell, reason)
        layers = decode_cell(self.read_verified(entry), entry.name, entry.key, lm, self.kind)
        if layers[0][0].shape[2] != entry.tokens:
            raise self.refusal(cell, "it has another length than the index says")
        size = sum(tensor.nbytes for pair in layers for tensor in pair)
        return LoadedCache(cell, entry.key, layers, entry.tokens, entry.passage_ids, size)

    def verify(self, entry: CellEntry) -> None:
        """Compares size and checksum of a cell's file with the index, unless this process has already done so.

        Raises:
            ArtefactStale: The file is missing, truncated or corrupt.
        """
        if (entry.sha256, entry.name, self._stamp(entry)) not in _verified:
            self.read_verified(entry)

    def read_verified(self, entry: CellEntry) -> Content:
        """Content of a cell's file, after comparing size and checksum with the index.

        Raises:
            ArtefactStale: The file is missing, truncated or corrupt.
        """
        version = entry.sha256, entry.name, self._stamp(entry)
        content = self._content(entry.name)
        if version not in _verified:
            if hashlib.sha256(content.data).hexdigest() != entry.sha256:
                raise self.refusal(entry.cell, "its file is corrupt: the checksum differs")
            _verified.add(version)
        return content

    def refusal(self, cell: int, reason: str) -> ArtefactStale:
        """The error that says why a cell's cache must not be used."""
        what = message("{cache} cannot be used: {reason}.", cache=self.label(cell), reason=message(reason))
        return ArtefactStale(what, kinds=(self.kind,))

    def _stamp(self, entry: CellEntry) -> Stamp:
        stamp = self.storage.stamp(entry.name)
        if not stamp or stamp[0] != entry.bytes:
            raise self.refusal(entry.cell, "its file is missing or cut short")
        return stamp

    def _content(self, name: str) -> Content:
        try:
            return self.storage.read(name)
        except OSError as error:
            what = message("{name} cannot be read ({error}).", name=name, error=error)
            raise ArtefactStale(what, kinds=(self.kind,)) from error

    def _read(self, name: str) -> Index:
        try:
            content = json.loads(self._content(name).tobytes())
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}")
            entries = [CellEntry(**{**cell, "passage_ids": tuple(cell["passage_ids"])}) for cell in content["cells"]]
            return Index(CacheIdentity(**content["built"]), {entry.cell: entry for entry in entries})
        except (ValueError, KeyError, TypeError) as error:
            why = message("The index of the {kind} is damaged ({error}).", kind=message(self.kind), error=error)
            raise ArtefactStale(why, kinds=(self.kind,)) from error
