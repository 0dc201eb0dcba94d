"""LLM-as-Memory: the model routes the question over Z, writes the evidence from the chosen z, and answers from it.

No retriever and no stored text: what the answerer reads is what the memory said.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.corpus.types import Passage
from core.memory.model import Memory
from core.methods.base import Answer, Event, Evidence, Finished, Found, Text, decode, prefill
from core.methods.resources import Resources
from core.trace import Tracer

ROUTED = 5
"""How many routed documents are reported; the first one is read."""


class LlmAsMemory:
    """Answers from trained document vectors.

    Args:
        resources: Needs the artefacts corpus and memory.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
    """

    name = "memory"

    def __init__(self, resources: Resources) -> None:
        folder = resources.workspace.require("memory")
        self._memory = Memory.load(folder, resources.models.language_model(reader=False))
        self._answerer = resources.models.language_model(resources.reader)
        self._titles = dict(zip(self._memory.pool.ids, self._memory.pool.titles, strict=True))
        self._limit = resources.settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Routes inside the model, decodes evidence from z, then answers from the evidence."""
        lm = self._memory.lm
        tracer = Tracer(lm.synchronise)
        with tracer.span("route"):
            routing = self._memory.route(question, ROUTED)
        best = routing.documents[0]
        title = self._titles[best.passage_id]
        weights = {routed.passage_id: routed.weight for routed in routing.documents}
        yield Found((Evidence(best.passage_id, title, "", best.weight),))
        with tracer.span("read z"):
            prefix = self._memory.prefix(question, best.passage_id)
            session = lm.session()
            session.feed_embeddings(prefix)
        tracer.prompt_tokens += len(prefix)
        tracer.bytes_touched += self._memory.keys.nbytes + self._memory.pool.z[0].nbytes
        recalled: list[str] = []
        with tracer.span("evidence"):
            limit = self._memory.card.config.evidence_tokens
            for piece in lm.stream_text(_counted(session.decode(limit), tracer)):
                recalled.append(piece)
                yield Text(piece, "evidence")
        evidence = Evidence(best.passage_id, title, "".join(recalled).strip(), best.weight)
        yield Found((evidence,))
        passage = Passage(evidence.passage_id, evidence.title, evidence.text)
        answerer, said = self._answerer, list[str]()
        answering = answerer.session()
        ids = answerer.prompt.context([passage]) + answerer.prompt.tail(question)
        yield from prefill(answering, ids, tracer)
        yield from decode(answerer, answering, self._limit, tracer, said)
        details = {
            "routing": weights,
            "not_in_memory": routing.null,
            "documents": len(self._memory.pool.ids),
        }
        yield Finished(Answer(self.name, question, "".join(said).strip(), (evidence,), tracer.finish(), details))


def _counted(tokens: Iterator[int], tracer: Tracer) -> Iterator[int]:
    for token in tokens:
        tracer.generated_tokens += 1
        yield token
