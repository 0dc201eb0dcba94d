"""PDF: a section for each page that holds text, with the page number in its title."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import regex

from core.corpus.intake import check_size, clean, clean_title, refused
from core.corpus.readers.base import Document, Section
from core.said import said

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 2_000
# pypdf bounds what one stream unpacks to and how deep forms nest; these bound a whole file, about a minute of work.
MAX_STEPS = 10_000_000
MAX_CHARACTERS = 50_000_000
# What pypdf lets through when a file is damaged in a way its own errors do not foresee.
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError, zlib.error)
_HYPHEN = regex.compile(r"(?<=\p{Ll})-\n(?=\p{Ll})")
_LINE_END = regex.compile(r"(?<!\n)\n(?!\n)")


def read_pdf(name: str, content: bytes) -> Document:
    """Reads the text layer of a PDF.

    Raises:
        CorpusError: It is damaged, protected with a password, has too many pages or takes too much work to read, or no
            page holds text.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    check_size(name, len(content))
    try:
        reader = PdfReader(io.BytesIO(content))
        _check(name, reader)
        pages = list(_texts(name, reader))
        own_title = (reader.metadata.title if reader.metadata else "") or ""
    except (PyPdfError, *_DAMAGE) as error:
        why = said("is no readable PDF ({kind}: {error})", kind=type(error).__name__, error=str(error))
        raise refused(name, why, "Save it again.") from error
    title = clean_title(own_title.replace("\0", ""), name) or PurePosixPath(name).stem
    sections = tuple(
        Section(text, f"{title}, p. {number}")
        for number, page in enumerate(pages, 1)
        if (text := _flow(clean(page.replace("\0", ""), f"{name}, page {number},")))
    )
    if not sections:
        why = said("holds no text on its {n} pages: it seems to be scanned", n=len(pages))
        raise refused(name, why, "Run text recognition (OCR) on it first.")
    empty = len(pages) - len(sections)
    return Document(sections, said("{n} of {total} pages hold no text", n=empty, total=len(pages)) if empty else "")


def _check(name: str, reader: PdfReader) -> None:
    # Many PDFs are encrypted with an empty password, against printing alone.
    if reader.is_encrypted and not reader.decrypt(""):
        raise refused(name, "is protected with a password", "Save a copy without one.")
    if len(reader.pages) > MAX_PAGES:
        why = said("has {n:,} pages, and {limit:,} is the limit", n=len(reader.pages), limit=MAX_PAGES)
        raise refused(name, why, "Split it.")


class _Effort:
    """What reading a file has taken so far; pypdf tells it of every drawing step and every piece of text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps = self._characters = 0

    def step(self, *_: object) -> None:
        self._steps += 1
        self.check()

    def text(self, text: str, *_: object) -> None:
        self._characters += len(text)
        self.check()

    def check(self) -> None:
        if self._steps > MAX_STEPS:
            why = said("takes more than {n:,} drawing steps to read", n=MAX_STEPS)
            raise refused(self._name, why, "Split it, or save it as text.")
        if self._characters > MAX_CHARACTERS:
            why = said("holds more than {n:,} characters", n=MAX_CHARACTERS)
            raise refused(self._name, why, "Split it into smaller files.")


def _texts(name: str, reader: PdfReader) -> Iterator[str]:
    effort = _Effort(name)
    for page in reader.pages:
        text = page.extract_text(visitor_operand_before=effort.step, visitor_text=effort.text)
        effort.check()  # pypdf leaves out a form in which something was raised, and goes on
        yield text


def _flow(text: str) -> str:
    """Lines of a page joined to paragraphs, words mended where a line broke them."""
    return _LINE_END.sub(" ", _HYPHEN.sub("", text)).strip()
