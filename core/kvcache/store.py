"""The store of cell caches: cell files and ``cells.json``, the index of what they hold, in a folder or object store.

The index is replaced after every finished cell, so whatever ends a build, at most the cell under way is lost. A cache
is handed out only when the index, the file's header, its checksum, the model and (where given) the tokens agree;
anything else is refused, because a model accepts a wrong cache without a murmur and answers from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from transformers import DynamicCache

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.kvcache.cell_file import (
    REMEDY,
    Built,
    Layers,
    cell_key,
    decode_cell,
    digest_of_bytes,
    file_name,
    read_bytes,
)
from core.kvcache.storage import LocalStorage, Stamp, storage_at
from core.models.kv_buffer import Lender
from core.models.language_model import LanguageModel

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

        One sequence after another continues in the same buffers; see ``Lender``. Nothing ever writes to the stored
        tokens.
        """
        return self._lender.lend()

    @cached_property
    def _lender(self) -> Lender:
        return Lender(self.layers)


class CacheStore:
    """The cell caches in one place.

    Args:
        location: A folder, which need not exist yet, or a URL that fsspec understands.
    """

    def __init__(self, location: Path | str) -> None:
        self.storage = storage_at(location)
        self._index: Index | None = None
        self._index_stamp: Stamp = ()
        self._verified: dict[str, Stamp] = {}

    @property
    def folder(self) -> Path:
        """The folder on this machine.

        Raises:
            TesseraError: The caches are somewhere else.
        """
        if not isinstance(self.storage, LocalStorage):
            raise TesseraError(
                f"The caches are at {self.storage.location}, not in a folder of this machine.", "Fetch them first."
            )
        return self.storage.folder

    def index(self) -> Index | None:
        """What is there now; None before the first build.

        Raises:
            ArtefactStale: The index is damaged.
        """
        stamp = self.storage.stamp(INDEX)
        if stamp != self._index_stamp:
            self._index = _parse_index(read_bytes(self.storage, INDEX).numpy().tobytes()) if stamp else None
            self._index_stamp = stamp
        return self._index

    def write_index(self, index: Index) -> None:
        """Replaces the index: what it names is there from this moment on."""
        content = {
            "format": FORMAT,
            "built": asdict(index.built),
            "cells": [asdict(entry) for entry in index.cells.values()],
        }
        self.storage.write(INDEX, json.dumps(content, ensure_ascii=False, indent=1).encode())

    def path(self, entry: CellEntry) -> Path:
        """File of a cell on this machine."""
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
        sizes = self.storage.sizes() if index else {}
        states = []
        for entry in index.cells.values() if index else ():
            status = _status(entry, sizes)
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
        reason = index.built.why_unlike(Built.by(lm, index.built.precision)) if index else ""
        if not reason and ids is not None and cell_key(ids, entry.passage_ids) != entry.key:
            reason = "its passages have changed since"
        if reason:
            raise ArtefactStale(f"The cache of cell {cell} cannot be used: {reason}.", REMEDY)
        layers = decode_cell(self.verified(entry), file_name(entry.key), entry.key, lm)
        if layers[0][0].shape[2] != entry.tokens:
            raise ArtefactStale(f"The cache of cell {cell} has another length than the index says.", REMEDY)
        size = sum(tensor.nbytes for pair in layers for tensor in pair)
        return LoadedCache(cell, entry.key, layers, entry.tokens, entry.passage_ids, size)

    def verified(self, entry: CellEntry) -> torch.Tensor:
        """Content of a cell's file [bytes], once size and checksum agree with the index.

        The checksum of a file that has not been touched since is not computed twice.

        Raises:
            ArtefactStale: The file is missing, cut short or corrupt.
        """
        name = file_name(entry.key)
        stamp = self.storage.stamp(name)
        if not stamp or stamp[0] != entry.bytes:
            raise ArtefactStale(f"The cache file of cell {entry.cell} is missing or cut short.", REMEDY)
        content = read_bytes(self.storage, name)
        if self._verified.get(name) != stamp:
            if digest_of_bytes(content) != entry.sha256:
                raise ArtefactStale(f"The cache file of cell {entry.cell} is corrupt: its checksum differs.", REMEDY)
            self._verified[name] = stamp
        return content


def _status(entry: CellEntry, sizes: Mapping[str, int]) -> CellStatus:
    if not entry.sha256:
        return "missing"
    return "ready" if sizes.get(file_name(entry.key)) == entry.bytes else "damaged"


def _parse_index(text: bytes) -> Index:
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        entries = [CellEntry(**{**cell, "passage_ids": tuple(cell["passage_ids"])}) for cell in content["cells"]]
        return Index(Built(**content["built"]), {entry.cell: entry for entry in entries})
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactStale(
            f"The index of the caches is damaged ({error}).", "Rebuild them: `python -m app cache --force`."
        ) from error
