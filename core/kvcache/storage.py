"""Where cell caches are kept: a folder of this machine, or any place that fsspec reaches (``s3://...``).

Both promise the same: a name holds its old content or its new one, never a mixture, and ``stamp`` changes whenever the
content does. A rename gives that on a disk, a single PUT in an object store.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

import torch

from core.workspace import write_atomically

Stamp = tuple[object, ...]
"""Changes with the content of a file; empty when there is none. Its first entry is the size in bytes."""
_SCRATCH = ".cell-"


class Storage(Protocol):
    """A flat folder of files.

    Attributes:
        location: Its path or URL, as a person would write it.
    """

    location: str

    def stamp(self, name: str) -> Stamp:
        """Tells one content from another without reading it."""
        ...

    def read(self, name: str) -> torch.Tensor:
        """The content as bytes [n], uint8, in memory that nobody else writes to; raises OSError."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file; raises OSError."""
        ...

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Replaces a file by what ``produce`` writes to a local path; raises OSError."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of every file by name, those of unfinished writes included."""
        ...

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        ...

    def free(self) -> int | None:
        """Bytes that can still be written; None where nobody knows."""
        ...


class LocalStorage:
    """A folder of this machine.

    Args:
        folder: Created when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.location = str(folder)

    def stamp(self, name: str) -> Stamp:
        """Size, modification time and inode."""
        try:
            status = (self.folder / name).stat()
        except FileNotFoundError:
            return ()
        return status.st_size, status.st_mtime_ns, status.st_ino

    def read(self, name: str) -> torch.Tensor:
        """The content, read once, straight into the memory it stays in."""
        # Mapping the file instead would cost a page fault for every 4 KiB, and would crash the process if the file
        # were cut short later.
        with (self.folder / name).open("rb", buffering=0) as file:
            content = torch.empty(os.fstat(file.fileno()).st_size, dtype=torch.uint8)
            view, filled = content.numpy().data, 0
            while filled < len(view):
                count = file.readinto(view[filled:])
                if not count:
                    raise OSError(f"{name} ended after {filled} of {len(view)} bytes")
                filled += count
        return content

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / name, content)

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Writes beside the file, then renames."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with scratch_file(self.folder) as path:
            produce(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            path.replace(self.folder / name)

    def sizes(self) -> dict[str, int]:
        """Bytes of every file by name."""
        if not self.folder.is_dir():
            return {}
        return {path.name: path.stat().st_size for path in sorted(self.folder.iterdir()) if path.is_file()}

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def free(self) -> int | None:
        """Free bytes of the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free


def storage_at(location: Path | str) -> Storage:
    """The storage of a folder or URL; ``file://`` is a folder.

    Raises:
        TesseraError: See ``RemoteStorage``.
    """
    if isinstance(location, Path) or "://" not in location:
        return LocalStorage(Path(location))
    parts = urlsplit(location)
    if parts.scheme == "file":
        return LocalStorage(Path(url2pathname(parts.path)))
    from core.kvcache.remote_storage import RemoteStorage  # its clients take a second to import

    return RemoteStorage(location)


@contextmanager
def scratch_file(folder: Path) -> Iterator[Path]:
    """A path to write to, gone afterwards unless it was renamed."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=_SCRATCH)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
