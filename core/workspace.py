"""A workspace: the folder with everything built for one corpus.

    workspaces/sample/
      corpus/ embeddings/ index/ partition/ projection/ memory/   one artefact each, with manifest.json
      blocks/<model>-<precision>/ caches/<model>-<precision>/      one variant each, with manifest.json
      index-NAME/                                                  indexes of other stores than the default
      runs/                                                        saved answers of evaluations
      .lock                                                        lock of the writing process

A manifest records the fingerprints of an artefact's inputs and the digests of its files. ``state`` compares them with
the current ones, and ``require`` raises if the artefact is stale. An artefact is written to a temporary folder that
then replaces the old one atomically, see ``core.swap``.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout

from core import swap
from core.artefacts import ARTEFACTS, INDEX_PREFIX, artefact
from core.errors import ArtefactMissing, ArtefactStale, TesseraError, WorkspaceBusy
from core.manifest import MANIFEST, Manifest, damage, file_sizes, read_manifest, readable, stamp, write_manifest
from core.messages import message

TRAINING = "training"
"""Folder of a memory that is being trained, with its checkpoint."""
_BUILT = re.compile("|".join([*ARTEFACTS, TRAINING, rf"{INDEX_PREFIX}[\w-]+"]))
"""Names of the folders that are written under the lock."""
_NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
# Device names of Windows, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
Status = Literal["missing", "ready", "stale"]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ArtefactState:
    """State of an artefact.

    Attributes:
        kind: One of ``ARTEFACTS``, or an ``index_kind``.
        status: missing, ready or stale.
        reason: Why it is stale; empty otherwise.
        manifest: Its manifest; None if it is missing or damaged.
        bytes: Size of its files on disk.
        folder: Its folder; None if it is missing.
        damaged: Whether it is stale because its files have changed since they were written.
    """

    kind: str
    status: Status
    reason: str
    manifest: Manifest | None
    bytes: int
    folder: Path | None = None
    damaged: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """Settings and figures of its build; empty if there is no manifest."""
        return self.manifest.params if self.manifest else {}


class Workspace:
    """One folder, its artefacts and its lock.

    Args:
        path: The folder; created on the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / ".lock")

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    def folder(self, kind: str) -> Path:
        """Folder of an artefact, whether or not it exists."""
        return self.path / kind

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Locks the workspace for writing and cleans up after crashed builds; reentrant within a thread.

        Raises:
            WorkspaceBusy: Another process or thread holds the lock.
            TesseraError: The disk is full or cannot be written.
        """
        nested = self._lock.is_locked
        with self._translating_errors():
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise WorkspaceBusy(
                    message("Something else is building in the workspace {name!r}.", name=self.name),
                    "Wait for it to end, or cancel it.",
                ) from None
            try:
                if not nested:
                    self._clean_up()
                yield
            finally:
                self._lock.release()

    def settle(self) -> None:
        """Cleans up after a killed build, unless another build is running or the disk cannot be written."""
        if self._leftovers():
            with suppress(TesseraError), self.lock():  # not urgent: ``swap.current`` finds the old content meanwhile
                pass

    @contextmanager
    def write(
        self,
        kind: str,
        inputs: Mapping[str, str],
        params: dict[str, Any],
        discard: Callable[[Path], None] = lambda folder: None,
        spent_s: float = 0.0,
    ) -> Iterator[Path]:
        """A temporary folder that becomes the artefact if the body succeeds.

        Args:
            kind: One of ``ARTEFACTS``, or an ``index_kind``.
            inputs: Fingerprints of what it is built from.
            params: Settings of the build; the body may add figures to them.
            discard: Called with the folder of the old artefact, or of a failed new one, to delete data it has outside
                the workspace.
            spent_s: Seconds of work before this call; see ``core.jobs.WorkClock``.

        Yields:
            The folder to write into.

        Raises:
            TesseraError: The disk is full or cannot be written.
        """
        began, clock = datetime.now(timezone.utc).isoformat(), time.perf_counter()
        with self.lock(), swap.scratch_for(self.folder(kind)) as scratch:
            fresh = scratch / kind
            fresh.mkdir()
            try:
                yield fresh
                seconds = spent_s + time.perf_counter() - clock
                write_manifest(fresh, Manifest(kind, dict(inputs), params, {}, began, seconds, artefact(kind).format))
                old = swap.install(fresh, self.folder(kind))
            except BaseException:
                discard(fresh)
                raise
            if old:
                discard(old)

    def _leftovers(self) -> list[Path]:
        """Temporary folders and files; if the lock is free, they are left over from crashed builds."""
        kinds = [path for path in self.path.glob("[!.]*") if path.is_dir() and _BUILT.fullmatch(path.name)]
        folders = [*kinds, *(path for kind in ARTEFACTS.values() if kind.varied for path in self._in(kind.kind))]
        files = [path for folder in folders for path in swap.half_written(folder)]
        return [*swap.scratches(self.path, _BUILT), *files]

    def _in(self, kind: str) -> list[Path]:
        return [path for path in self.folder(kind).glob("[!.]*") if path.is_dir()]

    def _clean_up(self) -> None:
        for path in self._leftovers():
            if path.is_dir():
                swap.settle(path)
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
            raise TesseraError(
                message("The workspace {name!r} cannot be written ({error}).", name=self.name, error=reason),
                "Free disk space, or set TESSERA_WORKSPACES to a folder that can be written; what was there is kept.",
            ) from error

    def variants(self, kind: str) -> list[Path]:
        """Folders with a finished artefact of a kind: at most one, or one per variant, sorted by name."""
        if not artefact(kind).varied:
            folder = swap.holding(self.folder(kind), MANIFEST)
            return [folder] if folder else []
        return sorted(path.parent for path in self.folder(kind).glob(f"[!.]*/{MANIFEST}"))

    def manifest(self, kind: str) -> Manifest | None:
        """The manifest of an artefact, or None."""
        if artefact(kind).varied:
            return self.state(kind).manifest
        folder = swap.holding(self.folder(kind), MANIFEST)
        return readable(folder) if folder else None

    def params(self, kind: str) -> dict[str, Any]:
        """Settings and figures of an artefact's build; empty if it is missing."""
        manifest = self.manifest(kind)
        return manifest.params if manifest else {}

    def fingerprint(self, kind: str, inputs: Mapping[str, str] | None = None) -> str:
        """Current fingerprint of an artefact; empty if it is missing."""
        manifest = self.state(kind, inputs).manifest if artefact(kind).varied else self.manifest(kind)
        return manifest.fingerprint if manifest else ""

    def state(self, kind: str, inputs: Mapping[str, str] | None = None, read: bool = True) -> ArtefactState:
        """State of an artefact.

        Args:
            kind: One of ``ARTEFACTS``, or an ``index_kind``.
            inputs: Expected fingerprints of inputs that are not artefacts, such as ``{"model": "..."}``.
            read: Whether to compare the digests of its files; see ``core.manifest.damage``.
        """
        expected = inputs or {}
        while True:
            states = [self.state_of(folder, kind, expected, read) for folder in self.variants(kind)]
            if not states:
                return ArtefactState(kind, "missing", "", None, 0)
            if all(state.status != "missing" for state in states):  # else one was replaced after it was listed
                return max(states, key=lambda state: _preference(state, expected))

    def state_of(
        self, folder: Path, kind: str, inputs: Mapping[str, str] | None = None, read: bool = True
    ) -> ArtefactState:
        """State of one variant of a kind; see ``state``."""
        while True:
            before = stamp(folder)
            state = self._inspect(folder, kind, inputs or {}, read)
            if stamp(folder) == before:  # else a build replaced the folder meanwhile
                return state

    def require(self, kind: str, inputs: Mapping[str, str] | None = None, read: bool = True) -> Path:
        """The folder of an artefact that is ready.

        Args:
            read: Whether its files will be read, so that their digests must be compared.

        Raises:
            ArtefactMissing: It has not been built.
            ArtefactStale: It was built from other inputs, or its files are damaged.
        """
        state = self.state(kind, inputs, read)
        if state.status == "missing":
            why = message("The workspace {name!r} has no {kind} yet.", name=self.name, kind=message(kind))
            raise ArtefactMissing(why, kinds=(kind,))
        folder = state.folder or self.folder(kind)
        if state.status == "stale":
            values = {"kind": message(kind), "name": self.name, "reason": message(state.reason)}
            why = message("The {kind} in {name!r} cannot be used: {reason}.", **values)
            remedy = message(
                "Put a copy of the folder {folder} back if there is one, else {action}.",
                folder=folder,
                action=message(artefact(kind).remedy),
            )
            raise ArtefactStale(why, remedy if state.damaged else "", kinds=(kind,))
        return folder

    def read(self, kind: str, load: Callable[[Path], Loaded], inputs: Mapping[str, str] | None = None) -> Loaded:
        """Loads an artefact with ``load``; loads it again if a build replaced it meanwhile.

        Raises:
            ArtefactMissing: See ``require``.
            ArtefactStale: See ``require``.
        """
        while True:
            folder = self.require(kind, inputs)
            before = stamp(folder)
            try:
                loaded = load(folder)
            except (OSError, TesseraError):
                if before and stamp(folder) == before:
                    raise
                continue
            if before and stamp(folder) == before:
                return loaded

    def _inspect(self, folder: Path, kind: str, inputs: Mapping[str, str], read: bool) -> ArtefactState:
        sizes = file_sizes(folder)
        size = sum(sizes.values())
        try:
            manifest = read_manifest(folder)
        except ArtefactStale:
            return ArtefactState(kind, "stale", "its manifest is damaged", None, size, folder, damaged=True)
        if manifest is None:  # removed after it was listed
            return ArtefactState(kind, "missing", "", None, 0)
        damaged = damage(folder, manifest, sizes, read)
        reason = damaged or self._why_stale(kind, manifest, inputs)
        return ArtefactState(kind, "stale" if reason else "ready", reason, manifest, size, folder, bool(damaged))

    def _why_stale(self, kind: str, manifest: Manifest, inputs: Mapping[str, str]) -> str:
        if manifest.format != artefact(kind).format or manifest.kind != kind:
            return "it was written by another version of Tessera"
        for name, fingerprint in manifest.inputs.items():
            current = self.fingerprint(name) if name in ARTEFACTS else inputs.get(name, fingerprint)
            if not current and self.state(name, read=False).damaged:
                return message("the {name} that it was built from is damaged", name=message(name))
            if current != fingerprint:
                return message("it was built from another {name}", name=message(name))
        return ""


def open_workspace(name: str, parent: Path) -> Workspace:
    """The workspace with a name under ``parent``, or at a path.

    Raises:
        TesseraError: The name is not a valid folder name, or the path is a file.
    """
    is_path = os.sep in name or name.startswith(".")
    return _open_folder(Path(name).expanduser()) if is_path else named_workspace(name, parent)


def named_workspace(name: str, parent: Path) -> Workspace:
    """The workspace with a name under ``parent``; a path is refused.

    Raises:
        TesseraError: The name is not a valid folder name, or stands for a file.
    """
    if not re.fullmatch(r"[\w][\w .-]{0,63}", name) or _RESERVED.fullmatch(name) or name[-1] in " .":
        raise TesseraError(
            message("{name!r} is no name for a workspace.", name=name), "Use letters, digits, '-' and '_'."
        )
    return _open_folder(parent / name)


def _open_folder(path: Path) -> Workspace:
    if path.exists() and not path.is_dir():
        raise TesseraError(message("{path} is a file, not a workspace.", path=path), "Give a folder.")
    workspace = Workspace(path)
    workspace.settle()
    return workspace


def existing_workspace(name: str, parent: Path) -> Workspace:
    """An existing workspace, by name or path.

    Raises:
        TesseraError: It does not exist; the message lists those that do.
    """
    ws = open_workspace(name, parent)
    if not ws.path.is_dir():
        names = ", ".join(list_workspaces(parent)) or message("none yet")
        what = message("There is no workspace {name!r}; there are: {names}.", name=name, names=names)
        raise TesseraError(what, "Choose one of these, or bring documents into a new one.", kinds=("corpus",))
    return ws


def list_workspaces(parent: Path) -> list[str]:
    """Names of the workspaces under ``parent`` that have a corpus."""
    if not parent.is_dir():
        return []
    return sorted(path.name for path in parent.iterdir() if swap.holding(path / "corpus", MANIFEST))


def folder_mark(folder: Path) -> str:
    """Identifies a folder: the mark survives renaming, but a copy of the folder has another one.

    Data that a folder has on a server or in object storage records it, so that deleting a copy does not delete the
    data.
    """
    return str(folder.stat().st_ino)


def _preference(state: ArtefactState, inputs: Mapping[str, str]) -> tuple[bool, int, str]:
    """Sort key for the variant to report: a ready one first, then the best match of inputs, then the newest."""
    if state.manifest is None:
        return False, -1, ""
    matches = sum(state.manifest.inputs.get(name) == value for name, value in inputs.items())
    return state.status == "ready", matches, state.manifest.created
