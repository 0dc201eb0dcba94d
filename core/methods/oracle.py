"""Oracle: answers from the gold passages, as after perfect retrieval; remaining errors are the reader's."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, EvidenceChosen, Finished, as_evidence, read
from core.methods.resources import Resources
from core.trace import Tracer


class Oracle:
    """Answers from the gold passages only.

    Args:
        resources: Needs the artefact corpus, and the gold passages of the questions, see ``Resources.gold``.

    Raises:
        ArtefactMissing: There is no corpus.
    """

    name = "oracle"

    def __init__(self, resources: Resources) -> None:
        self._engine = resources.engine()
        self._passages = resources.passages
        self._gold = resources.gold

    def stream(self, question: str) -> Iterator[Event]:
        """Prefills the gold passages and the question, then decodes.

        Raises:
            TesseraError: The gold passages of the question are not known.
        """
        passages = [self._passages[passage_id] for passage_id in self._gold(question)]
        tracer = Tracer(self._engine.synchronise)
        evidence = as_evidence(passages, [1.0] * len(passages))
        yield EvidenceChosen(evidence)
        tracer.bytes_touched += sum(len(p.text.encode()) for p in passages)
        text = yield from read(self._engine, passages, question, tracer)
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish()))
