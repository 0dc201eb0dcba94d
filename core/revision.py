"""A workspace follows its corpus: documents are put in, replaced, taken out; what changed is built, nothing else.

    revise(ws, models, settings, put(corpus, report))      # core.corpus.documents
    revise(ws, models, settings, without(corpus, ["old.pdf"]))
    undo(ws, models, settings)

A passage of the same title and text keeps its vector, one of the same tokens its block, one of the same id, title and
text its z. Cells keep their centroids. Kept answers go: they may quote what is gone. The corpus as it was, its cells
and every z that a change takes away are set aside until the next change, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core import swap
from core.artefacts import DEFAULT_STORE
from core.corpus.originals import keep_originals
from core.corpus.store import load, save, write_corpus
from core.corpus.types import Corpus, Passage, texts
from core.errors import ArtefactMissing, TesseraError
from core.jobs import Progress, Work, WorkClock
from core.kvcache.variants import BLOCKS, WHOLE_CELLS
from core.memory.adaptation import with_document, with_edited, without_document
from core.memory.model import Memory
from core.memory.pool import MemoryPool
from core.memory.store import CARD, Card, load_pool, read_card, save_pool
from core.messages import message
from core.models.embeddings import load_vectors, write_vectors
from core.models.encoder import Vectors, encode_in_batches, truncated_rows
from core.models.registry import Models
from core.pipeline import BEFORE, blocks, cache, open_memory, save_memory, write_cells
from core.removal import indexes, server_in_use
from core.settings import Settings
from core.stores.index import write_index
from core.stores.redis.answer_keys import flush, key_of
from core.voronoi.partition import FILE, Partition, reassigned
from core.workspace import Workspace


class Learned(NamedTuple):
    """What a memory had learned of some documents."""

    pool: MemoryPool
    card: Card

    def holds_for(self, card: Card) -> bool:
        """Whether the memory of a card is the one that learned it: a z says nothing to other weights."""
        same = replace(card, corpus=self.card.corpus, corpus_name=self.card.corpus_name, learned=self.card.learned)
        return same == self.card


def revise(
    ws: Workspace,
    models: Models,
    settings: Settings,
    corpus: Corpus,
    originals: Iterable[tuple[str, bytes]] = (),
    cells: Partition | None = None,
    learned: Learned | None = None,
) -> Work:
    """Brings a workspace in line with another state of its corpus; artefacts that it does not hold are not built.

    All but blocks and caches is computed before anything is written: cancelled until then, the workspace is as it was;
    cancelled later, these two go on where they stopped when they are built again.

    Args:
        ws: Holds the corpus as it was.
        settings: Variant and precision of the blocks and caches that follow; others are stale until they are built.
        originals: Name and content of the files that are new.
        cells: Whose centroids are taken; those of the workspace by default.
        learned: What was learned of documents that come back, where the memory is still the one that learned it.

    Raises:
        TesseraError: It has no passage left.
    """
    if not corpus.passages:
        raise TesseraError("No passage would be left.", "Add another document first, or delete the workspace.")
    with ws.lock():
        before = ws.read("corpus", load)
        clock = WorkClock()
        vectors, fresh = yield from clock.over(_vectors(ws, models, before, corpus))
        spent_s = clock.seconds
        earlier = None if ws.state("partition").status == "missing" else Partition.load(ws.variants("partition")[0])
        partition = _partition(models, corpus, vectors, cells or earlier) if earlier else None
        memory = None if ws.state("memory").status != "ready" else open_memory(ws, models)
        gone = _gone(memory, before, corpus) if memory else None
        after = _followed(memory, before, corpus, learned) if memory else None
        yield Progress("Writing what changed", 0, 1, message("{n:,} passages embedded", n=fresh))
        _set_aside(ws, before, earlier, gone)
        write_corpus(ws, corpus)
        keep_originals(ws, [before, corpus], originals)
        unread = len(truncated_rows(models.encoder(), texts(corpus.passages)))
        write_vectors(ws, models.encoder(), vectors, spent_s, unread)
        for store in (DEFAULT_STORE, *(name for name, _ in indexes(ws))):
            write_index(ws, store, corpus.passages, vectors)
        if partition:
            for _ in write_cells(ws, corpus.passages, vectors, partition):
                pass  # a step here could be the last: cells of the corpus as it was would stay
        if after:
            save_memory(ws, after)
        if server := server_in_use():
            flush(server, key_of(ws))
        yield Progress("Writing what changed", 1, 1)
        for kind, build in ((BLOCKS, blocks), (WHOLE_CELLS, cache)):
            if ws.variants(kind):
                yield from build(ws, models, settings)


def undo(ws: Workspace, models: Models, settings: Settings) -> Work:
    """Takes the last change back; done twice, it is made again.

    Raises:
        ArtefactMissing: Nothing was changed.
    """
    if not can_undo(ws):
        raise ArtefactMissing(message("Nothing was changed in {name!r}.", name=ws.name), "There is nothing to undo.")
    aside = ws.path / BEFORE
    cells = Partition.load(aside) if (aside / FILE).is_file() else None
    partition = ws.read("partition", Partition.load) if cells and ws.state("partition").status == "ready" else None
    recut = not (cells and partition and cells.config == partition.config)  # since then, otherwise
    learned = Learned(load_pool(aside), read_card(aside)) if (aside / CARD).is_file() else None
    yield from revise(ws, models, settings, load(aside), cells=None if recut else cells, learned=learned)


def can_undo(ws: Workspace) -> bool:
    """Whether there is a change to take back."""
    return (ws.path / BEFORE).is_dir()


def _set_aside(ws: Workspace, corpus: Corpus, cells: Partition | None, learned: Learned | None) -> None:
    with swap.scratch_for(ws.path / BEFORE) as scratch:
        save(corpus, scratch / BEFORE)
        if cells:
            cells.save(scratch / BEFORE)
        if learned:
            save_pool(scratch / BEFORE, *learned)
        swap.install(scratch / BEFORE, ws.path / BEFORE)


def _vectors(
    ws: Workspace, models: Models, before: Corpus, corpus: Corpus
) -> Generator[Progress, None, tuple[Vectors, int]]:
    """The vectors of all passages, and how many are new: those that are there by title and text are taken over."""
    encoder = models.encoder()
    holds = ws.state("embeddings", {"encoder": encoder.fingerprint}).status == "ready"
    known = dict(zip(texts(before.passages), load_vectors(ws), strict=True)) if holds else {}
    passage_texts = texts(corpus.passages)
    missing = [text for text in dict.fromkeys(passage_texts) if text not in known]
    done = 0
    yield Progress("Embedding passages", 0, len(missing))
    for batch in encode_in_batches(encoder, missing):
        known |= zip(missing[done:], batch, strict=False)
        done += len(batch)
        yield Progress("Embedding passages", done, len(missing))
    return np.stack([known[text] for text in passage_texts]), len(missing)


def _partition(models: Models, corpus: Corpus, vectors: Vectors, cells: Partition) -> Partition:
    """The cells with every passage in its nearest one; centroids stay."""
    prompt = models.prompt()
    tokens = np.array([len(prompt.passage(passage)) for passage in corpus.passages])
    return reassigned(cells, vectors, tokens)


def _gone(memory: Memory, before: Corpus, corpus: Corpus) -> Learned | None:
    """The z that a change takes away: of documents removed, and of those whose text becomes another."""
    remembered, stays = set(memory.pool.ids), {(passage.id, *texts([passage])) for passage in corpus.passages}
    gone = [p.id for p in before.passages if p.id in remembered and (p.id, *texts([p])) not in stays]
    rows = memory.pool.rows(gone)
    titles = tuple(memory.pool.titles[row] for row in rows)
    return Learned(MemoryPool(tuple(gone), titles, memory.pool.z[rows]), memory.card) if gone else None


def _followed(memory: Memory, before: Corpus, corpus: Corpus, learned: Learned | None) -> Memory:
    """The memory without removed documents and with new ones, by what was learned of them before, else by a first z."""
    remembered, old, new = set(memory.pool.ids), _by_id(before.passages), _by_id(corpus.passages)
    known = learned if learned and learned.holds_for(memory.card) else None
    for passage in corpus.passages:
        z = known.pool.z[known.pool.row(passage.id)] if known and passage.id in known.pool.ids else None
        if passage.id not in remembered:
            memory = with_document(memory, passage, z)
        elif passage.id in old and texts([passage]) != texts([old[passage.id]]):
            memory = with_edited(memory, passage, z)
    for passage_id in old.keys() - new.keys() & remembered:
        memory = without_document(memory, passage_id)
    if not known:
        return memory
    trained = {passage_id for passage_id in known.pool.ids if passage_id not in known.card.learned}
    later = tuple(passage_id for passage_id in memory.card.learned if passage_id not in trained)
    return memory.with_pool(memory.pool, replace(memory.card, learned=later))


def _by_id(passages: Sequence[Passage]) -> dict[str, Passage]:
    return {passage.id: passage for passage in passages}
