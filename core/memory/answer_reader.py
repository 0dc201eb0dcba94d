"""Reading the answer off z: the question is put behind the soft tokens of the routed documents.

    head | z | gap | z | gap | tail(question) | answer

It is the prompt of the text methods with z in the place of each passage, read by the same model: soft tokens are
nearly words, so a model that reads passages reads them, too. No evidence is written before the answer. Of a z that
spells sentences, its title and those nearest to the question are read first. Where the model declines, all of it is
read, and then the z of the next document: that costs time only where nothing would have been said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch

from core.memory.model import Memory
from core.memory.spelled import Spelled
from core.models.kv_buffer import Layers, new_buffer
from core.models.language_model import LanguageModel
from core.models.pages import in_pages
from core.models.session import Session
from core.trace import Tracer


@dataclass(frozen=True)
class Reading:
    """What the model read of z before it answered or declined.

    Attributes:
        passage_ids: Documents that were read together.
        vectors: How many vectors of their z were read.
        whole: Whether these were all that say something.
        text: The words that they name; empty where they name none.
    """

    passage_ids: tuple[str, ...]
    vectors: int
    whole: bool
    text: str = ""


class AnswerReader:
    """Opens sessions over documents and a question, ready to decode the answer.

    Args:
        lm: The model that reads, of the same base as the memory's.
        limit: Most tokens of an answer.
        sentences: How many of each z are read first, those nearest to the question; 0 reads it whole at once.
    """

    def __init__(self, memory: Memory, lm: LanguageModel, limit: int, sentences: int) -> None:
        self.memory, self.lm, self._limit, self._sentences = memory, lm, limit, sentences

    def open(self, question: str, candidates: Sequence[Sequence[str]], tracer: Tracer) -> tuple[Session, list[Reading]]:
        """Reads until the model does not decline: what is nearest to the question, all of that z, the next ones.

        Args:
            candidates: Documents that are read together, the likeliest first.
            tracer: Counts what it took.

        Returns:
            A session that continues with the answer from the last reading, or from the first where the model declines
            them all; and the readings that were made, the answering one last.

        Raises:
            TesseraError: The memory does not hold one of the documents.
            ModelError: The z that are read are more than the model's context holds.
        """
        made: list[tuple[Session, Reading]] = []
        spelled = cache(self.memory.spelled)  # a z that is read in part and then whole is looked up once
        plan = [(candidates[0], self._sentences), *((each, 0) for each in candidates)]
        for number, (passage_ids, sentences) in enumerate(plan):
            if number == 1 and made[0][1].whole:
                continue  # the first was read to its end at once
            made.append(self._read(question, {each: spelled(each) for each in passage_ids}, sentences, tracer))
            logits = made[-1][0].logits
            if logits is None or int(logits.argmax()) != self.lm.prompt.declining:
                break
        else:
            made.append(made.pop(0))
        return made[-1][0], [reading for _, reading in made]

    def _read(
        self, question: str, documents: Mapping[str, Spelled], sentences: int, tracer: Tracer
    ) -> tuple[Session, Reading]:
        """One reading, of so many sentences of each document, given by its id; 0 reads all."""
        prompt, terms = self.lm.prompt, self.memory.index.terms
        gap, tail = self.lm.embed(prompt.gap), prompt.tail(question)
        parts: list[torch.Tensor] = []
        ids: list[int] = []
        texts: list[str] = []
        vectors, whole = 0, True
        for spelled in documents.values():
            rows = spelled.about(question, sentences, terms)
            words = [spelled.words[row] for row in rows] if spelled.words else []
            parts += [spelled.soft[rows].to(gap), gap]
            ids += [*words, *prompt.gap]
            texts.append(spelled.decode(words))
            vectors, whole = vectors + len(rows), whole and len(rows) == len(spelled.soft)
        tracer.bytes_touched += self.memory.pool.z[self.memory.pool.rows(documents)].nbytes
        session = self.lm.session(new_buffer(len(self._head), self._head), prompt.head)
        tracer.cached_tokens += session.length
        # In one pass: on a CPU every pass reads all weights.
        session.prefill_embeddings(torch.cat([*parts, self.lm.embed(tail)]), [*ids, *tail])
        tracer.prompt_tokens += vectors + len(prompt.gap) * len(documents) + len(tail)
        return session, Reading(tuple(documents), vectors, whole, "\n".join(filter(None, texts)))

    def stream(self, session: Session, tracer: Tracer) -> Iterator[str]:
        """Pieces of the answer; closing the iterator stops the model at once."""
        return self.lm.stream_answer(session, self._limit, tracer)

    def answer(self, question: str, passage_ids: Sequence[str]) -> str:
        """The whole answer from documents that are read together, untimed."""
        session, _ = self.open(question, [passage_ids], Tracer())
        return "".join(self.stream(session, Tracer())).strip()

    @cached_property
    def _head(self) -> Layers:
        """Keys and values of the prompt's head, which is the same for every question."""
        session = self.lm.session()
        session.prefill(self.lm.prompt.head)
        layers: Any = session.cache.layers
        return in_pages([(layer.keys, layer.values) for layer in layers])
