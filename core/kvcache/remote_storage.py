"""Cell storage in an object store or any other file system that fsspec supports."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from core.errors import TesseraError
from core.kvcache.storage_base import Content, Stamp, scratch_file
from core.messages import message

_RECHECK_S = 5.0


class RemoteStorage:
    """A prefix in an object store, or a folder of any other file system that fsspec supports.

    The stamp of an object is fetched at most every five seconds, so that most questions need no request for it.

    Args:
        url: Such as ``s3://bucket/prefix``. The client reads credentials and endpoint from the environment
            (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).

    Raises:
        TesseraError: The protocol is unknown, or its client is not installed.
    """

    def __init__(self, url: str) -> None:
        self.location = url.rstrip("/")
        try:
            self._fs = _file_system(urlsplit(url).scheme, tuple(sorted(os.environ.items())))
        except (ValueError, ImportError) as error:
            raise TesseraError(
                message("The caches cannot be kept at {url}: {error}.", url=url, error=error),
                "Set TESSERA_CACHE_URL to a file:// or s3:// URL.",
            ) from error
        self._stamps: dict[str, tuple[float, Stamp]] = {}

    def stamp(self, name: str) -> Stamp:
        """Size, and the entity tag or modification time."""
        checked_at, stamp = self._stamps.get(name, (-_RECHECK_S, ()))
        if time.monotonic() - checked_at >= _RECHECK_S:
            stamp = self._fetch_stamp(name)
            self._stamps[name] = (time.monotonic(), stamp)
        return stamp

    def _fetch_stamp(self, name: str) -> Stamp:
        try:
            with _client_errors(self.location):
                info = self._fs.info(self._at(name))
        except FileNotFoundError:
            return ()
        changed = info.get("ETag") or info.get("LastModified") or info.get("mtime") or info.get("created") or ""
        return int(info["size"]), str(changed)

    def read(self, name: str) -> Content:
        """Downloads the whole content."""
        with _client_errors(self.location):
            return np.frombuffer(bytearray(self._fs.cat_file(self._at(name))), np.uint8)

    def write(self, name: str, content: bytes) -> None:
        """Replaces an object."""
        with self._writing():
            self._fs.pipe_file(self._at(name), content)
        self._stamps.pop(name, None)

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Writes to a local temporary file, then uploads it."""
        with scratch_file(Path(tempfile.gettempdir())) as path:
            produce(path)
            with self._writing():
                self._fs.put_file(str(path), self._at(name))
        self._stamps.pop(name, None)

    def sizes(self) -> dict[str, int]:
        """Bytes of every object under the prefix, by name."""
        try:
            with _client_errors(self.location):
                entries = self._fs.ls(self.location, detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rsplit("/", 1)[-1]: int(entry["size"]) for entry in entries if entry["type"] == "file"}

    def delete(self, name: str) -> None:
        """Removes an object, if it exists."""
        self._stamps.pop(name, None)
        try:
            with _client_errors(self.location):
                self._fs.rm_file(self._at(name))
        except FileNotFoundError:
            return

    def free(self) -> int | None:
        """Unknown for object stores."""
        return None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with _client_errors(self.location):
                yield
        except FileNotFoundError as error:  # there is no such bucket
            raise _storage_error(self.location, error) from error

    def _at(self, name: str) -> str:
        return f"{self.location}/{name}"


@lru_cache(maxsize=4)
def _file_system(protocol: str, environment: tuple[tuple[str, str], ...]) -> Any:
    """The file system of a protocol, one for each environment that it reads: a client of S3 takes .2 s to make."""
    return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)


@contextmanager
def _client_errors(location: str) -> Iterator[None]:
    """Turns errors of the storage client (no credentials, no such bucket, no network) into a TesseraError.

    FileNotFoundError passes through.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (BotoCoreError, ClientError, OSError) as error:
        raise _storage_error(location, error) from error


def _storage_error(location: str, error: Exception) -> TesseraError:
    return TesseraError(
        message("The storage at {location} refuses: {error}.", location=location, error=error),
        "Check TESSERA_CACHE_URL, the credentials and the endpoint (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL).",
    )
