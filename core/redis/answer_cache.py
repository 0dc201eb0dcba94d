"""Answers that were given before: for the same question, and for one that means nearly the same.

An entry belongs to a scope: a digest of corpus, models, prompt and settings. Whatever of them changes, entries of the
old scope are never found again, and their time to live takes them away. Keys: see ``kept_answers``.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from redisvl.extensions.cache.llm import SemanticCache
from redisvl.query.filter import Tag
from redisvl.utils.vectorize import CustomVectorizer

from core.errors import TesseraError
from core.methods.base import Evidence
from core.models.encoder import Encoder, Vectors
from core.redis.connection import Connection, speaking
from core.redis.kept_answers import exact_prefix, semantic_prefix

TTL_S = 24 * 3600
DISTANCE = 0.1
"""Largest cosine distance at which two questions count as one. Among 1,021 Natural Questions (all-MiniLM-L6-v2) every
pair within it means the same; the first that does not ("who sang in ...", "who starred in ...") is 0.115 apart."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Kept:
    """An answer from the cache.

    Attributes:
        question: The question it was given to.
        text: The answer.
        evidence: What it rested on.
        took_ms: What it took to find and write it, in ms.
        found: How it was found.
        distance: Cosine distance between the two questions; 0 for the same words.
    """

    question: str
    text: str
    evidence: tuple[Evidence, ...]
    took_ms: float
    found: Literal["exact", "semantic"] = "exact"
    distance: float = 0.0


def scope_of(facts: Mapping[str, Any]) -> str:
    """Digest of everything that an answer depends on, besides the question."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]


class AnswerCache:
    """The answers of one scope.

    Args:
        server: The way to Redis.
        workspace: See ``kept_answers.key_of``.
        scope: See ``scope_of``.
        encoder: Turns questions into vectors.
        distance: Largest cosine distance of a semantic hit; 0 turns it off.
        ttl_s: Seconds an answer is kept, from when it was given.

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
            raise TesseraError(f"A cosine distance of {distance} cannot be.", "Give one from 0 to 2.")
        if ttl_s < 1:
            raise TesseraError(f"Answers cannot be kept for {ttl_s} s.", "Give at least 1 second.")
        self._server, self._workspace, self._scope, self._encoder = server, workspace, scope, encoder
        self._distance, self._ttl_s = distance, ttl_s
        self._opened: tuple[Any, SemanticCache] | None = None

    def exact(self, question: str) -> Kept | None:
        """The answer to a question of the same words; case, spaces and the question mark do not count."""
        with speaking(self._server):
            found = self._server.client().get(self._key(question))
        return _parse(found) if found else None

    def similar(self, question: str, vector: Vectors) -> Kept | None:
        """The answer to the nearest question within the distance. Questions with other numbers in them are others.

        Args:
            question: What is asked.
            vector: [dim] its unit vector.
        """
        if not self._distance:
            return None
        with speaking(self._server):
            scope = (Tag("scope") == self._scope) & (Tag("numbers") == _numbers(question))
            hits = self._semantic().check(vector=vector.tolist(), filter_expression=scope)
        if not hits:
            return None
        return replace(_parse(hits[0]["response"]), found="semantic", distance=float(hits[0]["vector_distance"]))

    def keep(self, question: str, vector: Vectors, text: str, evidence: Sequence[Evidence], took_ms: float) -> None:
        """Keeps an answer for both kinds of look-up."""
        payload = {"question": question, "text": text, "evidence": [asdict(e) for e in evidence], "took_ms": took_ms}
        content = json.dumps(payload, ensure_ascii=False)
        with speaking(self._server):
            self._server.client().set(self._key(question), content, ex=self._ttl_s)
            self._semantic().store(
                prompt=question,
                response=content,
                vector=vector.tolist(),
                filters={"scope": self._scope, "numbers": _numbers(question)},
                ttl=self._ttl_s,
            )

    def _semantic(self) -> SemanticCache:
        client = self._server.client()
        if self._opened is None or self._opened[0] is not client:
            cache = SemanticCache(
                name=f"{semantic_prefix(self._workspace)}{self._encoder.dim}",
                distance_threshold=self._distance,
                ttl=None,  # a time of its own for each entry: with one for all, every hit would begin it anew
                vectorizer=CustomVectorizer(embed=self._embed, dtype="float32"),
                filterable_fields=[{"name": "scope", "type": "tag"}, {"name": "numbers", "type": "tag"}],
                redis_client=client,
            )
            self._opened = (client, cache)
        return self._opened[1]

    def _embed(self, text: str) -> list[float]:
        return [float(value) for value in self._encoder.encode_query(text)]

    def _key(self, question: str) -> str:
        digest = hashlib.sha256(_folded(question).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{exact_prefix(self._workspace)}{self._scope}:{digest}"


def _parse(content: bytes | str) -> Kept:
    facts = json.loads(content)
    evidence = tuple(Evidence(**piece) for piece in facts["evidence"])
    return Kept(facts["question"], facts["text"], evidence, float(facts["took_ms"]))


def _folded(question: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", question).casefold().split()).rstrip("?!. ")


def _numbers(question: str) -> str:
    """The numbers of a question as a tag: two years are near each other for an encoder, and not for the answer."""
    return "n" + "n".join(sorted(_NUMBER.findall(unicodedata.normalize("NFKC", question))))
