"""Requests to the functions, checked when they come in: whatever is wrong is named before any model is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.corpus.types import Passage
from core.errors import TesseraError
from core.normalise import is_unicode

MAX_QUESTION = 2_000
MAX_K = 50
MAX_PASSAGES = 20
MAX_TEXT = 20_000
MAX_NESTING = 16
DEFAULT_K = 3
CANDIDATES = 10
"""Passages that are found where they are to be re-ranked, unless more are wanted."""


class BadRequest(TesseraError):
    """The caller asked for something that cannot be done; Step Functions sees it under this name."""


def read_object(body: bytes | str) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        BadRequest: It is no text, no JSON, no object, or deeper than ``MAX_NESTING``.
    """
    try:
        content = json.loads(body.decode() if isinstance(body, bytes) else body)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is no text.", "Send JSON in UTF-8.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.", f"Nest at most {MAX_NESTING} levels.") from error
    except ValueError as error:
        raise BadRequest(f"The body is no JSON: {error}.", "Send JSON in UTF-8.") from error
    if not isinstance(content, dict):
        raise BadRequest("The body is no JSON object.", 'Send an object such as {"question": "..."}.')
    level: list[Any] = [content]
    for _ in range(MAX_NESTING):
        holders = [entry for entry in level if isinstance(entry, dict | list)]
        level = [child for entry in holders for child in (entry.values() if isinstance(entry, dict) else entry)]
    if level:
        raise BadRequest("The body is nested too deeply.", f"Nest at most {MAX_NESTING} levels.")
    return content


@dataclass(frozen=True)
class RetrievalRequest:
    """A question, and how many passages are wanted for it.

    Attributes:
        rerank: Whether more of them are found first and the best k chosen by re-ranking.
        cache: Whether a kept result may answer, and this one is kept.
    """

    question: str
    k: int = DEFAULT_K
    rerank: bool = False
    cache: bool = False

    @classmethod
    def parse(cls, body: Mapping[str, Any], default_k: int = DEFAULT_K) -> RetrievalRequest:
        """Checks a body ``{"question": ..., "k": ..., "rerank": ..., "cache": ...}``.

        Raises:
            BadRequest: A field is missing, unknown or of the wrong kind.
        """
        _only(body, ("question", "k", "rerank", "cache"))
        flags = {name: body.get(name, False) for name in ("rerank", "cache")}
        for name, value in flags.items():
            if not isinstance(value, bool):
                raise BadRequest(f"'{name}' is {_short(value)}.", "Give true or false.")
        return cls(_question(body), _count(body.get("k", default_k)), **flags)

    def body(self) -> dict[str, Any]:
        """The inverse of ``parse``."""
        return asdict(self)


@dataclass(frozen=True)
class GenerationRequest:
    """A question, and the passages to answer it from, best first."""

    question: str
    passages: tuple[Passage, ...]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> GenerationRequest:
        """Checks a body ``{"question": ..., "passages": [{"id", "title", "text"}, ...]}``.

        Raises:
            BadRequest: A field is missing, unknown or of the wrong kind.
        """
        _only(body, ("question", "passages"))
        return cls(_question(body), _passages(body, MAX_PASSAGES))


@dataclass(frozen=True)
class KeepRequest:
    """A request that was answered, and its result: "answer" and "passages"."""

    request: RetrievalRequest
    result: Mapping[str, Any]

    @classmethod
    def parse(cls, body: Mapping[str, Any], default_k: int = DEFAULT_K) -> KeepRequest:
        """Checks a body ``{"request": {...}, "result": {"answer": ..., "passages": [...]}}``.

        Raises:
            BadRequest: A field is missing, unknown or of the wrong kind.
        """
        _only(body, ("request", "result"))
        request, result = body.get("request"), body.get("result")
        if not isinstance(request, Mapping) or not isinstance(result, Mapping):
            raise BadRequest("'request' or 'result' is no JSON object.", "Give both as they were sent and answered.")
        _only(result, ("answer", "passages"))
        if not isinstance(result.get("answer"), str):
            raise BadRequest(f"'answer' is {_short(result.get('answer'))}.", "Give a text.")
        _passages(result, MAX_K)
        return cls(RetrievalRequest.parse(request, default_k), result)


@dataclass(frozen=True)
class RerankRequest:
    """A question, the passages that were found for it, and how many of them are wanted."""

    question: str
    passages: tuple[Passage, ...]
    k: int = DEFAULT_K

    @classmethod
    def parse(cls, body: Mapping[str, Any], default_k: int = DEFAULT_K) -> RerankRequest:
        """Checks a body ``{"question": ..., "passages": [...], "k": ...}``.

        Raises:
            BadRequest: A field is missing, unknown or of the wrong kind.
        """
        _only(body, ("question", "passages", "k"))
        return cls(_question(body), _passages(body, MAX_K), _count(body.get("k", default_k)))


def _passages(body: Mapping[str, Any], most: int) -> tuple[Passage, ...]:
    given = body.get("passages")
    if not isinstance(given, list) or len(given) > most:
        raise BadRequest("'passages' is no list of passages.", f"Give a list of at most {most}.")
    return tuple(_passage(row, entry) for row, entry in enumerate(given))


def _count(k: object) -> int:
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MAX_K:
        raise BadRequest(f"'k' is {_short(k)}.", f"Give a whole number from 1 to {MAX_K}.")
    return k


def _question(body: Mapping[str, Any]) -> str:
    text = body.get("question")
    if not isinstance(text, str) or not text.strip():
        raise BadRequest(f"'question' is {_short(text)}.", "Give a text that is not empty.")
    if not is_unicode(text):
        raise BadRequest("'question' is no text.", "Send it in UTF-8.")
    if len(text) > MAX_QUESTION:
        raise BadRequest(f"'question' has {len(text):,} characters.", f"Use at most {MAX_QUESTION:,}.")
    return text.strip()


def _passage(row: int, entry: object) -> Passage:
    if not isinstance(entry, Mapping):
        raise BadRequest(f"Passage {row} is {_short(entry)}.", "Give an object with 'id', 'title' and 'text'.")
    fields = {name: entry.get(name, "") for name in ("id", "title", "text")}
    for name, value in fields.items():
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise BadRequest(f"'{name}' of passage {row} is {_short(value)}.", f"Give at most {MAX_TEXT:,} characters.")
        if not is_unicode(value):
            raise BadRequest(f"'{name}' of passage {row} is no text.", "Send it in UTF-8.")
    if not fields["text"].strip():
        raise BadRequest(f"Passage {row} has no text.", "Give every passage a 'text'.")
    return Passage(fields["id"] or str(row), fields["title"], fields["text"])


def _only(body: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise BadRequest(f"There is no field {_short(unknown[0])}.", f"Use: {', '.join(allowed)}.")


def _short(value: object) -> str:
    if value is None:
        return "missing"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
