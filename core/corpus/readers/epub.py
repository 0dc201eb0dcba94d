"""EPUB: the chapters in reading order, each read as HTML. EbookLib is not used because of its licence (AGPL)."""

from __future__ import annotations

import posixpath
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import unquote

from core.corpus.limits import clean_title, refused
from core.corpus.readers.archive import opened, unreadable
from core.corpus.readers.base import Document
from core.corpus.readers.encodings import decode
from core.corpus.readers.html import add_html
from core.corpus.readers.outline import Outline

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER = "META-INF/container.xml"
_PAGES = {"application/xhtml+xml", "text/html"}


def read_epub(name: str, content: bytes) -> Document:
    """Reads the text of a book.

    Raises:
        CorpusError: It is damaged, protected, or unpacks to too much.
    """
    from lxml.etree import LxmlError

    with opened(name, content, "EPUB") as archive:
        if "META-INF/rights.xml" in archive.namelist():
            raise refused(name, "is protected against copying", "Choose a file without protection.")
        try:
            return _read(name, archive)
        except (LxmlError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise unreadable(name, "EPUB", error) from error


def _read(name: str, archive: zipfile.ZipFile) -> Document:
    container = _xml(archive, _CONTAINER)
    package = str(next(container.iter("{*}rootfile")).get("full-path"))
    root = _xml(archive, package)
    parts = {item.get("id"): item for item in root.iter("{*}item")}
    outline = Outline(name)
    for reference in root.iter("{*}itemref"):
        item = parts.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(item.get("href") or "")))
        text, _ = decode(name, archive.read(path), longest_line=archive.getinfo(path).file_size)
        if text.strip():
            add_html(outline, text, name)
    title = next((element.text or "" for element in root.iter("{http://purl.org/dc/elements/1.1/}title")), "")
    return Document(outline.sections(), title=clean_title(title, name))


def _xml(archive: zipfile.ZipFile, path: str) -> _Element:
    """A part of the archive; its entities stay as they are, and nothing outside it is looked up."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(archive.read(path), parser=parser)
