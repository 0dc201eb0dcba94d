"""Plain text: the whole file is one section, named after the file."""

from __future__ import annotations

from core.corpus.intake import clean, decode
from core.corpus.readers.base import Document, Section


def read_text(name: str, content: bytes) -> Document:
    """Reads a text file.

    Raises:
        CorpusError: It is in an unknown encoding or binary.
    """
    text = clean(decode(name, content), name)
    return Document((Section(text),) if text else ())
