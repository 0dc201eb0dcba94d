"""What every arm of the comparison has in common: one protocol, a stream of small events, one kind of answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.corpus.types import Passage
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.trace import Trace, Tracer


@dataclass(frozen=True)
class Evidence:
    """A text an answer rests on.

    Attributes:
        passage_id: The passage; for the memory arm the document whose Z was read.
        title: Its title.
        text: What the model saw: the passage, or the evidence it generated from Z.
        score: Similarity, or routing weight; larger is better.
    """

    passage_id: str
    title: str
    text: str
    score: float


@dataclass(frozen=True)
class Answer:
    """One finished answer.

    Attributes:
        method: Name of the arm.
        question: What was asked.
        text: The answer.
        evidence: What it rests on, best first.
        trace: Where the time went.
        details: Plain facts of the arm, such as the cells opened or whether a cache was hit.
    """

    method: str
    question: str
    text: str
    evidence: tuple[Evidence, ...]
    trace: Trace
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Working:
    """The arm is busy: ``done`` of ``total`` units of ``stage``."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Found:
    """The arm has chosen what to answer from."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Text:
    """A piece of text, as it is generated."""

    text: str
    part: Literal["evidence", "answer"] = "answer"


@dataclass(frozen=True)
class Finished:
    """The last event of a stream."""

    answer: Answer


Event = Working | Found | Text | Finished
"""What a method's stream is made of; it always ends with ``Finished``."""


class Method(Protocol):
    """One arm. Opening it loads what it needs; asking it changes nothing, so it can be asked again and again."""

    name: str

    def stream(self, question: str) -> Iterator[Event]:
        """Answers a question; closing the iterator stops the work at once."""
        ...


def answer(method: Method, question: str) -> Answer:
    """Runs a method's stream to its end."""
    for event in method.stream(question):
        if isinstance(event, Finished):
            return event.answer
    raise RuntimeError(f"{method.name} ended without an answer")  # breaks the protocol: a bug, not a user's error


def prefill(session: Session, ids: Sequence[int], tracer: Tracer) -> Iterator[Event]:
    """Feeds tokens into a session under the span "prefill"."""
    with tracer.span("prefill"):
        for done in session.feed(ids):
            yield Working("prefill", done, len(ids))
    tracer.prompt_tokens += len(ids)


def decode(lm: LanguageModel, session: Session, limit: int, tracer: Tracer, said: list[str]) -> Iterator[Event]:
    """Decodes an answer under the span "decode" and appends its pieces to ``said``.

    The first token is marked when its id is known, whether or not it already makes a whole character.
    """

    def counted() -> Iterator[int]:
        for token in session.decode(limit):
            tracer.first_token()
            tracer.generated_tokens += 1
            yield token

    with tracer.span("decode"):
        for piece in lm.stream_text(counted()):
            if piece:
                said.append(piece)
                yield Text(piece)


def read(
    lm: LanguageModel, passages: Sequence[Passage], question: str, limit: int, tracer: Tracer, said: list[str]
) -> Iterator[Event]:
    """Prefills passages and question into a fresh session, decodes an answer and appends its pieces to ``said``."""
    session = lm.session()
    yield from prefill(session, lm.prompt.context(passages) + lm.prompt.tail(question), tracer)
    yield from decode(lm, session, limit, tracer, said)
