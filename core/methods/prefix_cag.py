"""CAG on a server: the prompt starts with the nearest cell's text, whose keys and values the server has cached.

    head | passages of the nearest cell | the best passages of other near cells | question
           in the order of the corpus     in the order of the corpus

No server accepts keys and values, but vLLM, SGLang, llama.cpp and many hosted ones cache those of earlier prompts and
continue from the longest common prefix of tokens (prefix caching). So the order of passages must not depend on the
question. If a server reports how many tokens it reused, they are in ``Trace.cached_tokens``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.methods.base import Answer, Event, EvidenceChosen, Finished, as_evidence, read
from core.methods.cell_search import CellSearch
from core.methods.resources import Resources
from core.trace import Tracer


class PrefixCag:
    """Answers with the nearest cell as the prefix of the prompt.

    Args:
        resources: Needs the artefacts corpus, embeddings and partition, and a server.

    Raises:
        ArtefactMissing: One of them is missing.
        ArtefactStale: The passages were embedded by another encoder.
        ModelError: The server's address or model name is invalid.
    """

    name = "cag"
    search: Callable[[Resources], CellSearch] = CellSearch
    whole_cell_alone = False

    def __init__(self, resources: Resources) -> None:
        self._cells = type(self).search(resources)
        self._passages = resources.corpus.passages
        self._engine = resources.engine()

    def stream(self, question: str) -> Iterator[Event]:
        """Searches the nearest cells; the server then prefills what it has not cached, and answers."""
        tracer = Tracer(self._engine.synchronise)
        result = self._cells.find(question, tracer)
        cell = result.route.cells[0]
        rows = self._cells.members[cell]
        if not self.whole_cell_alone:
            rows = [*rows, *sorted(set(result.chosen.rows) - set(rows))]
        passages = [self._passages[row] for row in rows]
        scores = self._cells.scores(rows, result.vector).tolist()
        evidence = tuple(sorted(as_evidence(passages, scores), key=lambda piece: -piece.score))
        yield EvidenceChosen(evidence)
        tracer.bytes_touched += result.chosen.bytes + sum(len(passage.text.encode()) for passage in passages)
        text = yield from read(self._engine, passages, question, tracer)
        details = {**result.chosen.details, "cell": cell, "sent": [passage.id for passage in passages]}
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish(), details))


class PrefixCell(PrefixCag):
    """``PrefixCag`` with only the nearest cell in the prompt."""

    name = "cag_cell"
    whole_cell_alone = True
