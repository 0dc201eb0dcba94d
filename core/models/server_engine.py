"""The engine for a model on a server: streams answers, and warms the server's prefix cache.

There is no thread: an event loop runs only while the caller waits for the next piece, in intervals of ``_BEAT_S``, so
that the caller can stop while the server is still prefilling. Closing the stream closes the connection, which makes the
server stop generating.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from core.corpus.types import Passage
from core.digests import text_digest
from core.messages import message
from core.models.engine_base import Piece, Working
from core.models.language_model import Identity
from core.models.prompt import SYSTEM, user_turn
from core.models.server import Server
from core.trace import Tracer

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types import Model
    from openai.types.chat import ChatCompletionChunk

Waited = TypeVar("Waited")
_BEAT_S = 0.2
_WAITING = Working("waiting for the server", 0, 0)
_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
"""Turns thinking off, as in process. vLLM, SGLang and llama.cpp accept it; for other servers it is left out."""


class ServerEngine:
    """A model on a server, with deterministic decoding (temperature 0)."""

    local = False

    def __init__(self, server: Server, limit: int) -> None:
        self.server, self._limit = server, limit
        prompt = text_digest(f"{SYSTEM}\n{user_turn((), '')}")
        self.identity = Identity(server.name, server.fingerprint, "", prompt, "", "unknown format")
        self.where: str = message("a server at {host}", host=server.host)
        self._extra: dict[str, Any] = _NO_THINKING

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        weakref.finalize(self, loop.close)
        return loop

    @cached_property
    def _client(self) -> AsyncOpenAI:
        return self.server.client()

    def synchronise(self) -> None:
        """Does nothing: no work is queued on this machine."""

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[Piece]:
        """See ``Engine.stream``. Tokens that the server reports as reused count as cached."""
        yield from self._stream(user_turn(passages, question), self._limit, tracer)

    def warm(self, passages: Sequence[Passage], tracer: Tracer) -> Iterator[Working]:
        """Lets the server prefill passages, so that later prompts can reuse them as a cached prefix."""
        for piece in self._stream(user_turn(passages, ""), 1, tracer):
            if isinstance(piece, Working):
                yield piece

    def models(self) -> list[Model]:
        """The models that the server lists.

        Raises:
            ModelError: The server cannot be reached.
        """
        with self.server.reaching():
            page = self._loop.run_until_complete(self._client.models.list())
        return page.data

    def _stream(self, turn: str, limit: int, tracer: Tracer) -> Iterator[Piece]:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": turn}]
        try:
            with closing(self._texts(messages, limit, tracer)) as texts:
                first = ""
                with tracer.span("prefill"):
                    for first in texts:
                        if first:
                            break
                        yield _WAITING
                with tracer.span("decode"):
                    if first:
                        tracer.first_token()
                        yield first
                    for text in texts:
                        yield text or _WAITING
        finally:
            self._loop.run_until_complete(_settled())

    def _texts(self, messages: Any, limit: int, tracer: Tracer) -> Generator[str, None, None]:
        """Yields the text of the answer as it arrives, and "" after each interval without any."""
        with self.server.reaching():
            stream = yield from self._request(messages, limit)
        try:
            with self.server.reading():
                chunks, ended, counted = aiter(stream), False, False
                while (chunk := (yield from self._awaited(anext(chunks, None)))) is not None:
                    counted = _count(chunk, tracer) or counted
                    for choice in chunk.choices[:1]:
                        ended = ended or choice.finish_reason is not None
                        if choice.delta.content:
                            yield choice.delta.content
        finally:
            self._loop.run_until_complete(stream.close())
        if not ended:
            raise self.server.cut()
        if not counted:
            tracer.cached_known = False

    def _request(self, messages: Any, limit: int) -> Generator[str, None, AsyncStream[ChatCompletionChunk]]:
        import openai

        while True:
            try:
                return (
                    yield from self._awaited(
                        self._client.chat.completions.create(
                            model=self.server.model,
                            messages=messages,
                            max_tokens=limit,
                            temperature=0,
                            stream=True,
                            stream_options={"include_usage": True},
                            extra_body=self._extra,
                        )
                    )
                )
            except openai.BadRequestError as error:
                if not self._extra or "chat_template_kwargs" not in error.message:
                    raise
                self._extra = {}

    def _awaited(self, work: Awaitable[Waited]) -> Generator[str, None, Waited]:
        """Waits for ``work`` and yields "" after each interval; closing the generator cancels it."""
        task = asyncio.ensure_future(work, loop=self._loop)
        try:
            while not self._loop.run_until_complete(asyncio.wait([task], timeout=_BEAT_S))[0]:
                yield ""
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task]))


async def _settled() -> None:
    """Runs the tasks in which closed async generators finish."""
    await asyncio.sleep(0)
    if pending := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(pending)


def _count(chunk: ChatCompletionChunk, tracer: Tracer) -> bool:
    """Adds the token counts of a chunk; returns whether it reports how many tokens the server reused."""
    if not chunk.usage:
        return False
    details = chunk.usage.prompt_tokens_details
    reused = details.cached_tokens if details else None
    if reused is None:
        reused = ((chunk.model_extra or {}).get("timings") or {}).get("cache_n")  # llama.cpp
    tracer.prompt_tokens += chunk.usage.prompt_tokens - (reused or 0)
    tracer.generated_tokens += chunk.usage.completion_tokens
    if reused is None:
        return False
    tracer.cached_tokens += reused
    return True
