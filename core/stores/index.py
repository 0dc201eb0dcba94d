"""The indexes of a workspace, one per store, built from its passages and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core import swap
from core.artefacts import index_kind
from core.corpus.store import load_passages
from core.corpus.types import Passage
from core.errors import ArtefactMissing
from core.jobs import Progress, Work
from core.messages import message
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.stores.registry import find_store
from core.workspace import Workspace


def build_index(ws: Workspace, store: str, force: bool = False) -> Work:
    """Indexes the passages in one more store, from the existing embeddings, so that no model is loaded.

    Args:
        force: Rebuild an index that is still valid.

    Raises:
        ArtefactMissing: The corpus has not been prepared.
        TesseraError: There is no such store, or its engine fails.
    """
    spec = find_store(store)
    with ws.lock():
        stage = message("Building the {store} index", store=message(spec.label))
        if ws.state(index_kind(store)).status == "ready" and not force:
            yield Progress(stage, 1, 1, "it is there already")
            return
        passages, vectors = load_passages(ws), load_vectors(ws)
        note = message("{n:,} passages", n=len(passages))
        yield Progress(stage, 0, 1, note)
        write_index(ws, store, passages, vectors)
        yield Progress(stage, 1, 1, note)


def build_indexes(ws: Workspace, stores: Sequence[str], force: bool = False) -> Work:
    """Builds the indexes of several stores, one after another; see ``build_index``."""
    for store in stores:
        yield from build_index(ws, store, force)


def delete_index(ws: Workspace, store: str) -> None:
    """Deletes the index of a store, including its data outside the workspace.

    Raises:
        ArtefactMissing: The index is not built.
        TesseraError: Its server or object storage cannot be reached.
    """
    kind, spec = index_kind(store), find_store(store)
    with ws.lock():
        if not ws.folder(kind).is_dir():
            raise ArtefactMissing(
                message("The workspace {name!r} has no {kind} yet.", name=ws.name, kind=kind),
                "There is nothing to delete.",
            )
        spec.drop(ws.folder(kind))
        swap.remove(ws.folder(kind))


def write_index(ws: Workspace, store: str, passages: Sequence[Passage], vectors: Vectors) -> None:
    """Indexes passages in a store; they must be those of the workspace's corpus and embeddings."""
    embeddings = ws.manifest("embeddings")
    encoder = embeddings.inputs["encoder"] if embeddings else ""
    inputs = {"corpus": ws.fingerprint("corpus"), "encoder": encoder, "embeddings": ws.fingerprint("embeddings")}
    spec = find_store(store)
    params: dict[str, Any] = {"store": store}
    with ws.write(index_kind(store), inputs, params, spec.drop) as folder:
        index = spec.create(folder, passages, vectors)
        stats = index.stats()
        index.close()
        params.update(backend=stats.backend, bytes=stats.bytes)
