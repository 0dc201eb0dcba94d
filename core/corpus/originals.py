"""The files that documents were read from, kept in the workspace under the digest of their content.

    workspaces/manuals/originals/3f1c…e2.pdf

A passage names the digest of its file (``Source.digest``), so another edition of the same name is not mistaken for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from core.corpus.types import Corpus, Source
from core.manifest import write_atomically
from core.workspace import Workspace

FOLDER = "originals"
_DIGEST = re.compile(r"[0-9a-f]{32}")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


def digest_of(content: bytes) -> str:
    """Identifies a file by its content."""
    return hashlib.sha256(content).hexdigest()[:32]


def is_digest(text: str) -> bool:
    """Whether a text has the form of a digest, and so may become part of a path."""
    return _DIGEST.fullmatch(text) is not None


def original(ws: Workspace, source: Source | None) -> Path | None:
    """The file that a passage was read from; None if it was not kept."""
    if source is None or not source.digest:
        return None
    path = ws.path / FOLDER / (source.digest + _ending(source.file))
    return path if path.is_file() else None


def keep_originals(ws: Workspace, corpora: Iterable[Corpus], contents: Iterable[tuple[str, bytes]] = ()) -> None:
    """Keeps the files that passages of some corpora were read from, and no others.

    Args:
        corpora: The corpus of the workspace, and the one that undo would restore.
        contents: Name and content of files that may not be there yet.
    """
    sources = {passage.source for corpus in corpora for passage in corpus.passages if passage.source}
    needed = {source.digest + _ending(source.file) for source in sources if source.digest}
    folder = ws.path / FOLDER
    for name, content in contents:
        if (file := digest_of(content) + _ending(name)) in needed and not (folder / file).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / file, content)
    for path in folder.glob("*"):
        if path.name not in needed:
            path.unlink()


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix.lower()
    return ending if _ENDING.fullmatch(ending) else ""
