"""The protocol of cell storage, implemented by a local folder and by an object store.

Writes are atomic: a reader gets the old content or the new one, never a mixture (by a rename on disk, by a single PUT
in an object store). ``stamp`` changes whenever the content does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Stamp = tuple[object, ...]
"""A version of a file's content; empty if there is no file. The first entry is the size in bytes."""
Content = npt.NDArray[np.uint8]
"""The bytes [n] of a file, in memory that belongs to the caller."""
_SCRATCH = ".cell-"


class Storage(Protocol):
    """A flat folder of files.

    Attributes:
        location: Its path or URL, for display.
    """

    location: str

    def stamp(self, name: str) -> Stamp:
        """The version of a file's content, found without reading the file."""
        ...

    def read(self, name: str) -> Content:
        """The content of a file; raises OSError."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replaces a file; raises OSError."""
        ...

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Replaces a file by the one that ``produce`` writes at a local path; raises OSError."""
        ...

    def sizes(self) -> dict[str, int]:
        """Size in bytes of every file, by name; includes unfinished writes."""
        ...

    def delete(self, name: str) -> None:
        """Removes a file, if it exists."""
        ...

    def free(self) -> int | None:
        """Bytes that can still be written; None if unknown."""
        ...


@contextmanager
def scratch_file(folder: Path) -> Iterator[Path]:
    """A path to write to; the file is deleted afterwards unless it was renamed."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=_SCRATCH)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


class Parcel:
    """A file that is computed here to be stored by another process.

    Attributes:
        content: The file, once ``write_through`` has written it.
    """

    location = tempfile.gettempdir()
    content = b""

    def write_through(self, name: str, produce: Callable[[Path], None]) -> None:
        """Keeps what ``produce`` writes; see ``Storage.write_through``."""
        with scratch_file(Path(self.location)) as path:
            produce(path)
            self.content = path.read_bytes()
