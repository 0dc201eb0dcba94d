"""Manifests: what an artefact is, what it was built from, and the digests by which its files are known."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from core.digests import json_digest, remembered_sha256, sha256_of
from core.errors import ArtefactStale
from core.messages import message

MANIFEST = "manifest.json"
_CHECK = "check"
"""Field for the digest of all others; absent in what an earlier version wrote."""


@dataclass(frozen=True)
class Manifest:
    """Description of an artefact and its inputs.

    Attributes:
        kind: One of ``ARTEFACTS``, or an ``index_kind``.
        inputs: Input name to fingerprint; a name that is itself a kind is checked against that artefact.
        params: Settings of the build, and figures worth showing.
        files: File name to size in bytes.
        created: UTC time, ISO 8601.
        format: See ``ArtefactSpec.format``.
        digests: File name to SHA-256; a file that is checked by other means, or was written by an earlier version, has
            none.
    """

    kind: str
    inputs: dict[str, str]
    params: dict[str, Any]
    files: dict[str, int] = field(default_factory=dict)
    created: str = ""
    build_s: float = 0.0
    format: int = 1
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Digest of what was built, from what, and how; not of when."""
        return _digest({"kind": self.kind, "inputs": self.inputs, "params": self.params, "format": self.format})


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder, or None when there is none.

    Raises:
        ArtefactStale: It is there, but not readable.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return Manifest(**unsealed(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None  # removed since
    except (ValueError, TypeError) as error:
        raise ArtefactStale(
            message("{path} is damaged ({error}).", path=path, error=error),
            message("Delete the folder {folder} and build again.", folder=folder),
        ) from error


def write_manifest(folder: Path, manifest: Manifest, undigested: str = "") -> None:
    """Writes a manifest, listing the files that lie beside it.

    Args:
        undigested: Pattern of files that are checked by other means, and too large to be read twice.
    """
    sizes = {name: size for name, size in sorted(file_sizes(folder).items()) if Path(name).name != MANIFEST}
    facts = {
        **asdict(manifest),
        "files": sizes,
        "digests": {name: sha256_of(folder / name) for name in sizes if not fnmatch(name, undigested)},
    }
    write_atomically(folder / MANIFEST, sealed(facts))


def sealed(facts: Mapping[str, Any]) -> bytes:
    """Plain data as JSON, with a checksum."""
    plain = json.loads(json.dumps(facts))  # as it will be read
    return json.dumps({**plain, _CHECK: _digest(plain)}, indent=1, ensure_ascii=False).encode()


def unsealed(text: str) -> dict[str, Any]:
    """The inverse of ``sealed``.

    Raises:
        ValueError: It is no JSON, or its checksum differs.
    """
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("it is no object")
    if (check := facts.pop(_CHECK, None)) and check != _digest(facts):
        raise ValueError("its checksum differs")
    return facts


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a crash leaves the old content or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def readable(folder: Path) -> Manifest | None:
    """The manifest in a folder; None when there is none that can be read."""
    try:
        return read_manifest(folder)
    except ArtefactStale:
        return None


def stamp(folder: Path) -> tuple[int, ...]:
    """Which build of an artefact lies in a folder: of each, the manifest is another file."""
    try:
        status = (folder / MANIFEST).stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns


def damage(folder: Path, manifest: Manifest, sizes: Mapping[str, int] | None = None, read: bool = True) -> str:
    """Which file of an artefact is not what was written, as a clause.

    Args:
        sizes: What ``file_sizes`` gave, where it is at hand already.
        read: Whether to compare digests, for which every file is read once in a process; otherwise sizes alone.
    """
    actual = file_sizes(folder) if sizes is None else sizes
    for name, size in manifest.files.items():
        if actual.get(name) != size:
            return message("its file {name} is missing or cut short", name=name)
    for name, digest in manifest.digests.items() if read else ():
        with suppress(FileNotFoundError):  # a build has just replaced the folder, and the caller looks again
            if remembered_sha256(folder / name) != digest:
                return message("its file {name} is damaged: its checksum differs", name=name)
    return ""


def file_sizes(folder: Path, under: str = "") -> dict[str, int]:
    """Bytes of every file in a folder, by its path there; blocks are thousands of files, so each is looked at once."""
    sizes: dict[str, int] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:  # what another process has just removed
        for entry in entries:
            if entry.is_dir():
                sizes |= file_sizes(Path(entry.path), f"{under}{entry.name}/")
                continue
            with suppress(FileNotFoundError):
                sizes[under + entry.name] = entry.stat().st_size
    return sizes


def _digest(facts: Mapping[str, Any]) -> str:
    return json_digest(facts)
