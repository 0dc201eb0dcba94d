"""LLM-as-Memory: the model routes the question over Z, writes the evidence from the chosen z, and answers from it.

No retriever and no stored text: what the answerer reads is what the memory said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.corpus.types import Passage
from core.memory.controls import shuffled
from core.memory.model import Memory
from core.memory.modes import ReadConfig, ZReader
from core.memory.router import Routing
from core.methods.base import Answer, Event, Evidence, Finished, Found, Text
from core.methods.resources import Resources
from core.models.answerer import open_answerer
from core.trace import Tracer

ROUTED = 5
"""How many routed documents are reported; the first one is read."""


class LlmAsMemory:
    """Answers from trained document vectors.

    Args:
        resources: Needs the artefacts corpus and memory.
        read: How Z is read; without it, as the memory's own settings say.
        memory: One that is open already, such as one that is learning; without it, the workspace's.

    Attributes:
        memory: The open memory.
        reader: Reads its documents.
        answerer: Who answers from its evidence.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """

    name = "memory"

    def __init__(self, resources: Resources, read: ReadConfig | None = None, memory: Memory | None = None) -> None:
        self.memory = memory or Memory.load(
            resources.workspace.require("memory"), resources.models.language_model(reader=False)
        )
        mode = ReadConfig(self.memory.card.config.read, budget=resources.settings.cache_bytes)
        self.reader = ZReader(self.memory, read or mode)
        self.answerer = open_answerer(resources.models, resources.reader)

    def stream(self, question: str) -> Iterator[Event]:
        """Routes inside the model, decodes evidence from z, then answers from the evidence."""
        tracer = Tracer(self.memory.lm.synchronise)
        with tracer.span("route"):
            routing = self.memory.route(question, ROUTED)
        best = routing.documents[0]
        read = [routed.passage_id for routed in routing.documents[: self.reader.config.top_r]]
        title = self.title_of(read)
        yield Found((Evidence(best.passage_id, title, "", best.weight),))
        recalled: list[str] = []
        for piece in self._recall(question, read, tracer):
            recalled.append(piece)
            yield Text(piece, "evidence")
        evidence = Evidence(best.passage_id, title, "".join(recalled).strip(), best.weight)
        yield Found((evidence,))
        said: list[str] = []
        for piece in self.answerer.stream(question, [_as_passage(evidence)], tracer):
            said.append(piece)
            yield Text(piece)
        answer = "".join(said).strip()
        yield Finished(Answer(self.name, question, answer, (evidence,), tracer.finish(), self._details(routing, read)))

    def shuffled(self, question: str, passage_ids: Sequence[str]) -> tuple[Evidence, str]:
        """The control: evidence and answer when every document has another's z, on the same route.

        Raises:
            TesseraError: The memory holds a single document.
        """
        said = ZReader(shuffled(self.memory), self.reader.config).recall(question, passage_ids)
        evidence = Evidence(passage_ids[0], self.title_of(passage_ids), said, 0.0)
        return evidence, self.answer_from(question, evidence)

    def title_of(self, passage_ids: Sequence[str]) -> str:
        """Titles of the documents that are read together."""
        return " / ".join(filter(None, map(self.memory.title, passage_ids)))

    def answer_from(self, question: str, evidence: Evidence) -> str:
        """What the answerer makes of evidence that was come by in another way: for controls."""
        return "".join(self.answerer.stream(question, [_as_passage(evidence)], Tracer())).strip()

    def _recall(self, question: str, passage_ids: Sequence[str], tracer: Tracer) -> Iterator[str]:
        """Pieces of the evidence that the z of the documents hold for the question."""
        lm, limit = self.memory.lm, self.memory.card.config.evidence_tokens
        with tracer.span("read z"):
            session = self.reader.open(question, passage_ids, tracer)
            bias = self.reader.bias(passage_ids)
        tracer.bytes_touched += self.memory.keys.nbytes

        def counted() -> Iterator[int]:
            for token in session.decode(limit, bias=bias):
                tracer.generated_tokens += 1
                yield token

        with tracer.span("evidence"):
            yield from lm.stream_text(counted())

    def _details(self, routing: Routing, read: Sequence[str]) -> dict[str, object]:
        return {
            "routing": {routed.passage_id: routed.weight for routed in routing.documents},
            "titles": {routed.passage_id: self.memory.title(routed.passage_id) for routed in routing.documents},
            "not_in_memory": routing.null,
            "documents": len(self.memory.pool.ids),
            "read": list(read),
            "training_steps": self.memory.card.config.steps,
            "read_mode": self.reader.config.mode,
            "kv_bytes": self.reader.bytes,
            "answerer": self.answerer.name,
        }


def _as_passage(evidence: Evidence) -> Passage:
    return Passage(evidence.passage_id, evidence.title, evidence.text)
