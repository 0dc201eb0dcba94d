"""What all methods share: the protocol, the events of a stream, and the answer."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from core.corpus.types import Passage, Source
from core.models.device import trim
from core.models.engine import LocalEngine
from core.models.engine_base import Engine, Piece, Working
from core.models.side_by_side import SideBySide
from core.trace import Trace, Tracer


@dataclass(frozen=True)
class Evidence:
    """A text that an answer is based on.

    Attributes:
        passage_id: The passage; for LLM-as-Memory the document whose z was read.
        text: What the model read: the passage, or the evidence from z.
        score: Similarity, or routing weight; larger is better.
        source: Where the passage stands in its file; None where it came as a passage.
    """

    passage_id: str
    title: str
    text: str
    score: float
    source: Source | None = None

    @property
    def cited(self) -> str:
        """The citation in an answer: the place in the file, else the title, else the id."""
        return self.source.cited if self.source else self.title or self.passage_id

    def to_json(self) -> dict[str, Any]:
        """All of it in plain values: what every front and every file of answers holds of it."""
        return {**asdict(self), "cited": self.cited}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Evidence:
        """The inverse of ``to_json``."""
        source = Source(**row["source"]) if row.get("source") else None
        return cls(row["passage_id"], row["title"], row["text"], row["score"], source)


@dataclass(frozen=True)
class Answer:
    """One finished answer.

    Attributes:
        evidence: The texts it is based on, best first.
        details: Facts reported by the method (JSON values), such as the cells opened or a cache hit; for the keys see
            ``MethodSpec.facts``.
    """

    method: str
    question: str
    text: str
    evidence: tuple[Evidence, ...]
    trace: Trace
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EvidenceChosen:
    """The method has chosen its evidence."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Text:
    """A piece of generated text."""

    text: str
    part: Literal["evidence", "answer"] = "answer"


@dataclass(frozen=True)
class Finished:
    """The last event of a stream."""

    answer: Answer


Event = Working | EvidenceChosen | Text | Finished
"""An event of a method's stream, which always ends with ``Finished``."""


def two_models(details: Mapping[str, Any]) -> tuple[str, str] | None:
    """The models that wrote evidence and answer, if these are two; such times are not ranked with others."""
    evidence, final = details.get("evidence_by"), details.get("answerer")
    return (str(evidence), str(final)) if evidence and final and evidence != final else None


class Method(Protocol):
    """An open method, with everything loaded that it needs. Answering does not change its state."""

    name: str

    def stream(self, question: str) -> Iterator[Event]:
        """Answers a question; closing the iterator stops the method."""
        ...


def answer(method: Method, question: str) -> Answer:
    """Runs a method's stream to its end, and gives back what it no longer needs (``trim``), off the clocks."""
    for event in method.stream(question):
        if isinstance(event, Finished):
            trim()
            return event.answer
    raise RuntimeError(f"{method.name} ended without an answer")  # a bug in the method, not a user error


def as_evidence(passages: Sequence[Passage], scores: Iterable[float]) -> tuple[Evidence, ...]:
    """Passages with their scores as evidence."""
    return tuple(Evidence(p.id, p.title, p.text, score, p.source) for p, score in zip(passages, scores, strict=True))


def read(engine: Engine, passages: Sequence[Passage], question: str, tracer: Tracer) -> Generator[Event, None, str]:
    """Answers a question from passages; yields the engine's events and returns the answer."""
    return (yield from as_events(engine.stream(question, passages, tracer)))


def read_passages(
    engine: Engine, passages: Sequence[Passage], question: str, tracer: Tracer, reading: str
) -> Generator[Event, None, tuple[str, dict[str, int]]]:
    """Answers a question from the passages that were found; yields the engine's events.

    Args:
        reading: See ``Settings.reading``.

    Returns:
        The answer, and the fact ``answered_from``: the number of its passage, from 1 on. None is given where several
        were read together.
    """
    if reading == "alone" and len(passages) > 1 and isinstance(engine, LocalEngine):
        side = SideBySide(engine.lm, [engine.lm.prompt.passage(passage) for passage in passages])
        text = yield from as_events(engine.read_alone(side, question, tracer))
        return text, {"answered_from": side.chosen + 1}
    return (yield from read(engine, passages, question, tracer)), {"answered_from": 1} if len(passages) == 1 else {}


def as_events(pieces: Iterable[Piece], part: Literal["evidence", "answer"] = "answer") -> Generator[Event, None, str]:
    """Passes on the text of an engine as events; returns the whole text."""
    texts = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
        yield Text(piece, part) if isinstance(piece, str) else piece
    return "".join(texts).strip()
