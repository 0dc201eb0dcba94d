"""Building cell caches: every cell is prefilled once, by the model that will continue from it.

Cells whose cache still holds are kept, whatever number they had before. Closing the generator, or killing the
process, loses the cell under way and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.jobs import Progress, Work
from core.kvcache.cell_file import Built, cell_key, file_name, store_cell
from core.kvcache.precision import bits_per_number
from core.kvcache.store import INDEX, CacheStore, CellEntry, Index
from core.models.language_model import LanguageModel
from core.said import said
from core.workspace import MANIFEST, Manifest, write_manifest

STAGE = "Prefilling cells, in tokens"
_SPARE_BYTES = 50_000_000


@dataclass(frozen=True)
class _Task:
    """A cell to have: its tokens, and its entry as far as it is known before the build."""

    ids: list[int]
    entry: CellEntry


def build_caches(
    folder: Path,
    lm: LanguageModel,
    cells: Sequence[Sequence[Passage]],
    inputs: Mapping[str, str],
    force: bool = False,
    precision: str = "auto",
    location: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Work:
    """Brings the caches of one model and precision in line with ``cells``.

    Args:
        folder: Where their manifest lives, held for writing by the caller.
        lm: The model.
        cells: Passages of each cell, in the order in which they are prefilled.
        inputs: Fingerprints for the manifest, which is written when all cells are there.
        force: Build cells again whose cache still holds.
        precision: See ``core.kvcache.precision.chosen_precision``.
        location: URL of the storage for cells and index; empty keeps them in ``folder``.
        facts: Whatever else the manifest shall tell of them.

    Yields:
        A step per chunk of prefill.

    Raises:
        TesseraError: A cell is longer than the model's context, or the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = CacheStore(location or folder)
    tasks = [_task(lm, number, passages) for number, passages in enumerate(cells)]
    index = Index(Built.by(lm, precision), {task.entry.cell: task.entry for task in tasks})
    if not force:
        index = yield from _with_kept(store, index)
    todo = [task for task in tasks if not index.cells[task.entry.cell].sha256]
    _check_room(store, lm, todo, index.built.precision)
    # From here on the folder differs from its manifest; it gets a new one when it is complete.
    (folder / MANIFEST).unlink(missing_ok=True)
    store.write_index(index)
    _sweep(store, index)
    yield from _prefill(store, lm, index, todo)
    write_manifest(folder, _manifest(index, inputs, {**(facts or {}), "location": location}))


def _prefill(store: CacheStore, lm: LanguageModel, index: Index, todo: Sequence[_Task]) -> Work:
    """Builds the missing cells one by one, entering each in the index as soon as its file is there."""
    total = sum(entry.tokens for entry in index.cells.values())
    done = total - sum(task.entry.tokens for task in todo)
    kept = len(index.cells) - len(todo)
    yield Progress(STAGE, done, total, said("{n} of {total} cells kept", n=kept, total=len(index.cells)))
    for ordinal, task in enumerate(todo, start=kept + 1):
        began = time.perf_counter()
        session = lm.session()
        for fed in session.feed(task.ids):
            yield Progress(STAGE, done + fed, total, said("cell {n} of {total}", n=ordinal, total=len(index.cells)))
        name, entry = file_name(task.entry.key), task.entry
        size, digest = store_cell(store.storage, name, session.cache, entry.key, entry.passage_ids, index.built)
        seconds = round(time.perf_counter() - began, 4)
        index.cells[entry.cell] = replace(entry, bytes=size, sha256=digest, build_s=seconds)
        store.write_index(index)
        done += entry.tokens


def _task(lm: LanguageModel, number: int, passages: Sequence[Passage]) -> _Task:
    ids = lm.prompt.context(passages)
    passage_ids = tuple(passage.id for passage in passages)
    if len(ids) >= lm.max_context:
        raise TesseraError(
            f"Cell {number} has {len(ids):,} tokens, but the model takes {lm.max_context:,} with the question.",
            "Cut smaller cells: `python -m app cluster` with more cells or a smaller --cell-tokens.",
        )
    return _Task(ids, CellEntry(number, cell_key(ids, passage_ids), passage_ids, len(ids)))


def _with_kept(store: CacheStore, wanted: Index) -> Generator[Progress, None, Index]:
    """The wanted index with what is on disk filled in, whatever number it had.

    Checksums are compared: who was told that a cell is corrupt and to build again must not be left with it.
    """
    try:
        before = store.index()
    except ArtefactStale:
        return wanted  # an unreadable index vouches for nothing: all is built again
    if before is None or before.built != wanted.built:
        return wanted
    ready = {state.cell for state in store.states() if state.status == "ready"}
    found = {entry.key: entry for entry in before.cells.values() if entry.cell in ready}
    cells = dict(wanted.cells)
    for number, entry in wanted.cells.items():
        kept = found.get(entry.key)
        if kept and _holds(store, kept):
            cells[number] = replace(kept, cell=number)
        yield Progress("Checking cells that are there", number + 1, len(cells))
    return Index(wanted.built, cells)


def _holds(store: CacheStore, entry: CellEntry) -> bool:
    try:
        store.verified(entry)
    except ArtefactStale:
        return False  # it is built again
    return True


def _check_room(store: CacheStore, lm: LanguageModel, todo: Sequence[_Task], precision: str) -> None:
    bits = lm.kv_bytes_per_token / lm.dtype.itemsize * bits_per_number(precision)
    needed = sum(task.entry.tokens for task in todo) * bits / 8
    free = store.storage.free()
    if free is not None and needed + _SPARE_BYTES > free:
        raise TesseraError(
            f"The caches need {needed / 1e9:,.1f} GB, but only {free / 1e9:,.1f} GB are free.",
            "Free some space, take a smaller corpus, or a smaller precision (`--precision int8`).",
        )


def _sweep(store: CacheStore, index: Index) -> None:
    """Removes files that no built cell of the index owns: old cells, and what a crash left half written."""
    owned = {file_name(entry.key) for entry in index.cells.values() if entry.sha256}
    for name in store.storage.sizes():
        if name.startswith(("cell-", ".cell-", f".{INDEX}-")) and name not in owned:
            store.storage.delete(name)


def _manifest(index: Index, inputs: Mapping[str, str], facts: Mapping[str, Any]) -> Manifest:
    entries = index.cells.values()
    params = {
        "cells": len(index.cells),
        "tokens": sum(entry.tokens for entry in entries),
        "bytes": sum(entry.bytes for entry in entries),
        "dtype": index.built.dtype,
        "precision": index.built.precision,
        "native": index.built.precision == index.built.dtype,
        **facts,
    }
    seconds = sum(entry.build_s for entry in entries)
    return Manifest("caches", dict(inputs), params, {}, datetime.now(timezone.utc).isoformat(), seconds)
