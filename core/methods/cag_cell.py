"""CAG from whole cells: routes the question to its Voronoi cell, loads the cell's KV cache, prefills the question only.

The cell was prefilled as one prompt, so its cache is exact; but the model reads all of this cell and nothing else.
``core.methods.cag`` joins single passages of several cells instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.kvcache.lru import ResidentCaches, ResidentStats
from core.kvcache.variants import WHOLE_CELLS, open_store
from core.messages import Message
from core.methods.base import Answer, Event, EvidenceChosen, Finished, Working, as_events, as_evidence
from core.methods.cell_search import RANKED
from core.methods.prefix_cag import SERVED, PrefixCell
from core.methods.resources import Resources
from core.methods.spec import MethodSpec, MethodStyle
from core.models.engine import LocalEngine
from core.trace import Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import route


class CagCell:
    """Answers from the KV cache of the nearest cell.

    Args:
        resources: Needs the artefacts corpus, partition and caches.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: The caches were built by another model, prompt or adapter, or from other cells.
    """

    name = "cag_cell"

    def __init__(self, resources: Resources) -> None:
        ws = resources.workspace
        self._encoder = resources.models.encoder()
        self._lm = resources.language_model()
        self._passages = resources.passages
        ws.require("embeddings", {"encoder": self._encoder.fingerprint}, read=False)
        self._partition = ws.read("partition", Partition.load)
        store = open_store(ws, self._lm, resources.settings, WHOLE_CELLS)
        settings = resources.settings
        self._caches = ResidentCaches(store, self._lm, resources.models.cache_budget, ahead=settings.cache_prefetch)
        self._engine = LocalEngine(self._lm, settings.max_new_tokens)
        rows = resources.corpus.passages
        self._cells = [[rows[row] for row in members] for members in self._partition.members()]
        self._tokens: dict[int, list[int]] = {}

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, routes, loads the cell's cache, prefills the question, then decodes."""
        tracer = Tracer(self._lm.synchronise)
        with tracer.span("encode"):
            vector = self._encoder.encode_query(question)
        with tracer.span("route"):
            routed = route(self._partition, vector, nprobe=RANKED)
        cell = routed.cells[0]
        loading = Message("load cell {cell}", {"cell": cell})
        yield Working(loading, 0, 1)
        with tracer.span("load cache"):
            # The tokens of a full prompt: a cache that was built from others is rejected.
            loaded, hit = self._caches.get(cell, self._ids(cell))
            session = self._lm.session(loaded.cache(), self._ids(cell))
        yield Working(loading, 1, 1)
        tracer.cached_tokens += loaded.tokens
        tracer.bytes_touched += loaded.bytes
        similarity = float(routed.similarities[0])
        passages = [self._passages[passage_id] for passage_id in loaded.passage_ids]
        evidence = as_evidence(passages, [similarity] * len(passages))
        yield EvidenceChosen(evidence)
        tail = self._lm.prompt.tail(question)
        text = yield from as_events(self._engine.continue_from(session, tail, tracer))
        details = {
            "cell": cell,
            "nearest": list(routed.cells),
            "margin": float(routed.margin),
            "resident": hit,
            "reused_tokens": loaded.tokens,
            "prefilled_tokens": len(tail),
        }
        trace = tracer.finish()
        for runner_up in routed.cells[1:2]:
            self._caches.prefetch(runner_up, self._ids(runner_up))
        yield Finished(Answer(self.name, question, text, evidence, trace, details))

    def residency(self) -> ResidentStats:
        """Which cells are in memory, and how often each was used since the method was opened."""
        return self._caches.stats()

    def _ids(self, cell: int) -> list[int]:
        """Token ids of a cell, tokenised once: the passages of an open method do not change."""
        if cell not in self._tokens:
            self._tokens[cell] = self._lm.prompt.context(self._cells[cell])
        return self._tokens[cell]


CAG_CELL = MethodSpec(
    name=CagCell.name,
    label="CAG (whole cell)",
    summary="Opens the nearest Voronoi cell and continues from its stored KV cache, which stands for its text exactly.",
    open=CagCell,
    role="method",
    reads=("corpus", "partition", "caches"),
    keeps_text=False,
    style=MethodStyle("#8a5a00", "hive", "hexagon2-open"),
    facts=("cell", "nearest", "margin", "resident", "reused_tokens", "prefilled_tokens"),
    served=replace(SERVED, open=PrefixCell),
)
