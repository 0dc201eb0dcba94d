"""A workspace behind the twin's HTTP front."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from core.corpus import store as corpus_store
from core.errors import TesseraError
from core.pipeline import load_vectors
from core.serverless.settings import KINDS, IndexKind
from core.serverless.table import PassageTable
from core.serverless.twin.front import Front
from core.serverless.twin.twin import Twin, rag_functions
from core.settings import Settings
from core.workspace import Workspace


@contextmanager
def serving(
    ws: Workspace, settings: Settings, kind: str, url: str | None, port: int, concurrency: int
) -> Iterator[Front]:
    """Serves until the body ends; then all workers are ended, too.

    Args:
        ws: What to answer from.
        settings: Of this process.
        kind: How the index is searched.
        url: Where an index is that ``PassageTable.create`` built; None builds one in the workspace.
        port: Where to listen; 0 takes a free one.
        concurrency: Workers of the retrieval function.

    Raises:
        TesseraError: There is no such kind, nothing to index, or the port is taken.
    """
    if kind not in KINDS:
        raise TesseraError(f"There is no index {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    chosen = cast(IndexKind, kind)
    place = url or str(build_index(ws, chosen))
    front = Front(port)
    try:
        with Twin(rag_functions(place, chosen, concurrency, front.address)) as twin:
            front.twin = twin
            front.start()
            yield front
    finally:
        front.close()


def build_index(ws: Workspace, kind: IndexKind) -> Path:
    """The folder of a workspace's passage table; builds it unless it is there for these very embeddings.

    Raises:
        ArtefactMissing: The workspace has no passages, or they are not embedded.
    """
    passages = corpus_store.load(ws.require("corpus")).passages
    vectors = load_vectors(ws)
    folder = ws.path / "serverless" / f"{kind}-{ws.fingerprint('embeddings')}"
    marker = folder / "complete"
    if not marker.is_file():
        PassageTable.create(str(folder), kind, passages, vectors).close()
        marker.touch()
    return folder
