"""Stages of the pipeline in a row, as one job: from documents to a workspace that can answer."""

from __future__ import annotations

from core import pipeline
from core.corpus.types import Corpus
from core.jobs import Work
from core.models.bundle import Models
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace


def from_source(ws: Workspace, models: Models, source: str, size: int | None, further: bool) -> Work:
    """Brings in a data set or a path.

    Args:
        ws: Where to build.
        models: The models of this process.
        source: See ``core.corpus.load.load_corpus``.
        size: Keep the first ``size`` passages; None keeps all.
        further: Go on to cells, their KV caches and a first memory, so that CAG and Memory can answer, too.
    """
    yield from pipeline.prepare(ws, models, source, size)
    if further:
        yield from the_rest(ws, models)


def from_corpus(ws: Workspace, models: Models, corpus: Corpus, further: bool) -> Work:
    """Brings in passages that were uploaded; see ``from_source``."""
    yield from pipeline.prepare_corpus(ws, models, corpus)
    if further:
        yield from the_rest(ws, models)


def the_rest(ws: Workspace, models: Models) -> Work:
    """Builds what the arms beside RAG answer from."""
    yield from cells_and_caches(ws, models)
    yield from pipeline.first_memory(ws, models)


def cells_and_caches(ws: Workspace, models: Models) -> Work:
    """Cuts cells with the settings of this process and builds their caches."""
    settings = models.settings
    yield from pipeline.cluster(ws, models, PartitionConfig(cell_tokens=settings.cell_tokens, seed=settings.seed))
    yield from pipeline.cache(ws, models)
