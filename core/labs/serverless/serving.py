"""A workspace behind the local cloud's HTTP front."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from core.corpus import store as corpus_store
from core.errors import require_known
from core.labs.serverless.local_lambda.cloud import LocalCloud, rag_functions
from core.labs.serverless.local_lambda.front import Front
from core.labs.serverless.settings import KINDS, IndexKind
from core.labs.serverless.table import PassageTable
from core.models.embeddings import load_vectors
from core.stores.base import StoreStats
from core.workspace import Workspace


@contextmanager
def serving(ws: Workspace, kind: str, url: str | None, port: int, concurrency: int, names: str = "") -> Iterator[Front]:
    """Serves until the body ends; then all workers are ended, too.

    Args:
        url: Where an index is that ``PassageTable.create`` built; None builds one in the workspace.
        port: Where to listen; 0 takes a free one.
        names: Further names under which it may be asked.

    Raises:
        TesseraError: There is no such kind, nothing to index, or the port is taken.
    """
    chosen = _kind(kind)
    index_url = url or str(build_index(ws, chosen))
    front = Front(port, names)
    try:
        results_url = str(ws.path / "serverless" / "results")
        with LocalCloud(rag_functions(index_url, chosen, concurrency, front.address, results_url=results_url)) as cloud:
            front.cloud = cloud
            front.start()
            yield front
    finally:
        front.close()


def build_index(ws: Workspace, kind: IndexKind) -> Path:
    """The folder of a workspace's passage table; builds it unless it is there for these very embeddings.

    Raises:
        ArtefactMissing: The workspace has no passages, or they are not embedded.
    """
    ws.require("embeddings")
    folder = ws.path / "serverless" / f"{kind}-{ws.fingerprint('embeddings')}"
    marker = folder / "complete"
    if not marker.is_file():
        publish(ws, str(folder), kind)
        marker.touch()
    return folder


def publish(ws: Workspace, url: str, kind: str) -> StoreStats:
    """Builds a workspace's passage table at a folder or an ``s3://`` URL, in place of one that may be there.

    Raises:
        ArtefactMissing: The workspace has no passages, or they are not embedded.
        TesseraError: There is no such kind of index, or the place cannot be written.
    """
    chosen = _kind(kind)
    passages = ws.read("corpus", corpus_store.load).passages
    table = PassageTable.create(url, chosen, passages, load_vectors(ws))
    stats = table.stats()
    table.close()
    return stats


def _kind(name: str) -> IndexKind:
    require_known("There is no index {name!r}.", name, KINDS)
    return cast("IndexKind", name)
