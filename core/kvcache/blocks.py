"""Stored blocks: the keys and values of single passages, each prefilled right after the head.

    row 0    passage      positions h, h+1, ...      one file per block; no block attends to another passage
    row 1    passage      positions h, h+1, ...      h = tokens of the head

A block is stored with the positions right after the head. ``core.kvcache.compose`` rotates it to its final position
when blocks are joined. A block depends on its passage and the model only, so a changed passage costs one block,
whatever the partition. Files, index and errors are those of whole-cell caches, with the row of a passage as the cell
number. The digest of a block starts with a mark that is no token id, so that blocks and caches cannot be confused.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.corpus.types import Passage
from core.jobs import Work
from core.kvcache.build import CellKind, build_cells
from core.kvcache.cell_file import Layers
from core.kvcache.compose import head_layers, join, passage_block
from core.kvcache.lru import ResidentCaches, ResidentStats
from core.kvcache.store import CacheStore
from core.kvcache.variants import BLOCKS
from core.models.budget import Budget
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.models.side_by_side import SideBySide

STAGE = "Computing blocks, in tokens"
_MARK = -2
"""Up to version 0.3, blocks were stored per cell at their positions in that cell, with the mark -1."""


def build_blocks(
    folder: Path, lm: LanguageModel, passages: Sequence[Passage], inputs: Mapping[str, str], **options: Any
) -> Work:
    """Brings the blocks of one model and precision in line with ``passages``; see ``build_cells`` for the options."""
    return build_cells(folder, lm, [[passage] for passage in passages], inputs, single_passages, **options)


def single_passages(lm: LanguageModel) -> CellKind:
    """Blocks, as a kind of cell."""
    head = head_layers(lm)

    def compute(members: Sequence[Passage]) -> Generator[int, None, Layers]:
        ids = lm.prompt.passage(members[0])
        block = passage_block(lm, head, ids)
        yield len(ids)
        return block

    return CellKind(BLOCKS, STAGE, "block {n} of {total}", "{n} of {total} blocks kept", compute, (_MARK,), whole=False)


def block_ids(lm: LanguageModel, passage: Passage) -> list[int]:
    """The ``ids`` with which ``CacheStore.load`` verifies the block of a passage."""
    return [_MARK, *lm.prompt.context([passage])]


class PassageBlocks:
    """Loads the blocks of a corpus and joins them into sessions."""

    def __init__(self, store: CacheStore, lm: LanguageModel, passages: Sequence[Passage], budget: int | Budget) -> None:
        self._lm, self._passages = lm, passages
        self._head = head_layers(lm)
        self._resident = ResidentCaches(store, lm, budget)
        self._ids: dict[int, list[int]] = {}

    def load(self, rows: Sequence[int]) -> tuple[list[Layers], list[bool]]:
        """The blocks of some passages, and whether each was in memory already.

        Raises:
            ArtefactMissing: A passage has no block.
            ArtefactStale: A block was computed from another text or by another model, or is damaged.
        """
        blocks = [self._resident.get(row, self._block_ids(row)) for row in rows]
        return [loaded.layers for loaded, _ in blocks], [hit for _, hit in blocks]

    def join(self, rows: Sequence[int], blocks: Sequence[Layers]) -> Session:
        """A session whose cache is the head and these blocks; see ``core.kvcache.compose.join``."""
        lm = self._lm
        segments = (lm.prompt.passage(self._passages[row]) for row in rows)
        return join(lm, self._head, blocks, [*lm.prompt.head, *(token for ids in segments for token in ids)])

    def beside(self, rows: Sequence[int], blocks: Sequence[Layers]) -> SideBySide:
        """These passages, to be read one at a time: their keys stay as they are stored."""
        passages = [self._lm.prompt.passage(self._passages[row]) for row in rows]
        return SideBySide(self._lm, passages, new_buffer(len(self._head), self._head, *blocks))

    def stats(self) -> ResidentStats:
        """Which blocks are in memory, and how often each was used."""
        return self._resident.stats()

    def _block_ids(self, row: int) -> list[int]:
        """Token ids of a block, tokenised once: the passages of an open method do not change."""
        if row not in self._ids:
            self._ids[row] = block_ids(self._lm, self._passages[row])
        return self._ids[row]
