"""Cell caches in an object store, or any other place that fsspec reaches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import torch
from botocore.exceptions import BotoCoreError, ClientError

from core.errors import TesseraError
from core.kvcache.storage import Stamp, scratch_file

_RECHECK_S = 5.0


class RemoteStorage:
    """A prefix in an object store, or any other file system that fsspec reaches.

    Objects are asked for their stamp at most every five seconds: a question shall not wait for a request that only
    confirms what was true a moment ago.

    Args:
        url: Such as ``s3://bucket/prefix``; credentials and endpoint come from the environment, as its client reads
            them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).

    Raises:
        TesseraError: The protocol is unknown, or its client is not installed.
    """

    def __init__(self, url: str) -> None:
        self.location = url.rstrip("/")
        try:
            self._fs: Any = fsspec.filesystem(urlsplit(url).scheme, use_listings_cache=False, skip_instance_cache=True)
        except (ValueError, ImportError) as error:
            raise TesseraError(
                f"The caches cannot be kept at {url}: {error}.", "Set TESSERA_CACHE_URL to a file:// or s3:// URL."
            ) from error
        self._stamps: dict[str, tuple[float, Stamp]] = {}

    def stamp(self, name: str) -> Stamp:
        """Size, and the entity tag or modification time."""
        asked, stamp = self._stamps.get(name, (-_RECHECK_S, ()))
        if time.monotonic() - asked >= _RECHECK_S:
            stamp = self._stamp_now(name)
            self._stamps[name] = (time.monotonic(), stamp)
        return stamp

    def _stamp_now(self, name: str) -> Stamp:
        try:
            with _refusals_named(self.location):
                info = self._fs.info(self._at(name))
        except FileNotFoundError:
            return ()
        changed = info.get("ETag") or info.get("LastModified") or info.get("mtime") or info.get("created") or ""
        return int(info["size"]), str(changed)

    def read(self, name: str) -> torch.Tensor:
        """The content, fetched whole."""
        with _refusals_named(self.location):
            content = bytearray(self._fs.cat_file(self._at(name)))
        return torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)

    def write(self, name: str, content: bytes) -> None:
        """Replaces an object."""
        with self._writing():
            self._fs.pipe_file(self._at(name), content)
        self._stamps.pop(name, None)

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Writes to the temporary folder of this machine, then uploads."""
        with scratch_file(Path(tempfile.gettempdir())) as path:
            produce(path)
            with self._writing():
                self._fs.put_file(str(path), self._at(name))
        self._stamps.pop(name, None)

    def sizes(self) -> dict[str, int]:
        """Bytes of every object under the prefix, by name."""
        try:
            with _refusals_named(self.location):
                found = self._fs.ls(self.location, detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rsplit("/", 1)[-1]: int(entry["size"]) for entry in found if entry["type"] == "file"}

    def delete(self, name: str) -> None:
        """Removes an object, if it is there."""
        self._stamps.pop(name, None)
        try:
            with _refusals_named(self.location):
                self._fs.rm_file(self._at(name))
        except FileNotFoundError:
            return

    def free(self) -> int | None:
        """Nobody knows."""
        return None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with _refusals_named(self.location):
                yield
        except FileNotFoundError as error:  # the bucket itself is not there
            raise _refused(self.location, error) from error

    def _at(self, name: str) -> str:
        return f"{self.location}/{name}"


@contextmanager
def _refusals_named(location: str) -> Iterator[None]:
    """Turns what a storage client raises (no credentials, no such bucket, no network) into a sentence.

    That a file is not there is an answer, not a refusal, and passes through.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (BotoCoreError, ClientError, OSError) as error:
        raise _refused(location, error) from error


def _refused(location: str, error: Exception) -> TesseraError:
    return TesseraError(
        f"The storage at {location} refuses: {error}.",
        "Check TESSERA_CACHE_URL, the credentials and the endpoint (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL).",
    )
