"""Limits on input: sizes, clean text, safe names. Every refusal names the place and the reason.

Uploads and downloaded files are hostile until shown otherwise: nothing here opens a path that came with the data, or
lets one file take the machine.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import regex

from core.errors import CorpusError
from core.messages import Message, message
from core.normalise import is_unicode, normalise

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_LINE = 1_000_000
MAX_PASSAGES = 50_000
MAX_NAME = 120
MAX_TITLE = 200

_LINE_BREAKS = regex.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = regex.compile("[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")
# Sorting a long run of combining marks takes quadratic time, and no script stacks this many.
_STACKED_MARKS = regex.compile(r"\p{M}{65}")
_UNPRINTABLE = regex.compile(r"[\p{C}\p{Zl}\p{Zp}]+")


def refused(where: str, why: str, remedy: str = "") -> CorpusError:
    """The error for something that cannot be read.

    Args:
        where: File, and line where known ("notes.csv, line 3").
        why: What is wrong there, as the rest of a sentence.
        remedy: What to do about it, as a sentence.
    """
    return CorpusError(message("{where} {why}.", where=message(where), why=message(why)), remedy)


def other_fields(where: str, error: Exception, remedy: str) -> CorpusError:
    """The error for a row without a field that it should have, or with another kind of value there."""
    why = message("has other fields than expected ({kind}: {error})", kind=type(error).__name__, error=str(error))
    return refused(where, why, remedy)


def line_of(name: str, line: int) -> Message:
    """Where a refusal was met, in a file with lines."""
    return message("{name}, line {n},", name=name, n=line)


def read_file(path: Path, name: str = "") -> bytes:
    """The bytes of a regular file within the size limit.

    Args:
        name: What to call it in a refusal; its path by default.

    Raises:
        CorpusError: It is missing, no regular file, too big, or may not be read.
    """
    name = name or str(path)
    if not path.is_file():
        raise refused(name, "is not a file" if path.exists() else "does not exist", "Check the path.")
    try:
        check_size(name, path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise refused(
            name, message("cannot be opened ({error})", error=error.strerror), "Check its permissions."
        ) from error


def check_size(name: str, size: int) -> None:
    """Refuses a file that is too big or empty.

    Raises:
        CorpusError: ``size`` (bytes) is zero or above ``MAX_FILE_BYTES``.
    """
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        why = message("is {size:,.0f} MB, and {limit} MB is the limit", size=size / 2**20, limit=limit)
        raise refused(name, why, "Split it into smaller files.")
    if not size:
        raise refused(name, "is empty", "Choose a file with text in it.")


def clean(text: str, where: str) -> str:
    r"""Text in its normal form (``core.normalise``), without control characters, line breaks ``\n``, trimmed.

    Raises:
        CorpusError: It holds NUL characters, halves of characters, or absurd stacks of combining marks.
    """
    if "\0" in text:
        raise refused(where, "holds a NUL character", "Remove it.")
    if not is_unicode(text):
        raise refused(where, "holds half of a character (a lone surrogate)", "Export the file again as UTF-8.")
    if _STACKED_MARKS.search(text):
        raise refused(where, "holds a letter with more than 64 combining marks", "Remove them.")
    text = _CONTROLS.sub("", _LINE_BREAKS.sub("\n", text))
    return normalise(text).strip()


def clean_title(text: str, where: str) -> str:
    """A title: clean, on one line, at most ``MAX_TITLE`` characters.

    Raises:
        CorpusError: See ``clean``.
    """
    return " ".join(clean(text, where).split())[:MAX_TITLE].rstrip()


def safe_name(name: str) -> str:
    """The last part of a file name that came from outside, fit for display and never used as a path."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    if len(last) > 4 * MAX_NAME:
        last = last[: 2 * MAX_NAME] + last[-2 * MAX_NAME :]  # the ending says what it is
    last = unicodedata.normalize("NFC", _UNPRINTABLE.sub("", last)).strip()
    if len(last) > MAX_NAME:
        stem, dot, suffix = last.rpartition(".")
        last = f"{stem[: MAX_NAME - 10]}.{suffix[:9]}" if dot else last[:MAX_NAME]
    return last if last.strip(". ") else "unnamed"
