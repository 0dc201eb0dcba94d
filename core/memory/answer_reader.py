"""Reading the answer off z: the question is put behind the soft tokens of the routed documents.

    head | z | gap | z | gap | tail(question) | answer

It is the prompt of the text methods with z in the place of each passage, read by the same model: soft tokens are
nearly words, so a model that reads passages reads them, too. No evidence is written before the answer. Where the model
declines, the z of the next document can be read: that costs time only where nothing would have been said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch

from core.memory.model import Memory
from core.memory.opening_cache import OpeningCache, size_of
from core.models.budget import Budget
from core.models.kv_buffer import Layers, new_buffer
from core.models.language_model import LanguageModel
from core.models.pages import in_pages
from core.models.session import Session
from core.trace import Tracer


class AnswerReader:
    """Opens sessions over documents and a question, ready to decode the answer.

    Args:
        lm: The model that reads, of the same base as the memory's.
        limit: Most tokens of an answer.
        budget: What the keys and values of z may take in memory, shared with other caches.

    Attributes:
        kept: The keys and values of z in memory.
    """

    def __init__(self, memory: Memory, lm: LanguageModel, limit: int, budget: Budget) -> None:
        self.memory, self.lm, self._limit = memory, lm, limit
        self.kept = OpeningCache(budget)

    def open(self, question: str, passage_ids: Sequence[str], tracer: Tracer) -> Session:
        """A session that continues with the answer; counts on ``tracer`` what it took.

        Raises:
            TesseraError: The memory does not hold one of the documents.
            ModelError: The z that are read are more than the model's context holds.
        """
        ids, tail = tuple(passage_ids), self.lm.prompt.tail(question)
        tracer.bytes_touched += self.memory.pool.z[self.memory.pool.rows(ids)].nbytes
        layers = self.kept.get(ids)
        if layers is not None:
            session = self.lm.session(new_buffer(len(layers), layers))
            tracer.cached_tokens += session.length
            tracer.prompt_tokens += len(tail)
            tracer.bytes_touched += size_of(layers)
            session.prefill(tail)
            return session
        z = self._z(ids)
        session = self.lm.session(new_buffer(len(self._head), self._head))
        tracer.cached_tokens += session.length
        # In one pass: on a CPU every pass reads all weights.
        session.prefill_embeddings(torch.cat([z, self.lm.embed(tail)]))
        tracer.prompt_tokens += len(z) + len(tail)
        self.kept.put(ids, _first(session, session.length - len(tail)))
        return session

    def open_in_turn(
        self, question: str, readings: Sequence[list[str]], tracer: Tracer
    ) -> tuple[Session, list[list[str]]]:
        """Reads one document, or several together, after another until the model does not decline.

        Returns:
            A session that continues with the answer from the last reading, or from the first where the model declines
            them all; and the readings that were made, the answering one last.

        Raises:
            TesseraError: As ``open``.
            ModelError: As ``open``.
        """
        made: list[tuple[Session, list[str]]] = []
        for passage_ids in readings:
            session = self.open(question, passage_ids, tracer)
            made.append((session, passage_ids))
            if session.logits is None or int(session.logits.argmax()) != self.lm.prompt.declining:
                break
        else:
            made.append(made.pop(0))
        return made[-1][0], [passage_ids for _, passage_ids in made]

    def soft_tokens(self, passage_ids: Sequence[str]) -> int:
        """How many vectors of the documents are read: those of a short document that are left over say nothing."""
        return sum(int(self.memory.pool.filled(passage_id).sum()) for passage_id in passage_ids)

    def stream(self, session: Session, tracer: Tracer) -> Iterator[str]:
        """Pieces of the answer; closing the iterator stops the model at once."""
        return self.lm.stream_answer(session, self._limit, tracer)

    def answer(self, question: str, passage_ids: Sequence[str]) -> str:
        """The whole answer from documents that are read together, untimed."""
        session = self.open(question, passage_ids, Tracer())
        return "".join(self.stream(session, Tracer())).strip()

    @cached_property
    def _head(self) -> Layers:
        """Keys and values of the prompt's head, which is the same for every question."""
        session = self.lm.session()
        session.prefill(self.lm.prompt.head)
        return in_pages(_first(session, session.length))

    @torch.inference_mode()
    def _z(self, passage_ids: Sequence[str]) -> torch.Tensor:
        """Embeddings [T, hidden] of ``z | gap | z | gap ...``."""
        gap = self.lm.embed(self.lm.prompt.gap)
        parts = []
        for passage_id, soft in zip(passage_ids, self.memory.as_words(passage_ids), strict=True):
            parts += [soft[self.memory.pool.filled(passage_id).to(soft.device)].to(gap), gap]
        return torch.cat(parts)


def _first(session: Session, length: int) -> Layers:
    """Keys and values of a session's first tokens."""
    layers: Any = session.cache.layers
    return [(layer.keys[..., :length, :], layer.values[..., :length, :]) for layer in layers]
