"""Blocks on disk: for every cell a file with the head and each of its passages, computed behind the head alone.

    head | passage | passage | ...      no passage has seen another; keys are rotated for where they lie in the file

The files are those of whole-cell caches, in a folder of their own. Their digest begins with a mark that no token has,
so that neither kind is ever taken for the other. They are kept in the model's number format, in the workspace or in the
storage of the settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from core.corpus.types import Passage
from core.errors import ArtefactStale
from core.jobs import Progress, Work
from core.kvcache.cell_file import Built, Layers, cell_key, file_name, store_cell
from core.kvcache.compose import Block, head_layers, join, passage_block
from core.kvcache.resident import ResidentCaches
from core.kvcache.store import CacheStore, CellEntry, Index
from core.models.language_model import LanguageModel
from core.said import said
from core.workspace import MANIFEST, Manifest, write_manifest

KIND = "blocks"
STAGE = "Computing blocks, in tokens"
_MARK = -1


def build_blocks(
    folder: Path,
    lm: LanguageModel,
    cells: Sequence[Sequence[Passage]],
    inputs: Mapping[str, str],
    force: bool = False,
    location: str = "",
) -> Work:
    """Brings the blocks of one model in line with ``cells``; goes on where an earlier build stopped.

    Args:
        folder: Where their manifest lives, held for writing by the caller.
        lm: The model.
        cells: Passages of each cell.
        inputs: Fingerprints for the manifest, which is written when all cells are there.
        force: Compute blocks again that still hold.
        location: URL of the storage for blocks and index; empty keeps them in ``folder``.

    Yields:
        A step per passage.

    Raises:
        TesseraError: The keys of this model cannot be moved, or the disk or storage refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store, built = CacheStore(location or folder), Built.by(lm)
    kept = {} if force else _kept(store, built)
    entries = [_entry(lm, number, passages) for number, passages in enumerate(cells)]
    index = Index(built, {e.cell: replace(kept[e.key], cell=e.cell) if e.key in kept else e for e in entries})
    (folder / MANIFEST).unlink(missing_ok=True)
    store.write_index(index)
    owned = {file_name(key) for key in kept.keys() & {entry.key for entry in entries}}
    for name in store.storage.sizes():
        if name.startswith(("cell-", ".cell-")) and name not in owned:
            store.storage.delete(name)
    yield from _compute(store, lm, cells, index)
    write_manifest(folder, _manifest(lm, index, inputs))


def block_ids(lm: LanguageModel, passages: Sequence[Passage]) -> list[int]:
    """What the blocks of a cell must stand for: give it to ``CacheStore.load``."""
    return [_MARK, *lm.prompt.context(passages)]


@dataclass(frozen=True)
class Gathered:
    """Blocks taken out of the cells they are kept in.

    Attributes:
        head: Keys and values of the head.
        blocks: One for each passage, in the order asked for.
        hits: Cells that were in memory.
        misses: Cells that had to be read.
    """

    head: Layers
    blocks: list[Block]
    hits: tuple[int, ...]
    misses: tuple[int, ...]


def gather(
    caches: ResidentCaches,
    lm: LanguageModel,
    cells: Mapping[int, Sequence[Passage]],
    chosen: Sequence[tuple[int, Passage]],
) -> Gathered:
    """Opens the cells of the chosen passages and takes their blocks; nothing is copied.

    Args:
        caches: Over a store of blocks.
        lm: The model.
        cells: Passages of each cell that is named.
        chosen: Cell and passage, in the order in which they shall stand.

    Raises:
        ArtefactMissing: A cell has no blocks.
        ArtefactStale: Its blocks must not be used.
    """
    head_tokens = len(lm.prompt.head)
    found: dict[str, Block] = {}
    head: Layers = []
    hits: list[int] = []
    misses: list[int] = []
    for cell in dict.fromkeys(cell for cell, _ in chosen):
        loaded, hit = caches.get(cell, block_ids(lm, cells[cell]))
        (hits if hit else misses).append(cell)
        head = [(keys[:, :, :head_tokens], values[:, :, :head_tokens]) for keys, values in loaded.layers]
        start = head_tokens
        for passage in cells[cell]:
            end = start + len(lm.prompt.passage(passage))
            found[passage.id] = Block([(k[:, :, start:end], v[:, :, start:end]) for k, v in loaded.layers], start)
            start = end
    return Gathered(head, [found[passage.id] for _, passage in chosen], tuple(hits), tuple(misses))


def _compute(store: CacheStore, lm: LanguageModel, cells: Sequence[Sequence[Passage]], index: Index) -> Work:
    total = sum(entry.tokens for entry in index.cells.values())
    done = sum(entry.tokens for entry in index.cells.values() if entry.sha256)
    kept = sum(bool(entry.sha256) for entry in index.cells.values())
    yield Progress(STAGE, done, total, said("{n} of {total} cells kept", n=kept, total=len(cells)))
    head = head_layers(lm)
    for entry in [entry for entry in index.cells.values() if not entry.sha256]:
        began = time.perf_counter()
        blocks: list[Block] = []
        for block in _blocks_of(lm, head, cells[entry.cell]):
            blocks.append(block)
            fed = sum(each.tokens for each in blocks)
            yield Progress(STAGE, done + fed, total, said("cell {n} of {total}", n=entry.cell + 1, total=len(cells)))
        cache = join(lm, head, blocks)
        size, digest = store_cell(store.storage, file_name(entry.key), cache, entry.key, entry.passage_ids, index.built)
        seconds = round(time.perf_counter() - began, 4)
        index.cells[entry.cell] = replace(entry, bytes=size, sha256=digest, build_s=seconds)
        store.write_index(index)
        done += entry.tokens
    yield Progress(STAGE, total, total)


def _blocks_of(lm: LanguageModel, head: Layers, passages: Sequence[Passage]) -> Iterator[Block]:
    for passage in passages:
        yield passage_block(lm, head, lm.prompt.passage(passage))


def _entry(lm: LanguageModel, number: int, passages: Sequence[Passage]) -> CellEntry:
    ids, passage_ids = block_ids(lm, passages), tuple(passage.id for passage in passages)
    return CellEntry(number, cell_key(ids, passage_ids), passage_ids, len(ids) - 1)


def _kept(store: CacheStore, built: Built) -> dict[str, CellEntry]:
    """Cells that are there and whole, by key; none when another model computed them."""
    try:
        index = store.index()
    except ArtefactStale:
        return {}  # a damaged index vouches for nothing
    if index is None or index.built != built:
        return {}
    return {entry.key: entry for entry in index.cells.values() if entry.sha256 and _holds(store, entry)}


def _holds(store: CacheStore, entry: CellEntry) -> bool:
    try:
        store.verified(entry)
    except ArtefactStale:
        return False  # it is computed again
    return True


def _manifest(lm: LanguageModel, index: Index, inputs: Mapping[str, str]) -> Manifest:
    entries = index.cells.values()
    params = {
        "cells": len(index.cells),
        "passages": sum(len(entry.passage_ids) for entry in entries),
        "tokens": sum(entry.tokens for entry in entries),
        "bytes": sum(entry.bytes for entry in entries),
        "model": lm.identity.name,
        "reader": bool(lm.identity.adapter),
        "dtype": index.built.dtype,
    }
    seconds = sum(entry.build_s for entry in entries)
    return Manifest(KIND, dict(inputs), params, {}, datetime.now(timezone.utc).isoformat(), seconds)
