"""A throw-away copy of a workspace in which a change is made; the workspace itself is only read.

Blocks, by far the largest part, are linked instead of copied where the disk can: a cell file is never written
again under its name, it is replaced or removed, and neither reaches the other link.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.workspace import Workspace

PREFIX = ".change-"
_LINKED = "cell-*.safetensors"


@contextmanager
def throwaway_folder(ws: Workspace) -> Iterator[Path]:
    """A folder in the workspace that is gone afterwards; what a killed process left there goes with it.

    The caller holds the workspace's lock.
    """
    ws.path.mkdir(parents=True, exist_ok=True)
    for left in ws.path.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=ws.path, prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def copy_of(ws: Workspace, folder: Path, parts: Iterable[str]) -> Workspace:
    """A workspace in ``folder`` with some artefacts of another.

    Args:
        parts: Folders of artefacts or of their variants, such as "corpus" or "blocks/NAME"; those that are not there
            are left out.
    """
    copied = Workspace(folder / ws.name)
    for part in parts:
        if (ws.path / part).is_dir():
            _copy(ws.path / part, copied.path / part)
    return copied


def _copy(source: Path, target: Path) -> None:
    linked = {path.name for path in source.glob(_LINKED)}
    shutil.copytree(source, target, ignore=lambda folder, names: linked | {n for n in names if n.startswith(".")})
    for name in linked:
        _link(source / name, target / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without hard links, or too many of them
        shutil.copyfile(source, target)
