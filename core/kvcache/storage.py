"""Storage for cells: a local folder, or any file system that fsspec supports (``s3://...``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core.errors import TesseraError
from core.kvcache.storage_base import Content, Stamp, Storage, scratch_file
from core.manifest import write_atomically
from core.models.pages import pages


class LocalStorage:
    """A local folder.

    Args:
        folder: Created on the first write.
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

    def read(self, name: str) -> Content:
        """Reads the file into memory without a second copy."""
        # A memory map would cost a page fault per 4 KiB, and would crash the process if the file were truncated later.
        with (self.folder / name).open("rb", buffering=0) as file:
            content = pages(os.fstat(file.fileno()).st_size)
            view, filled = content.data, 0
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
        """Size in bytes of every file, by name."""
        if not self.folder.is_dir():
            return {}
        return {path.name: path.stat().st_size for path in sorted(self.folder.iterdir()) if path.is_file()}

    def delete(self, name: str) -> None:
        """Removes a file, if it exists."""
        (self.folder / name).unlink(missing_ok=True)

    def free(self) -> int | None:
        """Free bytes of the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free


def storage_at(location: Path | str) -> Storage:
    """Opens the storage at a folder or URL; a ``file://`` URL is a local folder.

    Raises:
        TesseraError: The URL contains credentials; or see ``RemoteStorage``.
    """
    if isinstance(location, Path) or "://" not in location:
        return LocalStorage(Path(location))
    parts = urlsplit(location)
    if parts.scheme in ("s3", "s3a") and "@" in location:
        raise TesseraError(
            "The address of the storage holds credentials.",
            "Give it as s3://BUCKET/PREFIX, and the credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if parts.scheme == "file":
        return LocalStorage(Path(url2pathname(parts.path)))
    from core.kvcache.remote_storage import RemoteStorage  # its clients take a second to import

    return RemoteStorage(location)
