"""LLM-as-Memory: the model routes the question over Z, writes the evidence from the chosen z, and answers from it.

No retriever and no stored text: what the answerer reads is what the memory said. Answer first, a memory that is trained
for it reads the answer off z: the clock stops there, and the evidence is written after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.corpus.types import Passage
from core.memory.model import Memory
from core.memory.router import Routing
from core.memory.z_reader import ReadConfig, ZReader, shuffled
from core.methods.base import Answer, Event, Evidence, EvidenceChosen, Finished, as_events
from core.methods.resources import Resources
from core.methods.spec import MethodSpec, MethodStyle
from core.models.engine import LocalEngine
from core.models.engine_base import Engine, text_of
from core.trace import Tracer

ROUTED = 5
"""How many routed documents are reported; the first one is read."""


def open_memory(resources: Resources) -> Memory:
    """The workspace's memory; its language model is the plain one of this process with the memory's LoRA.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """
    lm = resources.models.language_model(resources.variant.plain)
    return resources.workspace.read("memory", lambda folder: Memory.load(folder, lm))


class LlmAsMemory:
    """Answers from trained document vectors.

    Args:
        resources: Needs the artefact memory.
        read: How Z is read; without it, as the memory's own settings say.
        memory: One that is open already, such as one that is learning; without it, the workspace's.

    Attributes:
        engine: Answers: from its evidence, or the memory's own model where the answer comes first.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """

    name = "memory"

    def __init__(self, resources: Resources, read: ReadConfig | None = None, memory: Memory | None = None) -> None:
        self.memory = memory or open_memory(resources)
        settings = resources.settings
        read = read or ReadConfig.usual(self.memory.card.config, settings)
        self.reader = ZReader(self.memory, read, resources.models.cache_budget)
        self._limit = settings.max_new_tokens
        own = self.reader.config.answers_first
        self.engine: Engine = LocalEngine(self.memory.lm, self._limit) if own else resources.engine()
        self._sources = resources.sources()

    def stream(self, question: str) -> Iterator[Event]:
        """Routes inside the model, then decodes evidence from z and answers from it, or the other way round."""
        tracer = Tracer(self.memory.lm.synchronise)
        with tracer.span("route"):
            routing = self.memory.route(question, ROUTED)
        best = routing.documents[0]
        read = [routed.passage_id for routed in routing.documents[: self.reader.config.top_r]]
        routed = Evidence(best.passage_id, self.title_of(read), "", best.weight, self._sources.get(best.passage_id))
        yield EvidenceChosen((routed,))
        if self.reader.config.answers_first:
            answer = yield from as_events(self._answer(question, read, tracer))
            trace = tracer.finish()
        evidence = replace(routed, text=(yield from as_events(self._recall(question, read, tracer), "evidence")))
        yield EvidenceChosen((evidence,))
        if not self.reader.config.answers_first:
            answer = yield from as_events(self.engine.stream(question, [_as_passage(evidence)], tracer))
            trace = tracer.finish()
        details = self._details(routing, read) | {"evidence_ms": tracer.end_of("evidence")}
        yield Finished(Answer(self.name, question, answer, (evidence,), trace, details))

    def shuffled(self, question: str, passage_ids: Sequence[str]) -> tuple[Evidence, str]:
        """The control: evidence and answer when every document has another's z, on the same route.

        Raises:
            TesseraError: The memory holds a single document.
        """
        reader = ZReader(shuffled(self.memory), self.reader.config, self.reader.budget)
        return self.answer_by(reader, question, passage_ids)

    def title_of(self, passage_ids: Sequence[str]) -> str:
        """Titles of the documents that are read together."""
        return " / ".join(filter(None, map(self.memory.title, passage_ids)))

    def answer_by(self, reader: ZReader, question: str, passage_ids: Sequence[str]) -> tuple[Evidence, str]:
        """Evidence and answer from other z, or on another route, in the same order and untimed: for controls."""
        text = reader.evidence(question, passage_ids)
        evidence = Evidence(passage_ids[0], self.title_of(passage_ids), text, 0.0)
        if reader.config.answers_first:
            return evidence, reader.answer(question, passage_ids)
        return evidence, text_of(self.engine.stream(question, [_as_passage(evidence)], Tracer()))

    def _answer(self, question: str, passage_ids: Sequence[str], tracer: Tracer) -> Iterator[str]:
        """Pieces of the answer that is read off the z of the documents."""
        with tracer.span("read z"):
            session = self.reader.open(question, passage_ids, tracer, briefly=True)
            bias = self.reader.bias(passage_ids)
        tracer.bytes_touched += self.memory.keys.nbytes
        yield from self.memory.lm.stream_answer(session, self._limit, tracer, bias)

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
            "null_weight": routing.null,
            "documents": len(self.memory.pool.ids),
            "read": list(read),
            "soft_tokens": len(read) * self.memory.pool.z.shape[1],
            "training_steps": self.memory.card.config.steps,
            "read_mode": self.reader.config.mode,
            "order": self.reader.config.order,
            "kv_bytes": self.reader.resident_bytes(),
            "answerer": self.engine.identity.name,
            "evidence_by": self.memory.lm.identity.name,
        }


def _as_passage(evidence: Evidence) -> Passage:
    return Passage(evidence.passage_id, evidence.title, evidence.text)


MEMORY = MethodSpec(
    name=LlmAsMemory.name,
    label="LLM-as-Memory",
    summary="Routes the question over Z inside the model, writes the evidence from Z, and answers from it.",
    open=LlmAsMemory,
    role="method",
    reads=("memory",),
    keeps_text=False,
    style=MethodStyle("#a84f93", "blur_on", "diamond"),
    facts=(
        "routing",
        "titles",
        "null_weight",
        "documents",
        "read",
        "soft_tokens",
        "training_steps",
        "read_mode",
        "order",
        "evidence_ms",
        "kv_bytes",
        "answerer",
        "evidence_by",
    ),
    settings=("memory_order",),
    writes_evidence=True,
    usual=True,
)
