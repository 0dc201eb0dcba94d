"""BM25 (Robertson and Zaragoza 2009): keyword search, the baseline of every vector search; by bm25s.

One file stores the words of the passages, and the index is built from it when the store is opened: 2,000 passages take
a tenth of a second.
"""

from __future__ import annotations

import json
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
from core.stores.base import FILTERS, Hit, SearchRequest, StoreStats, check_options, check_rows, writing_to

if TYPE_CHECKING:
    import bm25s

FILE = "words.jsonl"


@dataclass(frozen=True)
class _Document:
    id: str
    fields: dict[str, str]
    words: list[str]


class Bm25:
    """Finds passages by the words they share with the question."""

    def __init__(self, documents: list[_Document], size: int) -> None:
        self._documents, self._bytes = documents, size
        self._index: bm25s.BM25 | None = None
        if any(document.words for document in documents):  # bm25s cannot build an empty index
            import bm25s  # imports numba, 60 MB

            self._index = bm25s.BM25()
            self._index.index([document.words for document in documents], show_progress=False)

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors | None = None) -> Bm25:
        """Builds a store in ``folder`` and replaces an existing one; ``vectors`` are not used."""
        if vectors is not None:
            check_rows(passages, vectors)
        documents = [
            _Document(passage.id, {name: getattr(passage, name) for name in FILTERS}, tokenise(text))
            for passage, text in zip(passages, texts(passages), strict=True)
        ]
        lines = (json.dumps(vars(document), ensure_ascii=False) for document in documents)
        content = "".join(f"{line}\n" for line in lines).encode()
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / FILE, content)
        return cls(documents, len(content))

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
        return cls(documents, len(content))

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.text``; a hit shares at least one word with it."""
        if request.text is None:
            raise TesseraError("BM25 searches by words, and no text was given.", "Give the question as text.")
        check_options(request, (), "bm25")
        words, index, documents = tokenise(request.text), self._index, self._documents
        if index is None or not words:
            return []
        scores = index.get_scores(words)
        conditions = request.filter.items()
        matching = [
            row
            for row in np.flatnonzero(scores > 0).tolist()
            if all(documents[row].fields[name] == value for name, value in conditions)
        ]
        best = sorted(matching, key=lambda row: (-scores[row], row))[: request.k]
        return [Hit(documents[row].id, float(scores[row])) for row in best]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        import bm25s

        return StoreStats(len(self._documents), self._bytes, f"BM25 (bm25s {bm25s.__version__}, Lucene)")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        self._documents, self._index = [], None
