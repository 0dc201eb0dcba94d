"""Plain text: the whole file is one section, named after the file."""

from __future__ import annotations

from core.corpus.limits import clean
from core.corpus.readers.base import Document, Section
from core.corpus.readers.encodings import decode


def read_text(name: str, content: bytes) -> Document:
    """Reads a text file.

    Raises:
        CorpusError: It is in an unknown encoding or binary.
    """
    decoded, note = decode(name, content)
    text = clean(decoded, name)
    return Document((Section(text),) if text else (), note)
