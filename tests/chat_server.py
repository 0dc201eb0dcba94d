"""A chat and embeddings server on this machine that speaks the OpenAI protocol and meets requests as a test wants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.encoder import TinyEncoder

KEY = "sk-very-secret"
TOO_LONG = {
    "llama.cpp": {
        "message": "request (6021 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "type": "exceed_context_size_error",
    },
    "vllm": {"message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError"},
    "openai": {"message": "Please reduce your prompt.", "code": "context_length_exceeded"},
}


@dataclass
class ChatServer:
    """What the next requests meet, and what they said.

    Attributes:
        url: Base address.
        replies: Taken from the front: a status, or a word of ``_tokens``; none left is "good".
        requests: Bodies of the chat and embedding requests, each with its key.
        reuses: Whether it says how many tokens it reused: those of the longest prompt before, up to where they differ.
        stopped: Set when a client has gone away in the middle of an answer.
    """

    url: str = ""
    replies: list[str] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    reuses: bool = True
    models: tuple[str, ...] = ("tiny",)
    stopped: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Starlette:
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        return Starlette(routes=routes)

    async def _models(self, request: Request) -> Response:
        if self.replies[:1] == ["401"]:
            return _refused(401, {})
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "x", "max_model_len": 512} for name in self.models
        ]
        return JSONResponse({"object": "list", "data": data})

    async def _embeddings(self, request: Request) -> Response:
        """Vectors of ``TinyEncoder``, not of unit length and in no order; a text over 512 words is refused."""
        body = await request.json()
        self.requests.append({"key": request.headers["Authorization"], **body})
        reply = self.replies.pop(0) if self.replies else "good"
        if reply.isdigit():
            return _refused(int(reply), {})
        words = [len(text.split()) for text in body["input"]]
        if max(words) > 512:
            return _refused(400, TOO_LONG["vllm"])
        vectors = 3 * TinyEncoder().encode_passages(body["input"])
        if reply == "zeros":
            vectors *= 0
        data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
        if reply == "one less":
            data.pop()
        usage = {"prompt_tokens": sum(words), "total_tokens": sum(words)}
        return JSONResponse({"object": "list", "model": "tiny", "data": data[::-1], "usage": usage})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append({"key": request.headers["Authorization"], **body})
        reply = self.replies.pop(0) if self.replies else "good"
        if reply.isdigit():
            return _refused(int(reply), {})
        if reply in TOO_LONG:
            return _refused(400, TOO_LONG[reply])
        if reply == "no extras" and "chat_template_kwargs" in body:
            self.replies.insert(0, "no extras")
            return _refused(400, {"message": "Unrecognized request argument supplied: chat_template_kwargs"})
        if reply == "slow":
            await self._until_gone(request)
            return Response()
        return StreamingResponse(self._tokens(request, reply, self._usage()), media_type="text/event-stream")

    async def _until_gone(self, request: Request) -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        self.stopped.set()

    async def _tokens(self, request: Request, reply: str, usage: dict) -> AsyncIterator[str]:
        try:
            yield _event("Oren")
            if reply == "cut":
                raise ConnectionError
            if reply == "stall":
                await self._until_gone(request)
            if reply == "no end":
                return
            if reply == "breaks off":
                yield f"data: {json.dumps({'error': {'message': f'out of memory {KEY}', 'type': 'x'}})}\n\n"
                return
            yield "data: {broken\n\n" if reply == "broken" else _event(" Pask")
            yield _event("", "stop")
            yield f"data: {json.dumps({**_CHUNK, 'choices': [], **usage})}\n\n"
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.stopped.set()
            raise

    def _usage(self) -> dict:
        """Tokens are words; see ``reuses``."""
        prompts = [" ".join(m["content"] for m in sent["messages"]).split() for sent in self.requests]
        *earlier, now = prompts
        shared = max((sum(1 for _ in _same(before, now)) for before in earlier), default=0)
        usage = {"prompt_tokens": len(now), "completion_tokens": 2, "total_tokens": len(now) + 2}
        if self.reuses:
            usage["prompt_tokens_details"] = {"cached_tokens": min(shared, len(now) - 1)}
        return {"usage": usage}


_CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}


def _same(first: list[str], second: list[str]) -> Iterator[str]:
    for one, other in zip(first, second, strict=False):
        if one != other:
            return
        yield one


def _event(text: str, end: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": end}
    return f"data: {json.dumps({**_CHUNK, 'choices': [choice]})}\n\n"


def _refused(status: int, error: dict) -> Response:
    body = {"error": {"message": f"no: {KEY}", "type": "x", **error}}
    return JSONResponse(body, status, headers={"retry-after-ms": "1"})


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """The server, listening on a port of its own."""
    state = ChatServer()
    config = uvicorn.Config(state.app(), port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    state.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    yield state
    server.should_exit = True
    thread.join()
