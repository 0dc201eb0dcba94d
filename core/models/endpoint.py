"""An answerer behind an address: any server that speaks the OpenAI chat protocol.

    TESSERA_ANSWERER_URL=https://api.openai.com/v1 TESSERA_ANSWERER_MODEL=gpt-4o-mini TESSERA_ANSWERER_KEY=...

The question and the evidence go to that server, the documents and Z do not. The key is read from the environment where
it is used: it is no setting, and is in no trace, manifest or export.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.corpus.types import Passage
from core.errors import ModelError
from core.models.prompt import SYSTEM
from core.trace import Tracer

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

KEY_VARIABLE = "TESSERA_ANSWERER_KEY"
RETRIES = 2
"""Repetitions of a request that met a time-out, a lost connection, 408, 409, 429 or a server's error; the pause doubles
each time and follows Retry-After. An answer that has begun is never repeated."""
_CONNECT_S = 5.0
_NO_KEY = "none"


@dataclass(frozen=True)
class Endpoint:
    """Where the answers come from.

    Attributes:
        url: Base address, such as "http://127.0.0.1:11434/v1".
        model: The model's name there.
        timeout_s: Longest wait for the next piece, in seconds.

    Raises:
        ModelError: The address is none, or no model is named.
    """

    url: str
    model: str
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelError(f"{self.url!r} is no address of an answerer.", "Set TESSERA_ANSWERER_URL to http(s)://...")
        if not self.model.strip():
            raise ModelError("No model is named for the answerer.", "Set TESSERA_ANSWERER_MODEL.")

    @property
    def name(self) -> str:
        """Model and host, for people; never what a user name or key may be part of."""
        return f"{self.model} at {urlsplit(self.url).hostname}"


class EndpointAnswerer:
    """Streams answers from an endpoint, deterministically (temperature 0).

    Args:
        endpoint: Where.
        limit: Longest answer, in tokens.
    """

    local = False

    def __init__(self, endpoint: Endpoint, limit: int) -> None:
        from openai import OpenAI, Timeout

        self.name, self._endpoint, self._limit = endpoint.name, endpoint, limit
        self.fingerprint = hashlib.sha256(f"{endpoint.url}\n{endpoint.model}".encode()).hexdigest()[:16]
        self._client = OpenAI(
            base_url=endpoint.url,
            api_key=os.environ.get(KEY_VARIABLE) or _NO_KEY,
            timeout=Timeout(endpoint.timeout_s, connect=_CONNECT_S),
            max_retries=RETRIES,
        )

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[str]:
        """Sends the evidence and the question, then yields the answer as it comes.

        Raises:
            ModelError: The server cannot be reached, refuses, or breaks off; the sentence says which.
        """
        with self._reaching(), tracer.span("wait for endpoint"):
            stream = self._client.chat.completions.create(
                model=self._endpoint.model,
                messages=_messages(question, passages),
                max_tokens=self._limit,
                temperature=0,
                stream=True,
            )
        with self._reading(), tracer.span("endpoint answers"), stream:
            yield from self._pieces(stream, tracer)

    def _pieces(self, stream: Iterator[ChatCompletionChunk], tracer: Tracer) -> Iterator[str]:
        ended = False
        for chunk in stream:
            if chunk.usage:
                tracer.prompt_tokens += chunk.usage.prompt_tokens
                tracer.generated_tokens += chunk.usage.completion_tokens
            for choice in chunk.choices[:1]:
                ended = ended or choice.finish_reason is not None
                if choice.delta.content:
                    tracer.first_token()
                    yield choice.delta.content
        if not ended:
            raise _cut(self.name)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Says in one sentence why no answer began."""
        import openai

        name, url = self.name, self._endpoint.url
        try:
            yield
        except openai.AuthenticationError as error:
            # The server's own words may repeat a part of the key.
            raise ModelError(f"{name} refused the key (401).", f"Set {KEY_VARIABLE} to a valid one.") from error
        except openai.NotFoundError as error:
            raise ModelError(
                f"{url} knows no model {self._endpoint.model!r}, or no chat (404).",
                "Correct TESSERA_ANSWERER_MODEL or TESSERA_ANSWERER_URL, which usually ends in /v1.",
            ) from error
        except openai.RateLimitError as error:
            raise ModelError(
                f"{name} takes no more requests for now (429), after {RETRIES} retries.", "Wait, or raise the quota."
            ) from error
        except openai.APITimeoutError as error:
            raise ModelError(
                f"{name} did not answer within {self._endpoint.timeout_s:g} s, after {RETRIES} retries.",
                "Try again, or raise TESSERA_ANSWERER_TIMEOUT.",
            ) from error
        except openai.APIConnectionError as error:
            raise ModelError(
                f"{url} cannot be reached.", "Start the server, or correct TESSERA_ANSWERER_URL."
            ) from error
        except openai.APIStatusError as error:
            raise ModelError(
                f"{name} refused the request ({error.status_code}): {self._scrubbed(error.message)}",
                "See what the server asks for.",
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Says in one sentence why an answer that had begun broke off."""
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise ModelError(
                f"{self.name} stopped in the middle of its answer for {self._endpoint.timeout_s:g} s.",
                "Try again, or raise TESSERA_ANSWERER_TIMEOUT.",
            ) from error
        except openai.APIConnectionError as error:
            raise _cut(self.name) from error
        except openai.APIError as error:
            raise ModelError(f"{self.name} broke off: {self._scrubbed(error.message)}", "Try again.") from error
        except ValueError as error:
            raise ModelError(
                f"{self.name} sent something that is no answer of the OpenAI protocol.",
                "Correct TESSERA_ANSWERER_URL.",
            ) from error

    def _scrubbed(self, message: str) -> str:
        key = os.environ.get(KEY_VARIABLE)
        return (message.replace(key, "***") if key else message)[:200]


def _messages(question: str, passages: Sequence[Passage]) -> list[ChatCompletionMessageParam]:
    """The words of the local prompt, as turns."""
    shown = "\n\n".join(f"[{passage.title}] {passage.text}" if passage.title else passage.text for passage in passages)
    user = f"Passages:\n\n{shown}\n\nQuestion: {question.strip()}"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


def _cut(name: str) -> ModelError:
    return ModelError(f"The stream from {name} was cut before the answer ended.", "Try again.")
