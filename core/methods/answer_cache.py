"""The answer cache: returns stored answers to the same question, or to one that asks the same in similar words.

A small vector distance is not enough, because opposite questions have similar vectors: a similar question must also
pass ``core.methods.same_question``.

An entry belongs to a scope: a digest of corpus, models, prompt and settings. When one of them changes, entries of the
old scope are no longer found, and expire. For the keys see ``core.stores.redis.answer_keys``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from core.digests import json_digest, text_digest
from core.errors import TesseraError
from core.messages import message
from core.methods.base import Evidence
from core.methods.same_question import same_question
from core.models.encoder import Encoder, Vectors
from core.normalise import folded, normalise
from core.stores.redis.answer_keys import exact_prefix, semantic_prefix
from core.stores.redis.connection import Connection, translating_errors
from core.units import milliseconds, seconds

if TYPE_CHECKING:
    from redisvl.extensions.cache.llm import SemanticCache

TTL_S = 24 * 3600
DISTANCE = 0.1
"""Largest cosine distance of a question that may be the same."""
_NEAREST = 8
"""Number of nearest questions that are compared word by word."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class CachedAnswer:
    """An answer from the cache.

    Attributes:
        question: The question it was generated for.
        took_ms: Time of the original answer, in ms.
        match: Whether the words were the same or only similar.
        distance: Cosine distance between the two questions; 0 for the same words.
    """

    question: str
    text: str
    evidence: tuple[Evidence, ...]
    took_ms: float
    match: Literal["exact", "semantic"] = "exact"
    distance: float = 0.0


def scope_of(facts: Mapping[str, Any]) -> str:
    """Digest of everything that an answer depends on, except the question."""
    return json_digest(facts, 24)


class AnswerCache:
    """The answers of one scope.

    Args:
        workspace: See ``core.stores.redis.answer_keys.key_of``.
        scope: See ``scope_of``.
        distance: Largest cosine distance of a semantic hit; 0 turns it off.
        ttl_s: Seconds until an answer expires.

    Raises:
        TesseraError: A number is out of range.
    """

    def __init__(
        self,
        server: Connection,
        workspace: str,
        scope: str,
        encoder: Encoder,
        distance: float = DISTANCE,
        ttl_s: int = TTL_S,
    ) -> None:
        if not 0 <= distance <= 2:
            raise TesseraError(
                message("A cosine distance of {distance} cannot be.", distance=distance), "Give one from 0 to 2."
            )
        if ttl_s < 1:
            raise TesseraError(
                message("Answers cannot be kept for {seconds} s.", seconds=ttl_s), "Give at least 1 second."
            )
        self._server, self._workspace, self._scope, self._encoder = server, workspace, scope, encoder
        self._distance, self._ttl_s = distance, ttl_s
        self._opened: tuple[Any, SemanticCache] | None = None

    def exact(self, question: str) -> CachedAnswer | None:
        """The answer to a question with the same words; case, spaces and final punctuation are ignored."""
        with translating_errors(self._server):
            content = self._server.client().get(self._key(question))
        return _parse(content) if content else None

    def similar(self, question: str, vector: Vectors) -> CachedAnswer | None:
        """The answer to the nearest question within ``distance`` that passes ``same_question``.

        Args:
            vector: [dim] its unit vector.
        """
        if not self._distance:
            return None
        from redisvl.query.filter import Tag  # imported only when Redis is used

        with translating_errors(self._server):
            scope = (Tag("scope") == self._scope) & (Tag("numbers") == _numbers(question))
            hits = self._semantic().check(vector=vector.tolist(), num_results=_NEAREST, filter_expression=scope)
        for hit in hits:
            cached = _parse(hit["response"])
            if same_question(question, cached.question):
                return replace(cached, match="semantic", distance=float(hit["vector_distance"]))
        return None

    def keep(self, question: str, vector: Vectors, text: str, evidence: Sequence[Evidence], took_ms: float) -> None:
        """Stores an answer for both kinds of look-up."""
        payload = {"question": question, "text": text, "evidence": [e.to_json() for e in evidence], "took_ms": took_ms}
        content = json.dumps(payload, ensure_ascii=False)
        with translating_errors(self._server):
            self._server.client().set(self._key(question), content, ex=self._ttl_s)
            self._semantic().store(
                prompt=question,
                response=content,
                vector=vector.tolist(),
                filters={"scope": self._scope, "numbers": _numbers(question)},
                ttl=self._ttl_s,
            )

    def _semantic(self) -> SemanticCache:
        from redisvl.extensions.cache.llm import SemanticCache
        from redisvl.utils.vectorize import CustomVectorizer

        client = self._server.client()
        if self._opened is None or self._opened[0] is not client:
            cache = SemanticCache(
                name=f"{semantic_prefix(self._workspace)}{self._encoder.dim}",
                distance_threshold=self._distance,
                ttl=None,  # set per entry below: a TTL here would restart with every hit
                vectorizer=CustomVectorizer(embed=self._embed, dtype="float32"),
                filterable_fields=[{"name": "scope", "type": "tag"}, {"name": "numbers", "type": "tag"}],
                redis_client=client,
            )
            self._opened = (client, cache)
        return self._opened[1]

    def _embed(self, text: str) -> list[float]:
        return [float(value) for value in self._encoder.encode_query(text)]

    def _key(self, question: str) -> str:
        digest = text_digest(folded(question).rstrip("?!. "), 32)
        return f"{exact_prefix(self._workspace)}{self._scope}:{digest}"


def cache_sentence(details: Mapping[str, Any]) -> str:
    """One sentence on what the cache did, the same on every front; empty if it was off."""
    outcome = details.get("cache", "")
    if outcome == "miss":
        if "cache_error" in details:
            return message("miss: answered anew; not kept: {why}", why=message(details["cache_error"]))
        return "miss: answered anew, and kept"
    if outcome == "exact":
        return message("hit, the same words: {time} saved", time=_saved(details))
    if outcome == "semantic":
        return message(
            "hit, distance {distance:.3f} from {question!r}: {time} saved",
            distance=details["cache_distance"],
            question=details["cache_question"],
            time=_saved(details),
        )
    return ""


def _parse(content: bytes | str) -> CachedAnswer:
    facts = json.loads(content)
    evidence = tuple(Evidence.from_json(piece) for piece in facts["evidence"])
    return CachedAnswer(facts["question"], facts["text"], evidence, float(facts["took_ms"]))


def _numbers(question: str) -> str:
    """The numbers of a question as a tag: questions about different years have similar vectors."""
    return "n" + "n".join(sorted(_NUMBER.findall(normalise(question))))


def _saved(details: Mapping[str, Any]) -> str:
    saved = float(details["saved_ms"])
    return seconds(saved) if saved >= 100 else milliseconds(saved)
