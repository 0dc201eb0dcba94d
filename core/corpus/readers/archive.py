"""Formats that are zip archives inside: sizes are checked before anything is unpacked (zip bombs)."""

from __future__ import annotations

import io
import zipfile

from core.corpus.limits import check_size, refused
from core.messages import message

MAX_UNPACKED = 300 * 1024 * 1024
MAX_PARTS = 20_000


def opened(name: str, content: bytes, kind: str) -> zipfile.ZipFile:
    """The archive of a document.

    Args:
        kind: What it should be, for refusals ("DOCX").

    Raises:
        CorpusError: It is no archive, is protected with a password, or unpacks to more than a document may hold.
    """
    check_size(name, len(content))
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise unreadable(name, kind, error) from error
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED or len(parts) > MAX_PARTS:
        why = message("unpacks to {n:,.0f} MB, more than a corpus may hold", n=unpacked / 2**20)
        raise refused(name, why, "Split it.")
    if any(part.flag_bits & 1 for part in parts):
        raise refused(name, "is protected with a password", "Save a copy without one.")
    return archive


def unreadable(name: str, kind: str, error: Exception) -> Exception:
    """The refusal of a damaged file."""
    reason = str(error).rstrip(".")
    why = message("is no readable {format} ({kind}: {error})", format=kind, kind=type(error).__name__, error=reason)
    return refused(name, why, "Save it again.")
