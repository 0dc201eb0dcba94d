"""Building stored cells: prefills every cell once, with the model that will continue from it.

Whole-cell caches and blocks of single passages share this code; a ``CellKind`` holds the differences. Stored cells
that are still valid are reused, even under another number. Closing the generator loses only the cell being computed;
killing the process also loses the blocks of the last second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from core.artefacts import artefact
from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.jobs import Progress, Work, WorkClock, finish, mapped
from core.kvcache.cell_file import Layers, store_cell, stored
from core.kvcache.compose import cut
from core.kvcache.identity import CacheIdentity, cell_key
from core.kvcache.quantise import bits_per_number
from core.kvcache.storage_base import Parcel, Storage
from core.kvcache.store import CacheStore, CellEntry, Index
from core.manifest import MANIFEST, Manifest, write_manifest
from core.messages import message
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.workers import Computed, Workers, require_same_model

STAGE = "Prefilling cells, in tokens"
_SPARE_BYTES = 50_000_000
_INDEX_EVERY_S = 1.0
"""A block takes a tenth of a second, so an index of thousands is not rewritten after each."""
_SHARD_TOKENS = 2048
"""Tokens of one shard: a second or two of work, which is lost if its worker dies."""
Advance = tuple[int, int, str]
"""Tokens of the cells that have just been stored, tokens done of the one under way, and a note."""


@dataclass(frozen=True)
class CellKind:
    """How one kind of cell is computed and stored.

    Attributes:
        step: Message naming the cell being computed.
        reused: Message naming how many cells were reused.
        compute: Returns the keys and values of passages; yields the tokens done after each chunk.
        mark: Ids put before the tokens in the digest of a cell, so that two kinds never share a file.
        whole: Whether head and passages are prefilled and stored together, and so must fit the context.
    """

    artefact: str
    stage: str
    step: str
    reused: str
    compute: Callable[[Sequence[Passage]], Generator[int, None, Layers]]
    mark: tuple[int, ...] = ()
    whole: bool = True


def whole_cells(lm: LanguageModel) -> CellKind:
    """Cells that are prefilled as one prompt each."""

    def prefill(passages: Sequence[Passage]) -> Generator[int, None, Layers]:
        session = lm.session()
        yield from session.prefill_steps(lm.prompt.context(passages))
        return cut(session.cache, 0, session.length)

    return CellKind("caches", STAGE, "cell {n} of {total}", "{n} of {total} cells kept", prefill)


def build_cells(
    folder: Path,
    lm: LanguageModel,
    cells: Sequence[Sequence[Passage]],
    inputs: Mapping[str, str],
    kind_of: Callable[[LanguageModel], CellKind] = whole_cells,
    force: bool = False,
    precision: str = "auto",
    location: str = "",
    facts: Mapping[str, Any] | None = None,
    workers: Workers | None = None,
) -> Work:
    """Builds the cells that are missing or no longer valid, and removes those that are no longer needed.

    Args:
        folder: Folder of the manifest; the caller holds its lock.
        cells: Passages of each cell, in prompt order.
        inputs: Fingerprints for the manifest, which is written once all cells are stored.
        kind_of: A function at the top of a module, where workers find it.
        precision: See ``core.kvcache.identity.chosen_precision``.
        location: See ``core.kvcache.location``; empty stores cells and index in ``folder``.
        workers: Who computes the cells; None computes them here. It is always this process that stores them.

    Yields:
        Progress in tokens.

    Raises:
        TesseraError: A cell is longer than the model's context, its keys cannot be rotated, or the storage is full or
            reports an error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = kind_of(lm)
    store = CacheStore(location or folder, kind.artefact)
    entries = [store.unbuilt(_entry(lm, kind, number, passages)) for number, passages in enumerate(cells)]
    index = Index(CacheIdentity.of(lm, precision), {entry.cell: entry for entry in entries})
    if not force:
        yield from _reuse(store, index)
    _require_space(store, lm, index)
    if any(not entry.sha256 for entry in index.cells.values()):
        # From here on the manifest is wrong; a new one is written once all cells are stored.
        (folder / MANIFEST).unlink(missing_ok=True)
    store.write_index(index)
    store.sweep()
    shards = _shards(index, cells, kind_of)
    work = _from_workers(store, index, shards, workers) if workers else _here(store, index, shards, kind)
    yield from _store(store, index, kind, work)
    # The manifest need not list the cell files: each is checked against the index when it is read.
    write_manifest(folder, _manifest(index, kind, inputs, {**(facts or {}), "location": location}), "cell-*")


def add_cell(storage: Storage | Parcel, index: Index, entry: CellEntry, layers: Layers, clock: WorkClock) -> None:
    """Writes the file of a cell and adds it to ``index``, which the caller then saves.

    Args:
        index: Updated with the cell's size, checksum and build time.
        clock: Started when the cell's computation began.
    """
    size, digest = store_cell(storage, entry.name, layers, entry.key, entry.passage_ids, index.identity)
    seconds = round(clock.seconds, 4)
    index.cells[entry.cell] = replace(entry, bytes=size, sha256=digest, build_s=seconds)


def _entry(lm: LanguageModel, kind: CellKind, number: int, passages: Sequence[Passage]) -> CellEntry:
    ids, passage_ids = lm.prompt.context(passages), tuple(passage.id for passage in passages)
    if kind.whole and len(ids) >= lm.max_context:
        raise TesseraError(
            message(
                "Cell {cell} has {n:,} tokens, but the model takes {most:,} with the question.",
                cell=number,
                n=len(ids),
                most=lm.max_context,
            ),
            "Cut smaller cells: ask for more cells, or for fewer tokens in each.",
        )
    stored = len(ids) - (0 if kind.whole else len(lm.prompt.head))
    return CellEntry(number, cell_key([*kind.mark, *ids], passage_ids), passage_ids, stored)


def _reuse(store: CacheStore, index: Index) -> Work:
    """Adds cells that are already stored to the index, whatever their number and whichever workspace built them.

    Checksums are compared, because a rebuild is the remedy for a corrupt cell.
    """
    sizes = store.storage.sizes()
    usable = [other for other in store.indexes() if other and other.identity == index.identity]
    stored_cells = (entry for other in usable for entry in other.cells.values())
    by_key = {entry.key: entry for entry in stored_cells if entry.status(sizes) == "ready"}
    for number, entry in list(index.cells.items()) if by_key else ():
        stored = by_key.get(entry.key)
        if stored and _is_intact(store, stored):
            index.cells[number] = replace(stored, cell=number)
        yield Progress("Checking cells that are there", number + 1, len(index.cells))


def _is_intact(store: CacheStore, entry: CellEntry) -> bool:
    try:
        store.verify(entry)
    except ArtefactStale:
        return False
    return True


def _require_space(store: CacheStore, lm: LanguageModel, index: Index) -> None:
    bits = lm.kv_bytes_per_token / lm.dtype.itemsize * bits_per_number(index.identity.precision)
    needed = sum(entry.tokens for entry in index.cells.values() if not entry.sha256) * bits / 8
    free = store.storage.free()
    if free is not None and needed + _SPARE_BYTES > free:
        raise TesseraError(
            message(
                "The caches need {needed:,.1f} GB, but only {free:,.1f} GB are free.",
                needed=needed / 1e9,
                free=free / 1e9,
            ),
            "Free some space, take a smaller corpus, or a smaller precision, such as int8.",
        )


@dataclass(frozen=True)
class CellShard:
    """Some cells that are computed together, and the model that they are for."""

    kind_of: Callable[[LanguageModel], CellKind]
    identity: CacheIdentity
    cells: tuple[tuple[CellEntry, tuple[Passage, ...]], ...]


def compute_cells(models: Models, shard: CellShard) -> list[tuple[CellEntry, bytes]]:
    """The finished entry and the file of each cell: the task of workers.

    Raises:
        ModelError: The worker's model is not the one that the cells are for.
    """
    lm = models.language_model()
    require_same_model(CacheIdentity.of(lm, shard.identity.precision), shard.identity)
    kind, index, files = shard.kind_of(lm), Index(shard.identity, {}), []
    for entry, passages in shard.cells:
        clock, parcel = WorkClock(), Parcel()
        add_cell(parcel, index, entry, finish(kind.compute(passages)), clock)
        files.append((index.cells[entry.cell], parcel.content))
    return files


def _shards(
    index: Index, cells: Sequence[Sequence[Passage]], kind_of: Callable[[LanguageModel], CellKind]
) -> list[CellShard]:
    """The cells that are missing, in shards of about as many tokens."""
    groups: list[list[CellEntry]] = []
    room = 0
    for entry in index.cells.values():
        if not entry.sha256:
            if entry.tokens > room:
                groups.append([])
                room = _SHARD_TOKENS
            groups[-1].append(entry)
            room -= entry.tokens
    return [
        CellShard(kind_of, index.identity, tuple((entry, tuple(cells[entry.cell])) for entry in group))
        for group in groups
    ]


def _here(
    store: CacheStore, index: Index, shards: Sequence[CellShard], kind: CellKind
) -> Generator[Advance, None, None]:
    missing = [cell for shard in shards for cell in shard.cells]
    for ordinal, (entry, passages) in enumerate(missing, start=len(index.cells) - len(missing) + 1):
        clock, note = WorkClock(), message(kind.step, n=ordinal, total=len(index.cells))
        layers = yield from clock.over(mapped(kind.compute(passages), partial(_under_way, note)))
        add_cell(store.storage, index, entry, layers, clock)
        yield entry.tokens, 0, note


def _under_way(note: str, tokens: int) -> Advance:
    return 0, tokens, note


def _from_workers(
    store: CacheStore, index: Index, shards: Sequence[CellShard], workers: Workers
) -> Generator[Advance, None, None]:
    with closing(workers.compute(compute_cells, shards)) as steps:
        for step in steps:
            finished = 0
            for entry, content in step.result if isinstance(step, Computed) else ():
                with stored(store.storage):
                    store.storage.write(entry.name, content)
                index.cells[entry.cell] = entry
                finished += entry.tokens
            yield finished, 0, step.note


def _store(store: CacheStore, index: Index, kind: CellKind, work: Generator[Advance, None, None]) -> Work:
    """Follows the building; whenever this stops, the saved index lists only cells that are stored."""
    total = sum(entry.tokens for entry in index.cells.values())
    ready = [entry.tokens for entry in index.cells.values() if entry.sha256]
    done, saved_at = sum(ready), time.monotonic()
    yield Progress(kind.stage, done, total, message(kind.reused, n=len(ready), total=len(index.cells)))
    try:
        with closing(work):
            for stored_tokens, under_way, note in work:
                done += stored_tokens
                if stored_tokens and (kind.whole or time.monotonic() - saved_at > _INDEX_EVERY_S):
                    store.write_index(index)
                    saved_at = time.monotonic()
                yield Progress(kind.stage, done + under_way, total, note)
    except BaseException:
        with suppress(OSError):  # on a full disk, the index saved a second ago is still valid
            store.write_index(index)
        raise
    store.write_index(index)


def _manifest(index: Index, kind: CellKind, inputs: Mapping[str, str], facts: Mapping[str, Any]) -> Manifest:
    entries = index.cells.values()
    params = {
        "cells": len(entries),
        "passages": sum(len(entry.passage_ids) for entry in entries),
        "tokens": sum(entry.tokens for entry in entries),
        "bytes": sum(entry.bytes for entry in entries),
        "dtype": index.identity.dtype,
        "precision": index.identity.precision,
        "native": index.identity.precision == index.identity.dtype,
        **facts,
    }
    seconds = sum(entry.build_s for entry in entries)
    created, layout = datetime.now(timezone.utc).isoformat(), artefact(kind.artefact).format
    return Manifest(kind.artefact, dict(inputs), params, {}, created, seconds, layout)
