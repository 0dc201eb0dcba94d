"""Probes a server for its models, its context length and whether it caches prefixes."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from core.corpus.types import Passage
from core.errors import ModelError
from core.messages import Message, message
from core.models.server import ANY, Server
from core.models.server_engine import ServerEngine
from core.trace import Trace, Tracer, timed

_SENTENCES = 24
"""Of the prompt that is sent twice: some 300 tokens, more than the block of any server that keeps blocks."""


@dataclass(frozen=True)
class ServerProbe:
    """The answers and abilities of a server.

    Attributes:
        context: Longest sequence in tokens; None where it does not say.
        round_trip_ms: Of a request without any model.
        prompt_tokens: Of the prompt that was sent twice.
        reused_tokens: What of it was reused the second time; None where it does not say.
        cold_ms: To the first token the first time.
        warm_ms: To the first token the second time.
    """

    server: str
    models: tuple[str, ...]
    context: int | None
    round_trip_ms: float
    prompt_tokens: int
    reused_tokens: int | None
    cold_ms: float
    warm_ms: float

    @property
    def prefixes(self) -> Message:
        """Whether it keeps prefixes, in a sentence that also gives what speaks for it."""
        values = {"cold": f"{self.cold_ms:,.0f}", "warm": f"{self.warm_ms:,.0f}"}
        if self.reused_tokens is None:
            return message("not reported; first token {cold} ms, and {warm} ms behind the same prefix", **values)
        counts = {"n": self.reused_tokens, "total": self.prompt_tokens}
        if self.reused_tokens > self.prompt_tokens // 2:
            return message(
                "kept: {n:,} of {total:,} tokens reused; first token {cold} ms, then {warm} ms", **counts, **values
            )
        return message("not kept: {n:,} of {total:,} tokens reused", **counts)

    def facts(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**asdict(self), "prefixes": str(self.prefixes)}


def named(server_url: str, model: str, timeout_s: float, key: Any) -> Server:
    """A server by its address; one that has a single model needs no name for it.

    Raises:
        ModelError: It cannot be reached, or a name is needed.
    """
    if model.strip():
        return Server(server_url, model.strip(), timeout_s, key)
    server = Server(server_url, ANY, timeout_s, key)
    models, _, _ = _listed(ServerEngine(server, 1))
    if len(models) != 1:
        shown = ", ".join(models[:10]) or message("none")
        what = message("The server at {host} has these models: {names}.", host=server.host, names=shown)
        raise ModelError(what, "Choose one by its name.")
    return Server(server_url, models[0], timeout_s, key)


def probe(server: Server) -> ServerProbe:
    """Asks for the models, then one prompt twice.

    Raises:
        ModelError: It cannot be reached, refuses the key, or has no such model.
    """
    engine = ServerEngine(server, 1)
    _listed(engine)  # the connection is made
    models, context, round_trip_ms = _listed(engine)
    nonce = secrets.token_hex(4)  # unique, so that no cache of the server holds it
    text = " ".join(f"The harbour {nonce} has {n} lamps of blue glass." for n in range(_SENTENCES))
    passages = [Passage(nonce, nonce, text)]
    cold, warm = (_traced(engine, passages, question) for question in ("How many lamps?", "Which colour?"))
    total = warm.prompt_tokens + (warm.cached_tokens or 0)
    return ServerProbe(
        server.name, models, context, round_trip_ms, total, warm.cached_tokens, cold.ttft_ms, warm.ttft_ms
    )


def _traced(engine: ServerEngine, passages: list[Passage], question: str) -> Trace:
    tracer = Tracer()
    for _ in engine.stream(question, passages, tracer):
        pass
    return tracer.finish()


def _listed(engine: ServerEngine) -> tuple[tuple[str, ...], int | None, float]:
    """Names of the models, the context of the one that is asked, and how long the reply took in ms."""
    models, took_ms = timed(engine.models)
    only = models[0] if len(models) == 1 else None
    model = next((entry for entry in models if entry.id == engine.server.model), only)
    reported = (model.model_extra or {}) if model else {}
    # vLLM and SGLang say max_model_len, llama.cpp says meta.n_ctx, some hosted ones say context_length.
    context = (
        reported.get("max_model_len") or (reported.get("meta") or {}).get("n_ctx") or reported.get("context_length")
    )
    return tuple(entry.id for entry in models), int(context) if context else None, took_ms
