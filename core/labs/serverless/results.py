"""Saved results, as objects on S3 or files in a folder: the same question again costs one read.

    <results URL>/<digest of question, k, re-ranking and what answers>.json   {"expires", "index", "result"}
    <index URL>/published.json                                                {"id": drawn when the index was built}

A result counts for the index it was found in: publishing the index anew draws another id, and all older results miss.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from botocore.exceptions import BotoCoreError, ClientError

from core.digests import json_digest
from core.errors import TesseraError
from core.labs.serverless.requests import RetrievalRequest
from core.labs.serverless.settings import FunctionSettings
from core.messages import message
from core.normalise import folded

_PUBLISHED = "published.json"


class Objects:
    """Small JSON objects under a prefix.

    Args:
        url: Folder or ``s3://bucket/prefix``; credentials and endpoint come from the environment.
    """

    def __init__(self, url: str) -> None:
        options = {} if "://" in url else {"auto_mkdir": True}
        with _reaching(url):
            self._files, self._root = fsspec.core.url_to_fs(
                url.rstrip("/"), use_listings_cache=False, skip_instance_cache=True, **options
            )
        self._url = url

    def read(self, name: str) -> dict[str, Any] | None:
        """The object; None if it is missing or not a JSON object.

        Raises:
            TesseraError: The storage refuses.
        """
        try:
            with _reaching(self._url):
                content = json.loads(self._files.cat_file(f"{self._root}/{name}"))
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replaces an object.

        Raises:
            TesseraError: The storage refuses.
        """
        try:
            with _reaching(self._url):
                self._files.pipe_file(f"{self._root}/{name}", json.dumps(content, ensure_ascii=False).encode())
        except FileNotFoundError as error:  # there is no such bucket
            raise _refused(self._url, error) from error


def publish(index_url: str) -> None:
    """Marks an index as built anew."""
    Objects(index_url).write(_PUBLISHED, {"id": uuid.uuid4().hex})


class Results:
    """Saved results.

    Args:
        settings: Where they are, how long they count, and what answers.
        clock: Seconds since the epoch.

    Raises:
        TesseraError: No place is named.
    """

    def __init__(self, settings: FunctionSettings, clock: Callable[[], float] = time.time) -> None:
        if not settings.results_url:
            remedy = "Set it to the folder or s3:// URL of saved results."
            raise TesseraError("TESSERA_RESULTS_URL is empty.", remedy)
        self._objects, self._index = Objects(settings.results_url), Objects(settings.index_url)
        self._settings, self._clock = settings, clock

    def find(self, request: RetrievalRequest) -> dict[str, Any] | None:
        """The result that was saved for the same words, or None."""
        entry = self._objects.read(self._name(request))
        if entry is None or entry.get("expires", 0) <= self._clock() or entry.get("index") != self._published():
            return None
        return entry.get("result")

    def save(self, request: RetrievalRequest, result: dict[str, Any]) -> None:
        """Saves a result until it expires."""
        expires = self._clock() + self._settings.results_ttl
        self._objects.write(self._name(request), {"expires": expires, "index": self._published(), "result": result})

    def _published(self) -> str:
        return str((self._index.read(_PUBLISHED) or {}).get("id", ""))

    def _name(self, request: RetrievalRequest) -> str:
        """Another model, index or setting is another result."""
        of = self._settings
        facts = [folded(request.question), request.k, request.rerank and of.reranker]
        facts += [of.index_url, of.index_kind, of.embeddings, of.titan_model, of.titan_dimensions]
        facts += [of.answers, of.claude_model, of.model, of.reader, of.encoder, of.max_new_tokens]
        return json_digest(facts, 32) + ".json"


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turns errors of the storage into a TesseraError; FileNotFoundError passes through."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BotoCoreError, ClientError, OSError, ImportError) as error:
        raise _refused(url, error) from error


def _refused(url: str, error: Exception) -> TesseraError:
    return TesseraError(
        message("The results at {url} cannot be reached: {error}.", url=url, error=error),
        "Check TESSERA_RESULTS_URL, the credentials and the endpoint (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL).",
    )
