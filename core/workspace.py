"""A workspace: the folder that holds everything built for one corpus.

    workspaces/sample/
      corpus/ embeddings/ index/ partition/ projection/ memory/   one artefact each, with manifest.json
      caches/<model>-<precision>/                                  one variant each, with manifest.json
      index-NAME/                                                  indexes of other stores than the default
      runs/                                                        answers that were kept
      .lock                                                        held by the one process that writes

Every manifest names the inputs an artefact was built from by their fingerprints. ``state`` compares them with what is
there now, and ``require`` refuses what no longer holds. An artefact is written in a temporary folder and renamed into
place, so a crash leaves either the old one or the new one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from core.errors import ArtefactMissing, ArtefactStale, TesseraError, WorkspaceBusy
from core.said import said
from core.settings import DEFAULT_STORE

MANIFEST = "manifest.json"
FORMAT = 1
REMEDIES = {
    "corpus": "Run `python -m app prepare` or open the Corpus page.",
    "embeddings": "Run `python -m app prepare` or open the Corpus page.",
    "index": "Run `python -m app prepare` or open the Corpus page.",
    "partition": "Run `python -m app cluster` or open the Map page.",
    "projection": "Run `python -m app cluster` or open the Map page.",
    "caches": "Run `python -m app cache` or open the Caches page.",
    "blocks": "Run `python -m app cache --blocks` or open the Caches page.",
    "memory": "Run `python -m app train` or open the Memory page.",
}
KINDS = tuple(REMEDIES)
VARIED = ("caches", "blocks")
"""Kinds of which several variants stand side by side, a folder each: KV caches by model and number format. What is said
of such a kind is said of one variant: one that agrees with the inputs asked for, of several the newest."""
INDEX_PREFIX = "index-"
_NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
# Names that Windows gives to devices, whatever follows the dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
Status = Literal["missing", "ready", "stale"]


@dataclass(frozen=True)
class Manifest:
    """What an artefact is and what it was built from.

    Attributes:
        kind: One of ``KINDS``, or an ``index_kind``.
        inputs: Input name to fingerprint; a name that is itself a kind is checked against that artefact.
        params: Settings of the build, and figures worth showing.
        files: File name to size in bytes.
        created: UTC time, ISO 8601.
        build_s: Seconds the build took.
        format: Version of this layout.
    """

    kind: str
    inputs: dict[str, str]
    params: dict[str, Any]
    files: dict[str, int] = field(default_factory=dict)
    created: str = ""
    build_s: float = 0.0
    format: int = FORMAT

    @property
    def fingerprint(self) -> str:
        """Digest of what was built, from what, and how; not of when."""
        fields = {"kind": self.kind, "inputs": self.inputs, "params": self.params, "format": self.format}
        return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ArtefactState:
    """Where an artefact stands.

    Attributes:
        kind: One of ``KINDS``, or an ``index_kind``.
        status: missing, ready or stale.
        reason: Why it is stale; empty otherwise.
        manifest: Its manifest; None when it is missing.
        bytes: Size of its files on disk.
        folder: Where it is; None when it is missing.
    """

    kind: str
    status: Status
    reason: str
    manifest: Manifest | None
    bytes: int
    folder: Path | None = None


class Workspace:
    """One folder, its artefacts and its lock.

    Args:
        path: The folder; created when first written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / ".lock")

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    def folder(self, kind: str) -> Path:
        """Where an artefact lives, whether or not it is there."""
        return self.path / kind

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the workspace for writing; may be nested in one thread.

        Raises:
            WorkspaceBusy: Another process or thread holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WorkspaceBusy(
                said("Something else is building in the workspace {name!r}.", name=self.name),
                "Wait for it to end, or cancel it.",
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def write(
        self,
        kind: str,
        inputs: Mapping[str, str],
        params: dict[str, Any],
        discard: Callable[[Path], None] = lambda folder: None,
        began: datetime | None = None,
    ) -> Iterator[Path]:
        """A temporary folder that becomes the artefact when the body ends well.

        Args:
            kind: One of ``KINDS``, or an ``index_kind``.
            inputs: Fingerprints of what it is built from.
            params: Settings of the build; the body may add figures before it ends.
            discard: Called with the folder of an artefact that goes, be it the old one or one that failed, for those
                who keep more than the folder.
            began: When the work began, where it began before there was something to write.

        Yields:
            The folder to write into.

        Raises:
            TesseraError: The disk is full or cannot be written.
        """
        began = began or datetime.now(timezone.utc)
        with (
            self._saying_why(kind),
            self.lock(),
            tempfile.TemporaryDirectory(dir=self.path, prefix=f".{kind}-", ignore_cleanup_errors=True) as scratch,
        ):
            fresh, old = Path(scratch) / kind, Path(scratch) / "old"
            fresh.mkdir()
            try:
                yield fresh
                seconds = (datetime.now(timezone.utc) - began).total_seconds()
                manifest = Manifest(kind, dict(inputs), params, {}, began.isoformat(), seconds)
                write_manifest(fresh, manifest)
                _swap(fresh, self.folder(kind), old)
            except BaseException:
                discard(fresh)
                raise
            if old.exists():
                discard(old)

    @contextmanager
    def _saying_why(self, kind: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            raise TesseraError(
                f"The {kind} of {self.name!r} cannot be written ({error.strerror}).",
                "Free disk space, or set TESSERA_WORKSPACES to a folder that can be written; the old one is kept.",
            ) from error

    def variants(self, kind: str) -> list[Path]:
        """Folders that hold a finished artefact of a kind: at most one, or one for each variant, by name."""
        if kind not in VARIED:
            return [self.folder(kind)] if (self.folder(kind) / MANIFEST).is_file() else []
        return sorted(path.parent for path in self.folder(kind).glob(f"[!.]*/{MANIFEST}"))

    def manifest(self, kind: str) -> Manifest | None:
        """The manifest of an artefact, or None when there is none."""
        return self.state(kind).manifest if kind in VARIED else read_manifest(self.folder(kind))

    def fingerprint(self, kind: str, inputs: Mapping[str, str] | None = None) -> str:
        """Fingerprint of an artefact as it stands; empty when missing."""
        manifest = self.state(kind, inputs).manifest if kind in VARIED else self.manifest(kind)
        return manifest.fingerprint if manifest else ""

    def state(self, kind: str, inputs: Mapping[str, str] | None = None) -> ArtefactState:
        """Where an artefact stands.

        Args:
            kind: One of ``KINDS``, or an ``index_kind``.
            inputs: Fingerprints to expect besides those of other artefacts, such as ``{"model": "..."}``.
        """
        wanted = inputs or {}
        states = [self.state_of(folder, kind, wanted) for folder in self.variants(kind)]
        if not states:
            return ArtefactState(kind, "missing", "", None, 0)
        return max(states, key=lambda state: _preference(state, wanted))

    def state_of(self, folder: Path, kind: str, inputs: Mapping[str, str] | None = None) -> ArtefactState:
        """Where one variant of a kind stands; see ``state``."""
        manifest = read_manifest(folder)
        if manifest is None:  # removed since it was listed
            return ArtefactState(kind, "missing", "", None, 0)
        reason = self._why_stale(folder, kind, manifest, inputs or {})
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return ArtefactState(kind, "stale" if reason else "ready", reason, manifest, size, folder)

    def require(self, kind: str, inputs: Mapping[str, str] | None = None) -> Path:
        """The folder of an artefact that may be used.

        Raises:
            ArtefactMissing: It has not been built.
            ArtefactStale: It was built from something else, or its files are damaged.
        """
        state = self.state(kind, inputs)
        if state.status == "missing":
            why = said("The workspace {name!r} has no {kind} yet.", name=self.name, kind=said(kind))
            raise ArtefactMissing(why, remedy_for(kind))
        if state.status == "stale":
            values = {"kind": said(kind), "name": self.name, "reason": said(state.reason)}
            why = said("The {kind} in {name!r} cannot be used: {reason}.", **values)
            raise ArtefactStale(why, remedy_for(kind))
        return state.folder or self.folder(kind)

    def _why_stale(self, folder: Path, kind: str, manifest: Manifest, inputs: Mapping[str, str]) -> str:
        if manifest.format != FORMAT or manifest.kind != kind:
            return "it was written by another version of Tessera"
        for name, size in manifest.files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size:
                return said("its file {name} is missing or cut short", name=name)
        for name, fingerprint in manifest.inputs.items():
            now = self.fingerprint(name) if name in KINDS else inputs.get(name, fingerprint)
            if now != fingerprint:
                return said("it was built from another {name}", name=said(name))
        return ""


def open_workspace(name: str, parent: Path) -> Workspace:
    """The workspace of a name under ``parent``, or of a path.

    Raises:
        TesseraError: The name could step out of ``parent``, or the path is a file.
    """
    if os.sep in name or name.startswith("."):
        path = Path(name).expanduser()
    else:
        if not re.fullmatch(r"[\w][\w .-]{0,63}", name) or _RESERVED.fullmatch(name) or name[-1] in " .":
            raise TesseraError(
                said("{name!r} is no name for a workspace.", name=name), "Use letters, digits, '-' and '_'."
            )
        path = parent / name
    if path.exists() and not path.is_dir():
        raise TesseraError(said("{path} is a file, not a workspace.", path=path), "Give a folder.")
    return Workspace(path)


def index_kind(store: str) -> str:
    """Kind of the artefact that holds the index of a store; the default store's is "index"."""
    return "index" if store == DEFAULT_STORE else f"{INDEX_PREFIX}{store}"


def remedy_for(kind: str) -> str:
    """What to do about an artefact that is missing or stale."""
    if kind.startswith(INDEX_PREFIX):
        store = kind.removeprefix(INDEX_PREFIX)
        return said("Run `python -m app index --store {store}` or open the Stores page.", store=store)
    return REMEDIES[kind]


def list_workspaces(parent: Path) -> list[str]:
    """Names of the workspaces under ``parent`` that hold a corpus."""
    if not parent.is_dir():
        return []
    return sorted(path.name for path in parent.iterdir() if (path / "corpus" / MANIFEST).is_file())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder, or None when there is none.

    Raises:
        ArtefactStale: It is there, but not readable.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ArtefactStale(f"{path} is damaged ({error}).", f"Delete the folder {folder} and build again.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes a manifest, listing the files that lie beside it."""
    files = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    text = json.dumps({**asdict(manifest), "files": files}, indent=1, ensure_ascii=False)
    write_atomically(folder / MANIFEST, text.encode())


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


def _preference(state: ArtefactState, inputs: Mapping[str, str]) -> tuple[bool, int, str]:
    """Which variant is spoken of: one that is ready, else the one that agrees most with what was asked for."""
    if state.manifest is None:
        return False, -1, ""
    agrees = sum(state.manifest.inputs.get(name) == value for name, value in inputs.items())
    return state.status == "ready", agrees, state.manifest.created


def _swap(fresh: Path, target: Path, old: Path) -> None:
    if target.exists():
        target.replace(old)
    try:
        fresh.replace(target)
    except OSError:
        if old.exists():
            old.replace(target)
        raise
