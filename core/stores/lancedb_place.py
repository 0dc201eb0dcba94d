"""Where a LanceDB table lives: in a store's own folder, or under an ``s3://`` URL that the folder only points to.

Set ``TESSERA_LANCEDB_URL=s3://bucket/prefix`` and new tables go there, each under a name of its own. Credentials,
region and endpoint come from the usual AWS variables. Errors of the engine become sentences here.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fsspec
import lancedb
from botocore.exceptions import BotoCoreError

from core.errors import ArtefactStale, TesseraError
from core.workspace import write_atomically

POINTER = "lancedb.json"
URL_VARIABLE = "TESSERA_LANCEDB_URL"
_PATIENCE = {"connect_timeout": "5s", "timeout": "30s", "client_max_retries": "2", "client_retry_timeout": "10"}
_CREDENTIALS = {
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "aws_session_token": ("AWS_SESSION_TOKEN",),
    "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "aws_endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
}
_SIGNS = {
    "full": ("no space left", "file too large", "disk quota", "os error 28", "os error 27"),
    "no bucket": ("nosuchbucket", "no such bucket"),
    "refused": ("403", "accessdenied", "access denied", "invalidaccesskey", "signaturedoesnotmatch", "forbidden"),
    "no credentials": ("credential", "instance metadata", "169.254.169.254"),
    "unreachable": (
        "error sending request",
        "connection refused",
        "timed out",
        "timeout",
        "dns error",
        "could not connect",
    ),
}


@dataclass(frozen=True)
class Place:
    """The folder or URL of a LanceDB database.

    Attributes:
        url: A path, or ``s3://bucket/prefix``.
    """

    url: str

    @classmethod
    def in_folder(cls, folder: Path) -> Place:
        """The place a store's folder stands for: the folder itself, or what its pointer says.

        Raises:
            ArtefactStale: The pointer is damaged.
        """
        pointer = folder / POINTER
        if not pointer.is_file():
            return cls(str(folder))
        try:
            return cls(str(json.loads(pointer.read_text(encoding="utf-8"))["url"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactStale(f"{pointer} is damaged ({error}).", "Build the index again.") from error

    @classmethod
    def for_new(cls, folder: Path) -> Place:
        """Where a new table of a store's folder goes; writes the pointer when that is not the folder itself."""
        folder.mkdir(parents=True, exist_ok=True)
        home = os.environ.get(URL_VARIABLE, "").rstrip("/")
        if not home or (folder / POINTER).is_file():
            return cls.in_folder(folder)
        place = cls(f"{home}/{uuid.uuid4().hex}")
        write_atomically(folder / POINTER, json.dumps({"url": place.url}).encode())
        return place

    @property
    def is_remote(self) -> bool:
        """Whether it is in object storage."""
        return "://" in self.url

    def connect(self) -> lancedb.DBConnection:
        """A connection; opens nothing yet."""
        return lancedb.connect(self.url, storage_options=storage_options() if self.is_remote else None)

    def weigh(self) -> int:
        """Bytes of all files."""
        if self.is_remote:
            return int(fsspec.filesystem(self.url.split("://", 1)[0], skip_instance_cache=True).du(self.url))
        return sum(path.stat().st_size for path in Path(self.url).rglob("*") if path.is_file())

    def remove(self) -> None:
        """Deletes the database, wherever it is."""
        if self.is_remote:
            fsspec.filesystem(self.url.split("://", 1)[0], skip_instance_cache=True).rm(self.url, recursive=True)
        else:
            shutil.rmtree(self.url)

    @contextmanager
    def speaking(self, store: str) -> Iterator[None]:
        """Turns what the engine raises into a sentence and a remedy.

        Args:
            store: Name of the store in the registry.

        Raises:
            TesseraError: There is no room, or object storage cannot be reached or refuses.
            ArtefactStale: The table is missing or damaged.
        """
        try:
            yield
        except TesseraError:
            raise
        except (OSError, RuntimeError, ValueError, BotoCoreError) as error:
            raise _explained(self, store, error) from error
        except BaseException as error:
            # A damaged file can make the Rust part panic, and pyo3 raises that outside of Exception.
            if type(error).__name__ != "PanicException":
                raise
            raise _explained(self, store, error) from error


def drop(folder: Path) -> None:
    """Deletes what a store keeps in object storage; the folder itself stays.

    Raises:
        TesseraError: Object storage cannot be reached.
    """
    try:
        place = Place.in_folder(folder)
    except ArtefactStale:
        return  # a damaged pointer leads nowhere, and must not keep anyone from building anew
    if place.is_remote:
        with place.speaking("lancedb"):
            try:
                place.remove()
            except FileNotFoundError:
                return  # someone deleted it there already


def storage_options() -> dict[str, str]:
    """What LanceDB needs to reach object storage, from the usual AWS variables."""
    options = dict(_PATIENCE)
    for option, names in _CREDENTIALS.items():
        value = next((os.environ[name] for name in names if os.environ.get(name)), None)
        if value:
            options[option] = value
    if options.get("aws_endpoint", "").startswith("http://"):
        options["allow_http"] = "true"
    return options


def _explained(place: Place, store: str, error: BaseException) -> TesseraError:
    said = str(error)
    kind = next((kind for kind, signs in _SIGNS.items() if any(sign in said.lower() for sign in signs)), "")
    if kind == "full":
        return TesseraError(
            f"The index in {place.url} cannot be written (no room is left).",
            "Free disk space or choose another place with TESSERA_WORKSPACES, then try again.",
        )
    if place.is_remote and kind in _REMOTE:
        what, remedy = _REMOTE[kind]
        return TesseraError(what.format(url=place.url), remedy)
    first = " ".join(said.split())[:200]
    return ArtefactStale(
        f"The LanceDB index in {place.url} cannot be read ({first}).",
        f"Build it again: `python -m app index --store {store} --force`.",
    )


_REMOTE = {
    "refused": (
        "Object storage refused access to {url}.",
        "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights on that bucket.",
    ),
    "no credentials": (
        "There are no credentials for {url}.",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
    "unreachable": (
        "Object storage cannot be reached for {url}.",
        "Check the network, AWS_REGION and AWS_ENDPOINT_URL, then try again.",
    ),
    "no bucket": ("There is no bucket for {url}.", f"Create it, or correct {URL_VARIABLE}."),
}
