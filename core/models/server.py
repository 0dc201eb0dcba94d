"""A server with the OpenAI chat protocol: its address, its model, and what its failures mean.

    TESSERA_ENGINE_URL=http://127.0.0.1:8080/v1 TESSERA_ENGINE_MODEL=qwen3-8b TESSERA_ENGINE_KEY=...

The language model of a comparison, the answers from memory and the judge name their server here and nowhere else. The
key is in no trace, manifest, export or message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.digests import text_digest
from core.errors import ModelError
from core.messages import message
from core.settings import Settings

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI, OpenAI

RETRIES = 2
"""Repetitions of a request that met a time-out, a lost connection, 408, 409, 429 or a server's error; the pause doubles
each time and follows Retry-After. An answer that has begun is never repeated."""
ANY = "any"
"""Stands for the model of a server that has not said yet which it has."""
_CONNECT_S = 5.0
_NO_KEY = "none"
_TOO_LONG = (
    "too large to process",
    "context_length_exceeded",
    "exceed_context_size_error",
    "maximum context length",
    "context size",
)
_AGAIN = "Try again."


class TooLong(ModelError):
    """The prompt is longer than the context of the model on the server."""


@dataclass(frozen=True)
class Server:
    """Where a model is asked.

    Attributes:
        url: Base address, such as "http://127.0.0.1:11434/v1".
        key: What it asks for; empty for a server that asks for none.
        variables: How the environment variables that name it begin.

    Raises:
        ModelError: The address is not a URL, or no model is named.
    """

    url: str
    model: str
    timeout_s: float = 60.0
    key: SecretStr = field(default=SecretStr(""), repr=False)
    variables: str = "TESSERA_ENGINE"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            # Not repeated: what was mistaken for an address may be a key.
            raise ModelError(
                message("{variable}_URL is no address.", variable=self.variables),
                message("Set {variable}_URL to http(s)://...", variable=self.variables),
            )
        if not self.model.strip():
            raise ModelError(
                message("No model is named for {address}.", address=self.address),
                message("Set {variable}_MODEL.", variable=self.variables),
            )

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """The server on which the settings run the language model."""
        return cls(settings.engine_url, settings.engine_model, settings.engine_timeout, settings.engine_key)

    @classmethod
    def judging(cls, settings: Settings) -> Server:
        """The server that judges: one of its own, else the engine's."""
        if settings.judge_url:
            key, variables = settings.judge_key, "TESSERA_JUDGE"
            return cls(settings.judge_url, settings.judge_model, settings.engine_timeout, key, variables)
        model = settings.judge_model or settings.engine_model
        return cls(settings.engine_url, model, settings.engine_timeout, settings.engine_key)

    @classmethod
    def embedding(cls, settings: Settings) -> Server:
        """The server on which the settings run the encoder."""
        variables = "TESSERA_EMBED"
        return cls(settings.embed_url, settings.embed_model, settings.engine_timeout, settings.embed_key, variables)

    @property
    def host(self) -> str:
        """Its name without user, key and path."""
        return urlsplit(self.url).hostname or ""

    @property
    def address(self) -> str:
        """The address as it may be shown: without user and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    @property
    def name(self) -> str:
        """Model and host, for people; a model that is named by its file is called by the file's name."""
        if self.model == ANY:
            return self.host
        return f"{self.model.rpartition('/')[2] if self.model.startswith('/') else self.model} at {self.host}"

    @property
    def fingerprint(self) -> str:
        """Tells servers and models apart whose answers must not be mixed."""
        return text_digest(f"{self.url}\n{self.model}")

    def client(self) -> AsyncOpenAI:
        """A client that waits and retries as is said here."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(**self._reached_by())

    def blocking_client(self) -> OpenAI:
        """The same for requests that are over in a moment."""
        from openai import OpenAI

        return OpenAI(**self._reached_by())

    def _reached_by(self) -> dict[str, Any]:
        from openai import Timeout

        key, timeout = self.key.get_secret_value() or _NO_KEY, Timeout(self.timeout_s, connect=_CONNECT_S)
        return {"base_url": self.url, "api_key": key, "timeout": timeout, "max_retries": RETRIES}

    def scrubbed(self, text: str) -> str:
        """A server's own words, in which it may repeat a key."""
        key = self.key.get_secret_value()
        return (text.replace(key, "***") if key else text)[:300]

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Says in one sentence why no answer began.

        Raises:
            ModelError: What the protocol or the network reported.
        """
        import openai

        values = {"name": self.name, "address": self.address, "model": self.model, "variable": self.variables}
        values |= {"seconds": f"{self.timeout_s:g}", "n": str(RETRIES)}
        try:
            yield
        except openai.APIStatusError as error:
            raise self._refusal(error, values) from None  # its request holds the key
        except openai.APITimeoutError:
            raise ModelError(
                message("{name} did not answer within {seconds} s, after {n} retries.", **values),
                message("Try again, or raise TESSERA_ENGINE_TIMEOUT."),
            ) from None
        except openai.APIConnectionError:
            raise ModelError(
                message("{address} cannot be reached.", **values),
                message("Start the server, or correct {variable}_URL.", **values),
            ) from None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Says in one sentence why an answer that had begun broke off.

        Raises:
            ModelError: What the protocol or the network reported.
        """
        import openai

        values = {"name": self.name, "seconds": f"{self.timeout_s:g}", "variable": self.variables}
        try:
            yield
        except openai.APITimeoutError:
            raise ModelError(
                message("{name} stopped in the middle of its answer for {seconds} s.", **values),
                message("Try again, or raise TESSERA_ENGINE_TIMEOUT."),
            ) from None
        except openai.APIConnectionError:
            raise self.cut() from None
        except openai.APIError as error:
            why = self.scrubbed(error.message)
            raise ModelError(message("{name} broke off: {why}", **values, why=why), _AGAIN) from None
        except ValueError:
            raise ModelError(
                message("{name} sent something that is no answer of the OpenAI protocol.", **values),
                message("Correct {variable}_URL.", **values),
            ) from None

    def cut(self) -> ModelError:
        """The answer has no end."""
        return ModelError(message("The stream from {name} was cut before the answer ended.", name=self.name), _AGAIN)

    def _refusal(self, error: APIStatusError, values: dict[str, str]) -> ModelError:
        """The error for an HTTP status."""
        why = self.scrubbed(error.message)
        values = {**values, "status": str(error.status_code), "why": why}
        if error.status_code in (401, 403):
            what, remedy = "{name} refused the key ({status}).", "Set {variable}_KEY to a valid one."
        elif error.status_code == 404:
            what = "{address} knows no model {model!r}, or does not do what was asked of it (404)."
            remedy = "Correct {variable}_MODEL, or {variable}_URL, which usually ends in /v1."
        elif error.status_code == 429:
            what = "{name} takes no more requests for now (429), after {n} retries."
            remedy = "Wait, or raise the quota."
        elif any(sign in f"{error.code} {error.type} {why}" for sign in _TOO_LONG):
            what = "The prompt is too long for {name}: {why}"
            remedy = "Put fewer passages in the prompt, make the cells smaller, or start the server with more context."
            return TooLong(message(what, **values), message(remedy))
        else:
            what, remedy = "{name} refused the request ({status}): {why}", "See what the server asks for."
        return ModelError(message(what, **values), message(remedy, **values))


def encoder_name(settings: Settings) -> str:
    """The encoder of the settings, for people."""
    return Server.embedding(settings).name if settings.embed_url else settings.encoder
