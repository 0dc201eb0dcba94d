"""CAG from whole cells: routes the question to its Voronoi cell, loads the cell's KV cache, prefills the question only.

The cell was prefilled as one prompt, so its cache is exact; but the model reads all of this cell and nothing else.
``core.methods.cag`` joins single passages of several cells instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.kvcache.cell_file import LoadedCache
from core.kvcache.lru import ResidentCaches, ResidentStats
from core.kvcache.variants import WHOLE_CELLS, open_store
from core.messages import Message
from core.methods.base import Answer, Event, EvidenceChosen, Finished, Working, as_events, as_evidence
from core.methods.cell_search import RANKED
from core.methods.resources import Resources
from core.models.encoder import Encoder
from core.models.engine import LocalEngine
from core.models.session import Session
from core.trace import Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import Route, route


class CellReader:
    """Answers from the stored cache of a cell that has been chosen: what runs where the cache is.

    Args:
        resources: Needs the artefacts corpus, partition and caches.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: The caches were built by another model, prompt or adapter, or from other cells.
    """

    def __init__(self, resources: Resources) -> None:
        ws, settings = resources.workspace, resources.settings
        self.lm = resources.language_model()
        self.partition = ws.read("partition", Partition.load)
        self.store = open_store(ws, self.lm, settings, WHOLE_CELLS)
        self._passages, rows = resources.passages, resources.corpus.passages
        self._engine = LocalEngine(self.lm, settings.max_new_tokens)
        self._cells = [[rows[row] for row in members] for members in self.partition.members()]
        self._tokens: dict[int, list[int]] = {}

    def session(self, loaded: LoadedCache) -> Session:
        """A session that continues from a cell."""
        return self.lm.session(loaded.cache(), self.ids(loaded.cell))

    def read(
        self, question: str, routed: Route, loaded: LoadedCache, session: Session, hit: bool, tracer: Tracer
    ) -> Iterator[Event]:
        """Answers from the first cell of a route.

        Args:
            loaded: The cache of that cell.
            session: See ``session``.
            hit: Whether the cache was in memory already.
        """
        tracer.cached_tokens += loaded.tokens
        tracer.bytes_touched += loaded.bytes
        similarity = float(routed.similarities[0])
        passages = [self._passages[passage_id] for passage_id in loaded.passage_ids]
        evidence = as_evidence(passages, [similarity] * len(passages))
        yield EvidenceChosen(evidence)
        tail = self.lm.prompt.tail(question)
        text = yield from as_events(self._engine.continue_from(session, tail, tracer))
        details = {
            "cell": loaded.cell,
            "nearest": list(routed.cells),
            "margin": float(routed.margin),
            "resident": hit,
            "reused_tokens": loaded.tokens,
            "prefilled_tokens": len(tail),
        }
        yield Finished(Answer(CagCell.name, question, text, evidence, tracer.finish(), details))

    def ids(self, cell: int) -> list[int]:
        """Token ids of a cell, tokenised once: the passages of an open method do not change."""
        if cell not in self._tokens:
            self._tokens[cell] = self.lm.prompt.context(self._cells[cell])
        return self._tokens[cell]


class CagCell:
    """Answers from the KV cache of the nearest cell.

    Args:
        resources: See ``CellReader``.
    """

    name = "cag_cell"

    def __init__(self, resources: Resources) -> None:
        ws = resources.workspace
        self._encoder = resources.models.encoder()
        ws.require("embeddings", {"encoder": self._encoder.fingerprint}, read=False)
        self._reader = CellReader(resources)
        self._caches = ResidentCaches(self._reader.store, self._reader.lm, resources.models.cache_budget)

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, routes, loads the cell's cache, prefills the question, then decodes."""
        tracer = Tracer(self._reader.lm.synchronise)
        routed = route_question(self._encoder, self._reader.partition, question, tracer)
        cell = routed.cells[0]
        loading = Message("load cell {cell}", {"cell": cell})
        yield Working(loading, 0, 1)
        with tracer.span("load cache"):
            # The tokens of a full prompt: a cache that was built from others is rejected.
            loaded, hit = self._caches.get(cell, self._reader.ids(cell))
            session = self._reader.session(loaded)
        yield Working(loading, 1, 1)
        yield from self._reader.read(question, routed, loaded, session, hit, tracer)

    def residency(self) -> ResidentStats:
        """Which cells are in memory, and how often one was found there since the method was opened."""
        return self._caches.stats()


def route_question(encoder: Encoder, partition: Partition, question: str, tracer: Tracer) -> Route:
    """The nearest cells of a question, with a span for each step."""
    with tracer.span("encode"):
        vector = encoder.encode_query(question)
    with tracer.span("route"):
        return route(partition, vector, nprobe=RANKED)
