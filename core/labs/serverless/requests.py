"""Requests to the functions, checked when they come in: whatever is wrong is named before any model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from core.corpus.types import Passage
from core.errors import TesseraError

MAX_QUESTION = 2_000
MAX_K = 50
MAX_PASSAGES = 20
MAX_TEXT = 20_000
MAX_NESTING = 16
_SHOWN = 60
DEFAULT_K = 3
CANDIDATES = 10
"""Passages that are found where they are to be re-ranked, unless more are wanted."""
_Request = TypeVar("_Request")
_TRIMMED, _FILLED = AfterValidator(str.strip), Field(min_length=1)
# Counted as they are sent, and trimmed then: white space weighs, too.
_Question = Annotated[str, StringConstraints(strict=True, max_length=MAX_QUESTION), _TRIMMED, _FILLED]
_Text = Annotated[str, StringConstraints(strict=True, max_length=MAX_TEXT), _TRIMMED, _FILLED]
_Name = Annotated[str, StringConstraints(strict=True, max_length=MAX_TEXT), _TRIMMED]
_Count = Annotated[StrictInt, Field(ge=1, le=MAX_K)]


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


@dataclass(frozen=True, config={"extra": "forbid"})
class RetrievalRequest:
    """A question, and how many passages are wanted for it.

    Attributes:
        rerank: Whether more of them are found first and the best k chosen by re-ranking.
        cache: Whether a kept result may answer, and this one is kept.
    """

    question: _Question
    k: _Count = DEFAULT_K
    rerank: StrictBool = False
    cache: StrictBool = False


@dataclass(frozen=True)
class _Given:
    """A passage as it is sent; what else is said of it, such as its score, is passed over."""

    text: _Text
    id: _Name = ""
    title: _Name = ""


@dataclass(frozen=True, config={"extra": "forbid"})
class GenerationRequest:
    """A question, and the passages to answer it from, best first."""

    question: _Question
    given: Annotated[tuple[_Given, ...], Field(alias="passages", max_length=MAX_PASSAGES)]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages; one without an id is named by its place."""
        return tuple(Passage(each.id or str(row), each.title, each.text) for row, each in enumerate(self.given))


@dataclass(frozen=True, config={"extra": "forbid"})
class RerankRequest(GenerationRequest):
    """A question, the passages that were found for it, and how many of them are wanted."""

    given: Annotated[tuple[_Given, ...], Field(alias="passages", max_length=MAX_K)]
    k: _Count = DEFAULT_K


@dataclass(frozen=True, config={"extra": "forbid"})
class Result:
    """What a request was answered with."""

    answer: _Name
    passages: Annotated[tuple[_Given, ...], Field(max_length=MAX_K)]


@dataclass(frozen=True, config={"extra": "forbid"})
class SaveRequest:
    """A request that was answered, as it was sent, and its result, to be saved."""

    request: dict[str, Any]
    result: Result


_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(TypeAdapter)


def parse(kind: type[_Request], body: Mapping[str, Any]) -> _Request:
    """The request of a kind that a body holds.

    Raises:
        BadRequest: A field is missing, unknown or of the wrong kind.
    """
    try:
        request: _Request = _adapter(kind).validate_python(body)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"]))
        shown = "missing" if wrong["type"] == "missing" else repr(wrong["input"])
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
        raise BadRequest(f"'{field}' is {shown}.", f"{wrong['msg']}.") from None
    return request
