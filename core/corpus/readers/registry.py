"""Which reader reads which file, by the end of its name."""

from __future__ import annotations

from pathlib import PurePosixPath

from core.corpus.intake import refused
from core.corpus.readers.base import Document, Reader
from core.corpus.readers.csv_table import read_csv
from core.corpus.readers.jsonl_table import read_jsonl
from core.corpus.readers.markdown import read_markdown
from core.corpus.readers.parquet_table import read_parquet
from core.corpus.readers.pdf import read_pdf
from core.corpus.readers.plain_text import read_text
from core.said import said

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
    ".txt": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".pdf": read_pdf,
}


def read_document(name: str, content: bytes) -> Document:
    """Reads a file by the end of its name.

    Raises:
        CorpusError: There is no reader for it, or it cannot be read.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in READERS:
        why = said("cannot be read: Tessera does not know files without an ending")
        if suffix:
            why = said("cannot be read: Tessera does not know {ending} files", ending=suffix)
        raise refused(name, why, said("It reads {endings}.", endings=", ".join(READERS)))
    return READERS[suffix](name, content)
