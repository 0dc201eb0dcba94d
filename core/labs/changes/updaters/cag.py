"""KV-cache CAG takes up a change: embed, assign to a cell, compute the block that changed, keep all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.corpus.types import Corpus
from core.jobs import Progress, finish
from core.kvcache.blocks import STAGE
from core.kvcache.location import migrate
from core.kvcache.variants import BLOCKS, variant_folder
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.updaters.base import UpdateContext, Updater, Updates, changed_rows, embed, write_rows
from core.messages import message
from core.methods.base import Method
from core.methods.cag import Cag
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.pipeline import blocks
from core.voronoi.kmeans import IntArray
from core.voronoi.partition import Partition, reassigned

_STAGE = "finding the cell of the change"


class CagUpdater(Updater):
    """Keeps the partition up and computes the block of a passage that is another now.

    Args:
        context: Its copy of the workspace. Blocks in shared storage are brought into it, and stay there as they are.
    """

    def __init__(self, context: UpdateContext) -> None:
        # A change replaces blocks: it may do so in the copy alone.
        local = replace(context.resources.settings, cache_url="")
        super().__init__(replace(context, resources=replace(context.resources, settings=local)))

    def open(self) -> Method:
        """See ``Updater.open``."""
        context = self._context
        lm = context.resources.language_model()
        precision = context.resources.settings.cache_precision
        finish(migrate(variant_folder(context.ws, lm, precision, BLOCKS), ""))
        method = Cag(context.opening())
        self._corpus, self._vectors = context.opening().corpus, load_vectors(context.ws)
        self._tokens = np.array([len(lm.prompt.passage(passage)) for passage in self._corpus.passages])
        self._partition = context.ws.read("partition", Partition.load)
        return method

    def update(self, change: Change, clock: Clock) -> Updates:
        """See ``Updater.update``."""
        context, corpus = self._context, change.made_to(self._corpus)
        with clock.stage("embed"):
            vector = embed(context, change)
        yield Progress(_STAGE, 1, 3, "embedded")
        with clock.stage("assign"):
            vectors = changed_rows(change, self._corpus, self._vectors, vector)
            partition = reassigned(self._partition, vectors, self._tokens_after(change))
        yield Progress(_STAGE, 2, 3, message("{n:,} cells", n=partition.k))
        with clock.stage("write"):
            self._write(corpus, vectors, partition)
        yield Progress(_STAGE, 3, 3, "written")
        work = blocks(context.ws, context.resources.models, context.resources.settings)
        yield from clock.driving(work, lambda stage: "prefill" if stage == STAGE else "check")
        with clock.stage("open"):
            method = Cag(context.opening())
        yield method

    def _tokens_after(self, change: Change) -> IntArray:
        """Tokens of each passage afterwards: only the changed one is counted anew."""
        prompt = self._context.resources.language_model().prompt
        counted = None if change.kind == "delete" else np.array([len(prompt.passage(change.passage))])
        return changed_rows(change, self._corpus, self._tokens, counted)

    def _write(self, corpus: Corpus, vectors: Vectors, partition: Partition) -> None:
        ws = self._context.ws
        before = ws.params("partition")
        write_rows(self._context, corpus, vectors)
        inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
        params = {**before, "cells": partition.k}
        with ws.write("partition", inputs, params) as folder:
            partition.save(folder)
