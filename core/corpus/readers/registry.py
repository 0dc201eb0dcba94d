"""Which reader reads which file, by the end of its name: one line for each format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from core.corpus.limits import refused
from core.corpus.readers.base import DEFAULT_COLUMNS, Columns, Document, Reader
from core.corpus.readers.docx import read_docx
from core.corpus.readers.epub import read_epub
from core.corpus.readers.html import read_html
from core.corpus.readers.json_file import read_json
from core.corpus.readers.markdown import read_markdown
from core.corpus.readers.parquet_table import read_parquet
from core.corpus.readers.pdf import read_pdf
from core.corpus.readers.plain_text import read_text
from core.corpus.readers.pptx import read_pptx
from core.corpus.readers.spreadsheet import read_spreadsheet
from core.corpus.readers.tables import read_csv, read_jsonl, read_tsv
from core.messages import message


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        endings: Of its names, in small letters.
        read: Its reader. Libraries are imported when it is called.
        has_columns: Whether it is also given the columns of the text, the title and the id.
    """

    label: str
    endings: tuple[str, ...]
    read: Reader
    has_columns: bool = False


FORMATS = (
    Format("PDF", (".pdf",), read_pdf),
    Format("DOCX", (".docx",), read_docx),
    Format("PPTX", (".pptx",), read_pptx),
    Format("XLSX", (".xlsx", ".xls", ".ods"), read_spreadsheet),
    Format("HTML", (".html", ".htm", ".xhtml"), read_html),
    Format("EPUB", (".epub",), read_epub),
    Format("Markdown", (".md", ".markdown"), read_markdown),
    Format("TXT", (".txt",), read_text),
    Format("CSV", (".csv",), read_csv, has_columns=True),
    Format("TSV", (".tsv", ".tab"), read_tsv, has_columns=True),
    Format("JSON", (".json",), read_json, has_columns=True),
    Format("JSONL", (".jsonl", ".ndjson", ".jsonl.gz"), read_jsonl, has_columns=True),
    Format("Parquet", (".parquet",), read_parquet, has_columns=True),
)
READERS = {ending: form for form in FORMATS for ending in form.endings}


def format_of(name: str) -> Format | None:
    """The format of a file, by the end of its name; None where no reader knows it."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    return READERS.get("".join(suffixes[-2:])) or READERS.get(suffixes[-1] if suffixes else "")


def read_document(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads a file by the end of its name.

    Raises:
        CorpusError: There is no reader for it, or it cannot be read.
    """
    form = format_of(name)
    if form is None:
        suffix = PurePosixPath(name).suffix.lower()
        why = message("cannot be read: Tessera does not know files without an ending")
        if suffix:
            why = message("cannot be read: Tessera does not know {ending} files", ending=suffix)
        raise refused(name, why, message("It reads {endings}.", endings=", ".join(READERS)))
    return form.read(name, content, columns) if form.has_columns else form.read(name, content)
