"""Small real PDFs, in any script: text as word processors write it, with a table from glyphs to characters."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject, TextStringObject

_LINE = 60
_TO_UNICODE = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Adobe-Identity-UCS def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
1 beginbfrange <0000> <FFFF> <0000> endbfrange
endcmap CMapName currentdict /CMap defineresource pop end end"""


def pdf(title: str, pages: Sequence[str]) -> bytes:
    """A PDF with one text on each page; its glyph numbers are the characters' own code points."""
    writer = PdfWriter()
    writer.add_metadata({"/Title": title})
    font = _font(writer)
    for text in pages:
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        page[NameObject("/Contents")] = writer._add_object(_stream(_shown(text)))
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _font(writer: PdfWriter) -> object:
    system = {"/Registry": TextStringObject("Adobe"), "/Ordering": TextStringObject("Identity")}
    descendant = {
        "/Type": NameObject("/Font"),
        "/Subtype": NameObject("/CIDFontType2"),
        "/BaseFont": NameObject("/Tessera"),
        "/CIDSystemInfo": _dictionary({**system, "/Supplement": NumberObject(0)}),
        "/DW": NumberObject(600),
    }
    font = {
        "/Type": NameObject("/Font"),
        "/Subtype": NameObject("/Type0"),
        "/BaseFont": NameObject("/Tessera"),
        "/Encoding": NameObject("/Identity-H"),
        "/DescendantFonts": ArrayObject([writer._add_object(_dictionary(descendant))]),
        "/ToUnicode": writer._add_object(_stream(_TO_UNICODE)),
    }
    return writer._add_object(_dictionary(font))


def _shown(text: str) -> bytes:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    drawn = [f"<{line.encode('utf-16-be').hex()}> Tj 0 -18 Td" for line in lines]
    return "\n".join(["BT /F1 12 Tf 60 780 Td", *drawn, "ET"]).encode()


def _stream(content: bytes) -> DecodedStreamObject:
    stream = DecodedStreamObject()
    stream.set_data(content)
    return stream


def _dictionary(entries: dict[str, object]) -> DictionaryObject:
    return DictionaryObject({NameObject(name): value for name, value in entries.items()})
