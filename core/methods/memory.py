"""LLM-as-Memory: the model routes the question over Z, and answers from the z it chose. No retriever, no stored text.

Answer first, the answer is read off z and the clock stops: off what z says nearest to the question, then, where the
model declines, off all of it, and off the z that it routed to next. Then comes the evidence: a sentence that z spells,
or one that the model writes where z spells none. Evidence first, the model writes it and an answerer reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from core.corpus.types import Passage
from core.memory.answer_reader import AnswerReader, Reading
from core.memory.model import Memory
from core.memory.quote import quote
from core.memory.router import Routing
from core.memory.z_reader import ReadConfig, ZReader, shuffled
from core.methods.base import Answer, Event, Evidence, EvidenceChosen, Finished, as_events
from core.methods.resources import Resources
from core.models.engine import LocalEngine
from core.models.engine_base import Engine, text_of
from core.settings import Settings
from core.trace import Tracer

ROUTED = 5
"""How many routed documents are reported."""
_IN_TURN = 2
"""Most z that are read one after another; a third one brings nothing more, see docs/memory.md."""


def open_memory(resources: Resources) -> Memory:
    """The workspace's memory; its language model is the plain one of this process with the memory's LoRA.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """
    lm = resources.models.language_model(resources.variant.plain)
    return resources.workspace.read("memory", lambda folder: Memory.load(folder, lm))


def _order_of(settings: Settings, memory: Memory) -> str:
    """What is written first, "answer" or "evidence"; auto: a model that reads passages reads z that spell words.

    A server can be handed words alone, so its model answers from the evidence.
    """
    if settings.engine_url:
        return "evidence"
    if settings.memory_order != "auto":
        return settings.memory_order
    return "answer" if memory.card.config.vocabulary else "evidence"


class LlmAsMemory:
    """Answers from trained document vectors.

    Args:
        resources: Needs the artefact memory.
        read: How Z is read; without it, as the memory was trained and as the settings say.
        memory: One that is open already, such as one that is learning; without it, the workspace's.

    Attributes:
        engine: Answers: from its evidence, or straight from z where the answer comes first.
        in_turn: Most documents that are read one after another while the model declines.
        quotes: Whether its evidence is what z spells: a sentence, and all of it for a server's model to answer from.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """

    name = "memory"

    def __init__(self, resources: Resources, read: ReadConfig | None = None, memory: Memory | None = None) -> None:
        self.memory = memory or open_memory(resources)
        settings = resources.settings
        read = read or ReadConfig(self.memory.card.config.read)
        sentences = settings.z_sentences if read.sentences is None else read.sentences
        read = replace(read, sentences=sentences)
        self.reader = ZReader(self.memory, read, resources.models.cache_budget)
        self.order = _order_of(settings, self.memory)
        self.answers: AnswerReader | None = None
        self.engine: Engine
        if self.order == "answer":
            lm, limit = resources.language_model(), settings.max_new_tokens
            self.answers = AnswerReader(self.memory, lm, limit, sentences)
            self.engine = LocalEngine(lm, limit)
        else:
            self.engine = resources.engine()
        self.quotes = self.memory.index.spells and (self.order == "answer" or bool(settings.engine_url))
        # One at a time as passages are read, unless several z are to be read together.
        alone = self.answers and settings.reading == "alone" and self.reader.config.top_r == 1
        self.in_turn = min(_IN_TURN, settings.top_k) if alone else 1
        self._resources, self._sources = resources, resources.sources()

    def stream(self, question: str) -> Iterator[Event]:
        """Routes inside the model, then reads the answer off z and shows the evidence, or the other way round."""
        tracer = Tracer(self.memory.lm.synchronise)
        with tracer.span("route"):
            routing = self.memory.route(question, ROUTED)
        tracer.bytes_touched += self.memory.index.nbytes
        candidates = self._candidates(routing)
        read, readings = candidates[0], list[Reading]()
        yield EvidenceChosen((self._routed(routing, read),))
        if self.answers:
            with tracer.span("read z"):
                session, readings = self.answers.open(question, candidates, tracer)
            read = list(readings[-1].passage_ids)
            answer = yield from as_events(self.answers.stream(session, tracer))
            trace = tracer.finish()
        said = self._recall(question, read, answer if self.answers else "", tracer)
        evidence = replace(self._routed(routing, read), text=(yield from as_events(said, "evidence")))
        yield EvidenceChosen((evidence,))
        if not self.answers:
            answer = yield from as_events(self.engine.stream(question, [_as_passage(evidence)], tracer))
            trace = tracer.finish()
        details = self._details(routing, read, readings) | {"evidence_ms": tracer.end_of("evidence")}
        yield Finished(Answer(self.name, question, answer, (evidence,), trace, details))

    def reading(self, memory: Memory) -> LlmAsMemory:
        """The same method with other z to read: for controls."""
        return LlmAsMemory(self._resources, self.reader.config, memory)

    def shuffled(self, question: str, passage_ids: Sequence[str]) -> tuple[Evidence, str]:
        """The control: evidence and answer when every document has another's z, on the same route.

        Raises:
            TesseraError: The memory holds a single document.
        """
        return self.reading(shuffled(self.memory)).answer_from(question, passage_ids)

    def title_of(self, passage_ids: Sequence[str]) -> str:
        """Titles of the documents that are read together."""
        return " / ".join(filter(None, map(self.memory.title, passage_ids)))

    def answer_from(self, question: str, passage_ids: Sequence[str]) -> tuple[Evidence, str]:
        """Evidence and answer from given documents, in the same order and untimed."""
        answer = self.answers.answer(question, passage_ids) if self.answers else ""
        text = "".join(self._recall(question, passage_ids, answer, Tracer())).strip()
        evidence = Evidence(passage_ids[0], self.title_of(passage_ids), text, 0.0)
        if not self.answers:
            answer = text_of(self.engine.stream(question, [_as_passage(evidence)], Tracer()))
        return evidence, answer

    def _recall(self, question: str, passage_ids: Sequence[str], answer: str, tracer: Tracer) -> Iterator[str]:
        """Pieces of the evidence that the z of documents hold for a question, and for the answer if it is known."""
        if self.quotes:
            with tracer.span("evidence"):
                spelled = [sentence for each in passage_ids for sentence in self.memory.spelled(each).sentences]
                yield quote(spelled, question, answer, self.memory.index.terms) if self.answers else " ".join(spelled)
            return
        lm, limit = self.memory.lm, self.memory.card.config.evidence_tokens
        with tracer.span("read z"):
            session = self.reader.open(question, passage_ids, tracer)
            bias = self.reader.bias(passage_ids)

        def counted() -> Iterator[int]:
            for token in session.decode(limit, bias=bias):
                tracer.generated_tokens += 1
                yield token

        with tracer.span("evidence"):
            yield from lm.stream_text(counted())

    def _candidates(self, routing: Routing) -> list[list[str]]:
        """Documents whose z are read: several together, or one after another while the model declines."""
        ids, together = [routed.passage_id for routed in routing.documents], self.reader.config.top_r
        return [ids[first : first + together] for first in range(min(self.in_turn, len(ids)))]

    def _details(self, routing: Routing, read: Sequence[str], readings: Sequence[Reading]) -> dict[str, object]:
        if not readings:  # evidence first: from the whole z, or from what it spells
            vectors = 0 if self.quotes else len(read) * self.memory.pool.z.shape[1]
            readings = [Reading(tuple(read), vectors, True)]
        return {
            "routing": {routed.passage_id: routed.weight for routed in routing.documents},
            "titles": {routed.passage_id: self.memory.title(routed.passage_id) for routed in routing.documents},
            "null_weight": routing.null,
            "documents": len(self.memory.pool.ids),
            "read": list(read),
            "readings": [asdict(reading) for reading in readings],
            "training_steps": self.memory.card.config.steps,
            "read_mode": self.reader.config.mode,
            "order": self.order,
            "quoted": self.quotes,
            "kv_bytes": self.reader.kept.resident_bytes(),
            "answerer": self.engine.identity.name,
            "evidence_by": self.memory.lm.identity.name,
        }

    def _routed(self, routing: Routing, read: Sequence[str]) -> Evidence:
        """The documents that are read, with the weight of the first of them and nothing said of it yet."""
        weight = next(each.weight for each in routing.documents if each.passage_id == read[0])
        return Evidence(read[0], self.title_of(read), "", weight, self._sources.get(read[0]))


def _as_passage(evidence: Evidence) -> Passage:
    return Passage(evidence.passage_id, evidence.title, evidence.text)
