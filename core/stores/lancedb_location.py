"""Location of a LanceDB table: the store's own folder, or an ``s3://`` URL that the folder points to.

With ``TESSERA_LANCEDB_URL=s3://bucket/prefix``, new tables are created there, each under a unique name. Credentials,
region and endpoint come from the usual AWS variables. Errors of LanceDB become a ``TesseraError`` here.
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

from core.artefacts import index_kind
from core.errors import ArtefactStale, TesseraError
from core.manifest import write_atomically
from core.messages import message
from core.workspace import folder_mark

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
    # Not "403" alone: the name of a table is drawn, and one in a hundred or so has it.
    "refused": ("forbidden", "status: 403", "access denied", "accessdenied", "invalidaccesskey", "signaturedoes"),
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
class TableLocation:
    """The folder or URL of a LanceDB database.

    Attributes:
        url: A path, or ``s3://bucket/prefix``.
    """

    url: str

    @classmethod
    def in_folder(cls, folder: Path) -> TableLocation:
        """The location of a store's table: its folder, or the URL in the folder's pointer file.

        Raises:
            ArtefactStale: The pointer is damaged.
        """
        pointer = folder / POINTER
        if not pointer.is_file():
            return cls(str(folder))
        try:
            return cls(str(json.loads(pointer.read_text(encoding="utf-8"))["url"]))
        except (ValueError, KeyError, TypeError) as error:
            why = message("{file} is damaged ({error}).", file=pointer, error=str(error))
            raise ArtefactStale(why, "Build the index again.") from error

    @classmethod
    def for_new(cls, folder: Path) -> TableLocation:
        """The location of a new table; writes the pointer file if that is not the folder itself."""
        folder.mkdir(parents=True, exist_ok=True)
        prefix = os.environ.get(URL_VARIABLE, "").rstrip("/")
        if (folder / POINTER).is_file() and is_own(folder):
            return cls.in_folder(folder)
        if not prefix:
            (folder / POINTER).unlink(missing_ok=True)
            return cls(str(folder))
        if prefix.startswith("s3://") and "@" in prefix:
            raise TesseraError(
                "The address of the storage holds credentials.",
                "Give it as s3://BUCKET/PREFIX, and the credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        location = cls(f"{prefix}/{uuid.uuid4().hex}")
        pointer = {"url": location.url, "home": folder_mark(folder)}
        write_atomically(folder / POINTER, json.dumps(pointer).encode())
        return location

    @property
    def is_remote(self) -> bool:
        """Whether it is in object storage."""
        return "://" in self.url

    def connect(self) -> lancedb.DBConnection:
        """A connection; opens no table yet."""
        return lancedb.connect(self.url, storage_options=storage_options() if self.is_remote else None)

    def size(self) -> int:
        """Size of all files in bytes."""
        if self.is_remote:
            return int(fsspec.filesystem(self.url.split("://", 1)[0], skip_instance_cache=True).du(self.url))
        return sum(path.stat().st_size for path in Path(self.url).rglob("*") if path.is_file())

    def remove(self) -> None:
        """Deletes the database."""
        if self.is_remote:
            fsspec.filesystem(self.url.split("://", 1)[0], skip_instance_cache=True).rm(self.url, recursive=True)
        else:
            shutil.rmtree(self.url)

    @contextmanager
    def translating_errors(self, store: str) -> Iterator[None]:
        """Turns errors of LanceDB into a TesseraError with a remedy.

        Args:
            store: Name of the store in the registry.

        Raises:
            TesseraError: The disk is full, or object storage cannot be reached or denies access.
            ArtefactStale: The table is missing or damaged.
        """
        try:
            yield
        except TesseraError:
            raise
        except (OSError, RuntimeError, ValueError, BotoCoreError) as error:
            raise _translated(self, store, error) from error
        except BaseException as error:
            # A damaged file can make LanceDB's Rust code panic, which pyo3 raises as a BaseException.
            if type(error).__name__ != "PanicException":
                raise
            raise _translated(self, store, error) from error


def drop(folder: Path) -> None:
    """Deletes a store's data in object storage, but not the folder; does nothing for a copy of the folder.

    Raises:
        TesseraError: Object storage cannot be reached.
    """
    try:
        location = TableLocation.in_folder(folder)
    except ArtefactStale:
        return  # a damaged pointer must not prevent a rebuild
    if location.is_remote and is_own(folder):
        with location.translating_errors("lancedb"):
            try:
                location.remove()
            except FileNotFoundError:
                return  # it was deleted there already


def external_location(folder: Path) -> tuple[str, bool] | None:
    """See ``StoreSpec.external_location``."""
    try:
        location = TableLocation.in_folder(folder)
    except ArtefactStale:
        return None
    return (location.url, is_own(folder)) if location.is_remote else None


def is_own(folder: Path) -> bool:
    """Whether the table that a folder points to was created for it, and not for a folder that it is a copy of."""
    try:
        pointer = json.loads((folder / POINTER).read_text(encoding="utf-8"))
        return pointer.get("home", folder_mark(folder)) == folder_mark(folder)
    except (OSError, ValueError, AttributeError):
        return True  # no pointer, or a damaged one


def storage_options() -> dict[str, str]:
    """Options for LanceDB's access to object storage, from the usual AWS variables."""
    options = dict(_PATIENCE)
    for option, names in _CREDENTIALS.items():
        value = next((os.environ[name] for name in names if os.environ.get(name)), None)
        if value:
            options[option] = value
    if options.get("aws_endpoint", "").startswith("http://"):
        options["allow_http"] = "true"
    return options


def _translated(location: TableLocation, store: str, error: BaseException) -> TesseraError:
    text = str(error)
    kind = next((kind for kind, signs in _SIGNS.items() if any(sign in text.lower() for sign in signs)), "")
    if kind == "full":
        return TesseraError(
            message("The index in {url} cannot be written (no room is left).", url=location.url),
            "Free disk space or choose another place with TESSERA_WORKSPACES, then try again.",
        )
    if location.is_remote and kind in _REMOTE:
        what, remedy = _REMOTE[kind]
        return TesseraError(message(what, url=location.url), remedy)
    excerpt = " ".join(text.split())[:200]
    return ArtefactStale(
        message("The LanceDB index in {url} cannot be read ({error}).", url=location.url, error=excerpt),
        kinds=(index_kind(store),),
    )


_REMOTE = {
    "refused": (
        "Object storage refused access to {url}.",
        "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights on that bucket.",
    ),
    "no credentials": ("There are no credentials for {url}.", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    "unreachable": (
        "Object storage cannot be reached for {url}.",
        "Check the network, AWS_REGION and AWS_ENDPOINT_URL, then try again.",
    ),
    "no bucket": ("There is no bucket for {url}.", f"Create it, or correct {URL_VARIABLE}."),
}
