"""Small files of every format, made here: the same invented facts with two headings, a list and a table."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

FACT = "The well of Brae is 9 metres deep."
HEADER = ("Well", "Depth (m)", "Dug")
ROWS = (("Brae", "9", "1604"), ("Ulm End", "31", "1777"), ("Carrow", "12", "1690"))
RECORDS = [f"Well: {name}; Depth (m): {depth}; Dug: {year}." for name, depth, year in ROWS]
STEPS = ("1. Lower the bucket.", "2. Wait for the splash.", "3. Pull.")
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def zipped(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def page(extra: str = "", head: str = "") -> str:
    cells = "".join(f"<th>{name}</th>" for name in HEADER)
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    steps = "".join(f"<li>{step[3:]}</li>" for step in STEPS)
    return (
        f"<html><head><title>Wells</title>{head}</head><body><nav>Home | About</nav><h1>Wells</h1><p>{FACT}</p>{extra}"
        f"<p>To draw water:</p><ol>{steps}</ol><h2>All of them</h2><table><tr>{cells}</tr>{rows}</table>"
        "<footer>Cookies</footer></body></html>"
    )


def markdown() -> str:
    lines = [f"| {' | '.join(row)} |" for row in (HEADER, ("---",) * 3, *ROWS)]
    return "\n".join(["# Wells", "", FACT, "", "To draw water:", "", *STEPS, "", "## All of them", "", *lines])


def docx(document_xml: str = "", **parts: str) -> bytes:
    def paragraph(text: str, style: str = "", number: str = "") -> str:
        kept = f'<w:pStyle w:val="{style}"/>' if style else ""
        numbered = f'<w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>' if number else ""
        return f"<w:p><w:pPr>{kept}{numbered}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    table = "".join(
        "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in (HEADER, *ROWS)
    )
    body = (
        paragraph("Wells", "Heading1")
        + paragraph(FACT)
        + paragraph("To draw water:")
        + "".join(paragraph(step[3:], number="1") for step in STEPS)
        + paragraph("All of them", "Heading2")
        + f"<w:tbl>{table}</w:tbl>"
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/></w:style>' for n in (1, 2)
    )
    numbering = (
        '<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{kind}.document.main+xml"/>'
            f'<Override PartName="/word/styles.xml" ContentType="{kind}.styles+xml"/>'
            f'<Override PartName="/word/numbering.xml" ContentType="{kind}.numbering+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{relation}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{relation}/styles" Target="styles.xml"/>'
            f'<Relationship Id="r2" Type="{relation}/numbering" Target="numbering.xml"/></Relationships>',
            "word/document.xml": document_xml or f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {WORD}>{styles}</w:styles>",
            "word/numbering.xml": f"<w:numbering {WORD}>{numbering}</w:numbering>",
            **parts,
        }
    )


def pptx() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    slides = Presentation()
    first = slides.slides.add_slide(slides.slide_layouts[1])
    first.shapes.title.text = "Wells"
    first.placeholders[1].text = FACT
    second = slides.slides.add_slide(slides.slide_layouts[5])
    second.shapes.title.text = "All of them"
    table = second.shapes.add_table(len(ROWS) + 1, 3, Inches(1), Inches(2), Inches(6), Inches(2)).table
    for i, row in enumerate((HEADER, *ROWS)):
        for j, cell in enumerate(row):
            table.cell(i, j).text = cell
    second.notes_slide.notes_text_frame.text = "Say that Ulm End is closed."
    file = io.BytesIO()
    slides.save(file)
    return file.getvalue()


def xlsx(rows: Sequence[Sequence[object]] = (), sheet: str = "All of them") -> bytes:
    from xlsxwriter import Workbook

    file = io.BytesIO()
    book = Workbook(file)
    written = book.add_worksheet(sheet)
    for i, row in enumerate(rows or [(FACT,), (), HEADER, *([name, int(a), int(b)] for name, a, b in ROWS)]):
        for j, cell in enumerate(row):
            written.write(i, j, cell)
    book.close()
    return file.getvalue()


def epub(chapter: str = "", **parts: str) -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>Wells</dc:title></metadata><manifest>"
        '<item id="c1" href="text/one%20.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
        '<spine><itemref idref="nav"/><itemref idref="c1"/></spine></package>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": package,
            "OEBPS/nav.xhtml": "<html><body><ol><li>Contents</li></ol></body></html>",
            "OEBPS/text/one .xhtml": chapter or page(),
            **parts,
        }
    )


Drawn = tuple[float, float, float, str] | tuple[float, float, float, str, bool]
"""x, y, size, text and whether it is bold."""


def pdf(
    pages: Sequence[Sequence[Drawn]], title: str = "", rules: Sequence[tuple[float, float, float, float]] = ()
) -> bytes:
    """A PDF with texts where they are wanted, and ruled lines (x0, y0, x1, y1) on its pages."""
    writer = PdfWriter()
    if title:
        writer.add_metadata({"/Title": title})
    fonts = DictionaryObject(
        {NameObject(f"/F{n}"): _font(name) for n, name in ((1, "Helvetica"), (2, "Helvetica-Bold"))}
    )
    for drawn in pages:
        blank = writer.add_blank_page(width=600, height=800)
        blank[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        texts = "".join(
            f"/F{2 if bold else 1} {size} Tf 1 0 0 1 {x} {y} Tm ({_escaped(text)}) Tj\n"
            for x, y, size, text, bold in ((*piece, False)[:5] for piece in drawn)
        )
        lines = "".join(f"{x0} {y0} m {x1} {y1} l S\n" for x0, y0, x1, y1 in rules)
        stream = DecodedStreamObject()
        stream.set_data(f"{lines}BT\n{texts}ET".encode("latin-1"))
        blank[NameObject("/Contents")] = writer._add_object(stream)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _font(name: str) -> DictionaryObject:
    entries = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": f"/{name}", "/Encoding": "/WinAnsiEncoding"}
    return DictionaryObject({NameObject(key): NameObject(value) for key, value in entries.items()})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def table_pdf() -> bytes:
    drawn: list[Drawn] = [(60, 740, 18, "Wells", True), (60, 715, 10, FACT), (60, 690, 10, "To draw water:")]
    drawn += [(60, 676 - 14 * i, 10, step) for i, step in enumerate(STEPS)]
    drawn.append((60, 610, 14, "All of them", True))
    for i, row in enumerate((HEADER, *ROWS)):
        drawn += [(60 + 140 * j, 580 - 18 * i, 10, cell, not i) for j, cell in enumerate(row)]
    return pdf([drawn])


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"], "title": ["Wells"], "text": [FACT]}), file)
    return file.getvalue()


_ROW = {"id": "a", "title": "Wells", "text": FACT}
FILES = {
    "PDF": table_pdf(),
    "DOCX": docx(),
    "PPTX": pptx(),
    "XLSX": xlsx(),
    "HTML": page().encode(),
    "EPUB": epub(),
    "Markdown": markdown().encode(),
    "TXT": FACT.encode(),
    "CSV": f"id,title,text\na,Wells,{FACT}\n".encode(),
    "TSV": f"id\ttitle\ttext\na\tWells\t{FACT}\n".encode(),
    "JSON": json.dumps([_ROW]).encode(),
    "JSONL": json.dumps(_ROW).encode(),
    "Parquet": parquet(),
}
"""A good file of each format of the registry, by its label."""
STRUCTURED = ("PDF", "DOCX", "HTML", "EPUB", "Markdown")
"""Those with headings, a numbered list and a table."""
