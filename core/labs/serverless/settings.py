"""Settings of a function, from its environment: where the index is, and which models embed and answer."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from core.settings import Positive, Settings

IndexKind = Literal["flat", "ivf-hnsw-sq"]
Provider = Literal["local", "bedrock"]
KINDS: tuple[IndexKind, ...] = get_args(IndexKind)
MAXSIM = "maxsim"
TITAN = "amazon.titan-embed-text-v2:0"
CLAUDE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"


def _of_titan(dimensions: int) -> int:
    if dimensions not in (256, 512, 1024):
        raise ValueError("256, 512, 1024")
    return dimensions


@dataclass(frozen=True)
class FunctionSettings(Settings):
    """Settings of the functions: those of the local models, and their own, from variables named ``TESSERA_*``.

    Attributes:
        index_url: Folder or ``s3://bucket/prefix`` of the passage table (TESSERA_INDEX_URL).
        index_kind: How it is searched (TESSERA_INDEX_KIND).
        embeddings: Who embeds questions (TESSERA_EMBEDDINGS).
        answers: Who answers (TESSERA_ANSWERS).
        titan_model: Bedrock id of the embedding model (TESSERA_TITAN_MODEL).
        titan_dimensions: Length of its vectors (TESSERA_TITAN_DIMENSIONS).
        claude_model: Bedrock id or inference profile of the answering model (TESSERA_CLAUDE_MODEL).
        reranker: How passages are re-ranked, see ``core.models.rerank`` (TESSERA_RERANKER).
        results_url: Folder or ``s3://bucket/prefix`` of saved results (TESSERA_RESULTS_URL).
        results_ttl: Seconds until a kept result expires (TESSERA_RESULTS_TTL).
        retrieval_function: Function that the orchestrator asks for passages (TESSERA_RETRIEVAL_FUNCTION).
        rerank_function: For their order (TESSERA_RERANK_FUNCTION).
        generation_function: For the answer (TESSERA_GENERATION_FUNCTION).
        cache_function: For kept results (TESSERA_CACHE_FUNCTION).

    Raises:
        TesseraError: A variable holds a value of the wrong kind.
    """

    index_url: str = ""
    index_kind: IndexKind = "flat"
    embeddings: Provider = "local"
    answers: Provider = "local"
    titan_model: str = TITAN
    titan_dimensions: Annotated[int, AfterValidator(_of_titan)] = 512
    claude_model: str = CLAUDE
    reranker: str = MAXSIM
    results_url: str = ""
    results_ttl: Positive = 86_400
    retrieval_function: str = "retrieval"
    rerank_function: str = "rerank"
    generation_function: str = "generation"
    cache_function: str = "cache"
