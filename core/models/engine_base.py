"""The protocol of all engines, whether the language model runs in this process or on a server.

    for piece in engine.stream(question, passages, tracer):
        ...                                      # str: text of the answer; Working: progress

All engines use the same prompt (see ``core.models.prompt``); closing the iterator stops generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.corpus.types import Passage
from core.models.language_model import Identity
from core.trace import Tracer


@dataclass(frozen=True)
class Working:
    """Progress: ``done`` of ``total`` units of ``stage``; 0 of 0 if unknown."""

    stage: str
    done: int
    total: int


Piece = str | Working
"""An item of an engine's stream: text of the answer, or progress."""


class Engine(Protocol):
    """Answers a question from passages by greedy decoding.

    Attributes:
        identity: Differs between engines whose answers must not be mixed; its name is shown and saved, and never
            contains a key.
        where: Display name of the device or the server.
        local: Whether question and passages stay on this machine.
    """

    identity: Identity
    where: str
    local: bool

    def synchronise(self) -> None:
        """Waits until all queued work of the device is done."""
        ...

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[Piece]:
        """Reads passages and question in the span "prefill", then answers in the span "decode".

        Raises:
            ModelError: The prompt is too long, or a server cannot answer.
        """
        ...


def text_of(pieces: Iterable[Piece]) -> str:
    """The whole answer of a stream."""
    return "".join(piece for piece in pieces if isinstance(piece, str)).strip()
