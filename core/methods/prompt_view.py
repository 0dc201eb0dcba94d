"""What the model read for an answer, segment by segment: from a stored cache, prefilled now, or as soft tokens.

The prompt is laid out again from the answer's evidence, with the very functions that the methods use, so its tokens add
up to those that the trace counted. Of what a server read, the text it was sent is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.corpus.types import Passage
from core.methods.base import Answer
from core.methods.registry import find_method
from core.models.language_model import LanguageModel
from core.models.prompt import user_turn

Reading = Literal["cached", "new", "soft", "written"]


@dataclass(frozen=True)
class Segment:
    """A stretch of what the model read.

    Attributes:
        reading: From a stored cache, prefilled now, as vectors, or prefilled now and written by the model itself.
        text: As the model sees it; of soft tokens the words that they name, if any.
    """

    reading: Reading
    text: str
    tokens: int


def segments_read(answer: Answer, lm: LanguageModel) -> list[Segment]:
    """The segments in their order."""
    trace, prompt = answer.trace, lm.prompt
    reads_z = find_method(answer.method).reads_z
    before: Reading = "cached" if trace.cached_tokens else "new"
    readings: list[dict[str, Any]] = answer.details.get("readings", [])
    if answer.details.get("order") == "answer":
        # The evidence came after the answer: nothing of it was read.
        return [segment for reading in readings for segment in _reading_of_z(lm, reading, answer.question)]
    soft = Segment("soft", "", sum(reading["vectors"] for reading in readings))
    tail: tuple[Reading, list[int]] = ("new", prompt.tail(answer.question))
    passages = _passages(answer)
    segments: list[tuple[Reading, list[int]]] = [
        (before, prompt.head),
        *(("written" if reads_z else before, prompt.passage(passage)) for passage in passages),
        tail,
    ]
    if len(passages) > 1 and "answered_from" in answer.details:  # the question was put to each of them
        segments = [segment for each in segments[1:-1] for segment in (each, tail)]
        segments.insert(0, (before, prompt.head))
    return [*([soft] if reads_z else []), *(_shown(lm, reading, ids) for reading, ids in segments)]


def text_sent(answer: Answer) -> str:
    """What a server was sent for an answer, besides the instruction."""
    passages = {passage.id: passage for passage in _passages(answer)}
    return user_turn([passages[name] for name in answer.details.get("sent", passages)], answer.question)


def _passages(answer: Answer) -> list[Passage]:
    return [Passage(piece.passage_id, piece.title, piece.text) for piece in answer.evidence]


def _reading_of_z(lm: LanguageModel, reading: Mapping[str, Any], question: str) -> list[Segment]:
    """Documents as soft tokens, and the question behind them."""
    prompt = lm.prompt
    return [
        _shown(lm, "cached", prompt.head),
        Segment("soft", reading["text"], reading["vectors"]),
        _shown(lm, "new", prompt.gap * len(reading["passage_ids"])),
        _shown(lm, "new", prompt.tail(question)),
    ]


def _shown(lm: LanguageModel, reading: Reading, ids: list[int]) -> Segment:
    return Segment(reading, lm.tokenizer.decode(ids), len(ids))
