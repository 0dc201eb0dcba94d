"""Settings of a function, from its environment: where the index is, and which models embed and answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from core.errors import TesseraError
from core.messages import message
from core.settings import Settings

IndexKind = Literal["flat", "ivf-hnsw-sq"]
Provider = Literal["local", "bedrock"]
KINDS: tuple[IndexKind, ...] = get_args(IndexKind)
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
MAXSIM = "maxsim"
TITAN = "amazon.titan-embed-text-v2:0"
CLAUDE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN_DIMENSIONS = (256, 512, 1024)


@dataclass(frozen=True)
class FunctionSettings:
    """Settings of the functions, from variables named ``TESSERA_*``.

    Attributes:
        index_url: Folder or ``s3://bucket/prefix`` of the passage table (TESSERA_INDEX_URL).
        index_kind: How it is searched (TESSERA_INDEX_KIND).
        embeddings: Who embeds questions (TESSERA_EMBEDDINGS).
        answers: Who answers (TESSERA_ANSWERS).
        titan_model: Bedrock id of the embedding model (TESSERA_TITAN_MODEL).
        titan_dimensions: Length of its vectors (TESSERA_TITAN_DIMENSIONS).
        claude_model: Bedrock id or inference profile of the answering model (TESSERA_CLAUDE_MODEL).
        reranker: How passages are re-ranked, see ``core.models.rerank`` (TESSERA_RERANKER).
        results_url: Folder or ``s3://bucket/prefix`` of kept results (TESSERA_RESULTS_URL).
        results_ttl: Seconds until a kept result expires (TESSERA_RESULTS_TTL).
        retrieval_function: Function that the orchestrator asks for passages (TESSERA_RETRIEVAL_FUNCTION).
        rerank_function: For their order (TESSERA_RERANK_FUNCTION).
        generation_function: For the answer (TESSERA_GENERATION_FUNCTION).
        cache_function: For kept results (TESSERA_CACHE_FUNCTION).
        base: Settings of the local models.
    """

    index_url: str = ""
    index_kind: IndexKind = "flat"
    embeddings: Provider = "local"
    answers: Provider = "local"
    titan_model: str = TITAN
    titan_dimensions: int = 512
    claude_model: str = CLAUDE
    reranker: str = MAXSIM
    results_url: str = ""
    results_ttl: int = 86_400
    retrieval_function: str = "retrieval"
    rerank_function: str = "rerank"
    generation_function: str = "generation"
    cache_function: str = "cache"
    base: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        _one_of("TESSERA_INDEX_KIND", self.index_kind, KINDS)
        _one_of("TESSERA_EMBEDDINGS", self.embeddings, PROVIDERS)
        _one_of("TESSERA_ANSWERS", self.answers, PROVIDERS)
        _one_of("TESSERA_TITAN_DIMENSIONS", self.titan_dimensions, TITAN_DIMENSIONS)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> FunctionSettings:
        """Reads the environment of the function.

        Raises:
            TesseraError: A variable holds a value of the wrong kind.
        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            name = f"TESSERA_{each.name.upper()}"
            if each.name != "base" and name in environment:
                whole = isinstance(each.default, int)
                given[each.name] = _number(name, environment[name]) if whole else environment[name]
        return cls(**given, base=Settings.from_environment())


def _number(name: str, given: str) -> int:
    if not given.isdecimal():
        raise TesseraError(message("{name}={given!r} is not a whole number.", name=name, given=given), "Correct it.")
    return int(given)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise TesseraError(
            message("{name} is {value!r}.", name=name, value=value),
            message("Choose one of: {names}.", names=", ".join(map(str, allowed))),
        )
