"""BM25 (Robertson and Zaragoza 2009): keyword search, the baseline of every vector search; by bm25s.

One file stores the words of the passages, and the index is built from it when the store is opened: 2,000 passages take
a tenth of a second.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.artefacts import index_kind
from core.corpus.text import tokenise
from core.corpus.types import Passage, texts
from core.errors import ArtefactStale, TesseraError
from core.manifest import write_atomically
from core.messages import message
from core.models.encoder import Vectors
from core.stores.base import (
    FILTERS,
    Hit,
    SearchRequest,
    StoreStats,
    check_options,
    check_rows,
    last_occurrences,
    writing_to,
)

if TYPE_CHECKING:
    import bm25s

FILE = "words.jsonl"


@dataclass(frozen=True)
class _Document:
    id: str
    fields: dict[str, str]
    words: list[str]


@dataclass(frozen=True)
class _State:
    """An immutable snapshot of the store; updates replace it, so that a search needs no lock."""

    documents: list[_Document]
    index: bm25s.BM25 | None
    bytes: int

    @classmethod
    def of(cls, documents: list[_Document], size: int) -> _State:
        if not any(document.words for document in documents):
            return cls(documents, None, size)  # bm25s cannot build an empty index
        import bm25s  # imports numba, 60 MB

        index = bm25s.BM25()
        index.index([document.words for document in documents], show_progress=False)
        return cls(documents, index, size)

    def without(self, ids: set[str]) -> list[_Document]:
        return [document for document in self.documents if document.id not in ids]


_EMPTY = _State([], None, 0)


class Bm25:
    """Finds passages by the words they share with the question."""

    def __init__(self, folder: Path, state: _State = _EMPTY) -> None:
        self._folder = folder
        self._state = state
        self._writing = threading.Lock()

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors | None = None) -> Bm25:
        """Builds a store in ``folder`` and replaces an existing one; ``vectors`` are not used."""
        folder.mkdir(parents=True, exist_ok=True)
        store = cls(folder)
        store.add(passages, vectors)
        return store

    @classmethod
    def open(cls, folder: Path) -> Bm25:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: The index is missing or damaged.
        """
        try:
            content = (folder / FILE).read_bytes()
            documents = [_Document(**json.loads(line)) for line in content.split(b"\n") if line]
        except (OSError, ValueError, TypeError) as error:
            raise ArtefactStale(
                message("The BM25 index in {folder} cannot be read ({error}).", folder=folder, error=error),
                kinds=(index_kind("bm25"),),
            ) from error
        return cls(folder, _State.of(documents, len(content)))

    def add(self, passages: Sequence[Passage], vectors: Vectors | None = None) -> None:
        """See ``VectorStore.add``; ``vectors`` are not used."""
        if vectors is not None:
            check_rows(passages, vectors, None)
        latest = [passages[row] for row in last_occurrences(passages)]
        fresh = [
            _Document(passage.id, {name: getattr(passage, name) for name in FILTERS}, tokenise(text))
            for passage, text in zip(latest, texts(latest), strict=True)
        ]
        with self._writing:
            self._replace(self._state.without({passage.id for passage in latest}) + fresh)

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``."""
        with self._writing:
            remaining = self._state.without(set(passage_ids))
            removed = len(self._state.documents) - len(remaining)
            if removed:
                self._replace(remaining)
            return removed

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.text``; a hit shares at least one word with it."""
        if request.text is None:
            raise TesseraError("BM25 searches by words, and no text was given.", "Give the question as text.")
        check_options(request, (), "bm25")
        state = self._state
        words = tokenise(request.text)
        if state.index is None or not words:
            return []
        scores = state.index.get_scores(words)
        wanted = request.filter.items()
        matching = [
            row
            for row in np.flatnonzero(scores > 0).tolist()
            if all(state.documents[row].fields[name] == value for name, value in wanted)
        ]
        best = sorted(matching, key=lambda row: (-scores[row], row))[: request.k]
        return [Hit(state.documents[row].id, float(scores[row])) for row in best]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        import bm25s

        return StoreStats(len(self._state.documents), self._state.bytes, f"BM25 (bm25s {bm25s.__version__}, Lucene)")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        self._state = _EMPTY

    def _replace(self, documents: list[_Document]) -> None:
        lines = [json.dumps(vars(document), ensure_ascii=False) for document in documents]
        content = "".join(f"{line}\n" for line in lines).encode()
        with writing_to(self._folder):
            write_atomically(self._folder / FILE, content)
        self._state = _State.of(documents, len(content))
