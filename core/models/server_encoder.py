"""The encoder on a server that speaks the OpenAI embeddings protocol: llama.cpp, vLLM, Ollama, a hosted one.

    TESSERA_EMBED_URL=http://127.0.0.1:8080/v1 TESSERA_EMBED_MODEL=bge-m3 TESSERA_EMBED_KEY=...

Address and model are the fingerprint: embeddings, index and cells of another encoder are refused, as they are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ModelError
from core.messages import message
from core.models.encoder import Vectors
from core.models.presets import find_preset
from core.models.server import Server, TooLong
from core.normalise import normalise
from core.trace import timed

if TYPE_CHECKING:
    from openai import OpenAI

_USUAL_TOKENS = 8_192
"""Longest text of the hosted models, where a server does not say."""
_PROBES = ("The harbour has a tower of glass.", "A lighthouse stands by the harbour.", "Pears are pressed for cider.")


class ServerEncoder:
    """An embedding model on a server; see ``core.models.encoder.Encoder``.

    Raises:
        ModelError: It cannot be reached, or gives no vectors.
    """

    def __init__(self, server: Server) -> None:
        self.server, self.name, self.fingerprint = server, server.name, server.fingerprint
        preset = find_preset(server.model)
        self._query_prefix = preset.query_prefix if preset else ""
        self._passage_prefix = preset.passage_prefix if preset else ""
        self.dim = int(self._embed([_PROBES[0]]).shape[1])
        self.max_tokens = self._longest()

    @cached_property
    def _client(self) -> OpenAI:
        return self.server.blocking_client()

    def _longest(self) -> int:
        """Longest text, in tokens, as the server says; some offer embeddings and no list of models."""
        import openai

        with self.server.reading(), self.server.reaching():
            try:
                models = self._client.models.list().data
            except openai.NotFoundError:
                return _USUAL_TOKENS
        entries = [entry for entry in models if entry.id == self.server.model] or models[:1]
        reported = (entries[0].model_extra or {}) if entries else {}
        return int(reported.get("max_model_len") or (reported.get("meta") or {}).get("n_ctx") or _USUAL_TOKENS)

    def count(self, text: str) -> int:
        """Number of tokens of a text, which the server counts; more than ``max_tokens`` where it refuses to read it."""
        try:
            return int(self._request([normalise(text)]).usage.prompt_tokens)
        except TooLong:
            return self.max_tokens + 1

    def knows(self, text: str) -> bool:
        """Its vocabulary is not known here: it is taken to know any script."""
        return True

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return self._embed([self._passage_prefix + text for text in texts])

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        return np.asarray(self._embed([self._query_prefix + text])[0])

    def _embed(self, texts: Sequence[str]) -> Vectors:
        inputs = [normalise(text) or " " for text in texts]  # an empty input is refused
        try:
            embeddings = [
                entry.embedding for entry in sorted(self._request(inputs).data, key=lambda entry: entry.index)
            ]
        except TooLong:
            if len(inputs) > 1:
                return np.concatenate([self._embed([text]) for text in inputs])
            if len(inputs[0]) < 2:
                raise
            return self._embed([inputs[0][: len(inputs[0]) // 2]])
        lengths = {len(vector) for vector in embeddings}
        vectors = np.asarray(embeddings if len(lengths) == 1 else [], dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
        if len(vectors) != len(inputs) or not (np.isfinite(norms).all() and (norms > 0).all()):
            what = message("{name} sent no vector for each of {n} texts.", name=self.name, n=len(inputs))
            remedy = message("See whether {variable}_MODEL is an embedding model.", variable=self.server.variables)
            raise ModelError(what, remedy)
        return np.asarray(vectors / norms, dtype=np.float32)

    def _request(self, texts: Sequence[str]) -> Any:
        with self.server.reading(), self.server.reaching():
            return self._client.embeddings.create(model=self.server.model, input=list(texts), encoding_format="float")


@dataclass(frozen=True)
class EmbedderProbe:
    """The result of a connection test.

    Attributes:
        server: Model and host, for people.
        max_tokens: Longest text, in tokens.
        near: Cosine similarity of two sentences about the same thing.
        far: Of two about different things; an encoder that is of use gives less.
    """

    server: str
    dim: int
    max_tokens: int
    round_trip_ms: float
    near: float
    far: float

    def facts(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)


def probe_embedder(server: Server) -> EmbedderProbe:
    """Embeds three sentences.

    Raises:
        ModelError: It cannot be reached, refuses the key, has no such model, or gives no vectors.
    """
    encoder = ServerEncoder(server)
    query, took_ms = timed(lambda: encoder.encode_query(_PROBES[0]))
    near, far = (float(vector @ query) for vector in encoder.encode_passages(_PROBES[1:]))
    return EmbedderProbe(encoder.name, encoder.dim, encoder.max_tokens, took_ms, near, far)
