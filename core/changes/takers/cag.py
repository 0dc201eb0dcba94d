"""KV-cache CAG takes up a change: embed, assign to a cell, prefill the cells that changed, keep all others."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from core.changes.change import Change
from core.changes.clock import Clock
from core.changes.takers.base import Place, Taking, changed_rows, embed, write_rows
from core.corpus.types import Corpus
from core.jobs import Progress
from core.kvcache.build import STAGE
from core.kvcache.location import take_in
from core.kvcache.variants import variant_folder
from core.methods.base import Method
from core.methods.cag import Cag
from core.models.bundle import Models
from core.models.encoder import Vectors
from core.pipeline import cache, load_vectors
from core.said import said
from core.voronoi.kmeans import IntArray
from core.voronoi.partition import Partition
from core.voronoi.upkeep import kept_up

_STAGE = "finding the cell of the change"


class CagTaker:
    """Keeps the partition up and rebuilds the cells whose passages are others now.

    Args:
        place: Its copy of the workspace. Caches in shared storage are brought into it, and stay there as they are.
    """

    def __init__(self, place: Place) -> None:
        self._place = replace(place, models=_with_local_caches(place.models))

    def open(self) -> Method:
        """See ``Taker.open``."""
        place = self._place
        lm = place.models.language_model(place.reader)
        precision = place.models.settings.cache_precision
        for _ in take_in(variant_folder(place.ws, lm, precision), ""):
            pass
        method = Cag(place.resources())
        self._corpus, self._vectors = place.resources().corpus, load_vectors(place.ws)
        self._tokens = np.array([len(lm.prompt.passage(passage)) for passage in self._corpus.passages])
        self._partition = Partition.load(place.ws.require("partition"))
        return method

    def take(self, change: Change, clock: Clock) -> Taking:
        """See ``Taker.take``."""
        place, corpus = self._place, change.made_to(self._corpus)
        with clock.stage("embed"):
            vector = embed(place, change)
        yield Progress(_STAGE, 1, 3, "embedded")
        with clock.stage("assign"):
            vectors = changed_rows(change, self._corpus, self._vectors, vector)
            partition = kept_up(self._partition, vectors, self._tokens_after(change))
        yield Progress(_STAGE, 2, 3, said("{n:,} cells", n=partition.k))
        with clock.stage("write"):
            self._write(corpus, vectors, partition)
        yield Progress(_STAGE, 3, 3, "written")
        work = cache(place.ws, place.models, reader=place.reader)
        yield from clock.driving(work, lambda stage: "prefill" if stage == STAGE else "check")
        with clock.stage("open"):
            method = Cag(place.resources())
        yield method

    def close(self) -> None:
        """Nothing lies outside its folder."""

    def _tokens_after(self, change: Change) -> IntArray:
        """Tokens of each passage afterwards: only the changed one is counted anew."""
        prompt = self._place.models.language_model(self._place.reader).prompt
        counted = None if change.kind == "delete" else np.array([len(prompt.passage(change.passage))])
        return changed_rows(change, self._corpus, self._tokens, counted)

    def _write(self, corpus: Corpus, vectors: Vectors, partition: Partition) -> None:
        ws = self._place.ws
        before = ws.manifest("partition")
        write_rows(self._place, corpus, vectors)
        inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
        params = {**(before.params if before else {}), "cells": partition.k}
        with ws.write("partition", inputs, params) as folder:
            partition.save(folder)


def _with_local_caches(models: Models) -> Models:
    """The same models under settings that keep caches in the workspace, where a change may replace them."""
    models.encoder()  # loaded once, before the copy, for both
    local = copy.copy(models)
    local.settings = replace(models.settings, cache_url="", cache_prefetch=False)
    return local
