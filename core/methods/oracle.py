"""Oracle: the gold passages in the prompt. What is wrong here is the reader's fault; retrieval could not do better."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, Evidence, Finished, Found, read
from core.methods.resources import Resources
from core.trace import Tracer


class Oracle:
    """Reads the gold passages and nothing else.

    Args:
        resources: Needs the artefact corpus; knows the gold passages of its questions, see ``Resources.gold``.

    Raises:
        ArtefactMissing: There is no corpus.
    """

    name = "oracle"

    def __init__(self, resources: Resources) -> None:
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.passages
        self._gold = resources.gold
        self._limit = resources.settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Prefills the gold passages and the question, then decodes.

        Raises:
            TesseraError: Nobody has said which passages are right for this question.
        """
        passages = [self._passages[passage_id] for passage_id in self._gold(question)]
        tracer = Tracer(self._lm.synchronise)
        evidence = tuple(Evidence(p.id, p.title, p.text, 1.0) for p in passages)
        yield Found(evidence)
        tracer.bytes_touched += sum(len(p.text.encode()) for p in passages)
        said: list[str] = []
        yield from read(self._lm, passages, question, self._limit, tracer, said)
        yield Finished(Answer(self.name, question, "".join(said).strip(), evidence, tracer.finish()))
