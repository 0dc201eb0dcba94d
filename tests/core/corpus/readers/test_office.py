"""DOCX, PPTX, XLSX and EPUB: what is particular to each."""

import pytest

from core.corpus.readers.docx import read_docx
from core.corpus.readers.epub import read_epub
from core.corpus.readers.pptx import read_pptx
from core.corpus.readers.spreadsheet import read_spreadsheet
from core.errors import CorpusError
from tests.core.corpus.readers import made

_ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol" * 10}">' for n in range(9))


def test_entities_of_a_docx_are_not_expanded():
    body = "<w:body><w:p><w:r><w:t>&e8;</w:t></w:r></w:p></w:body>"
    bomb = f"<!DOCTYPE w [{_ENTITIES}]><w:document {made.WORD}>{body}</w:document>"
    with pytest.raises(CorpusError, match=r"a\.docx is no readable DOCX"):
        read_docx("a.docx", made.docx(bomb))


def test_a_list_of_a_docx_goes_on_counting_behind_a_paragraph_and_starts_anew_where_it_is_told():
    def item(text, number):
        properties = (
            f'<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr></w:pPr>' if number else ""
        )
        return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"

    items = [("Lower it.", 1), ("Wait.", 1), ("A remark.", 0), ("Pull.", 1), ("Another well.", 0), ("Look.", 2)]
    body = "".join(item(*each) for each in items)
    numbering = (
        f'<w:numbering {made.WORD}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        '<w:numFmt w:val="decimal"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/>'
        "</w:lvlOverride></w:num></w:numbering>"
    )
    content = made.docx(
        f"<w:document {made.WORD}><w:body>{body}</w:body></w:document>", **{"word/numbering.xml": numbering}
    )
    (section,) = read_docx("x.docx", content).sections
    assert section.text == ("1. Lower it.\n2. Wait.\n\nA remark.\n\n3. Pull.\n\nAnother well.\n\n1. Look.")


def test_a_file_of_the_machine_is_not_read_into_a_book(tmp_path):
    (tmp_path / "secret.txt").write_text("secret words")
    package = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret.txt">]>' + (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<dc:title>&e;</dc:title></metadata><manifest><item id="c" href="text/one%20.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c"/></spine></package>'
    )
    document = read_epub("a.epub", made.epub(**{"OEBPS/book.opf": package}))
    assert "secret" not in document.title and made.FACT in document.sections[0].text


def test_a_book_reads_its_chapters_and_not_its_contents():
    document = read_epub("a.epub", made.epub())
    assert document.title == "Wells"
    assert "Contents" not in "".join(section.text for section in document.sections)


def test_a_book_without_its_parts_or_under_protection_is_refused():
    with pytest.raises(CorpusError, match="is no readable EPUB"):
        read_epub("a.epub", made.zipped({"mimetype": "application/epub+zip"}))
    with pytest.raises(CorpusError, match="protected against copying"):
        read_epub("a.epub", made.epub(**{"META-INF/rights.xml": "<x/>"}))


def test_slides_have_their_number_and_their_notes():
    first, second = read_pptx("a.pptx", made.pptx()).sections
    assert (first.title, first.page(0), second.title, second.page(0)) == ("Wells", 1, "All of them", 2)
    assert second.text == "\n".join(made.RECORDS) + "\n\nSay that Ulm End is closed."


def test_a_sheet_keeps_its_name_title_and_numbers():
    rows = [["Fleet of Brae, 2024"], ["Boat", "Length (m)", "Built"], ["Ada", 14.5, 1999], ["Bo", 9, None]]
    (section,) = read_spreadsheet("a.xlsx", made.xlsx(rows, "Boats")).sections
    assert section.title == "Boats"
    assert section.text == (
        "Fleet of Brae, 2024\n\nBoat: Ada; Length (m): 14.5; Built: 1999.\nBoat: Bo; Length (m): 9."
    )


def test_headers_that_an_empty_row_parts_from_their_figures_name_them():
    rows = [["EUR", "", "March"], ["", "Sales", "Profit"], [], ["North", 5, 1], ["South", 7, 2]]
    (section,) = read_spreadsheet("a.xlsx", made.xlsx(rows)).sections
    assert section.text == (
        "EUR: North; March, Sales: 5; March, Profit: 1.\nEUR: South; March, Sales: 7; March, Profit: 2."
    )


def test_two_tables_of_a_sheet_are_two():
    rows = [["Boat", "Crew"], ["Ada", 3], ["Bo", 2], [], ["Name", "Age"], ["Ida", 40], ["Ole", 50]]
    (section,) = read_spreadsheet("a.xlsx", made.xlsx(rows)).sections
    assert section.text.split("\n") == [
        "Boat: Ada; Crew: 3.",
        "Boat: Bo; Crew: 2.",
        "",
        "Name: Ida; Age: 40.",
        "Name: Ole; Age: 50.",
    ]


def test_few_cells_over_a_row_of_years_are_the_title_of_a_sheets_table():
    rows = [
        ("Full rate", "", "Single"),
        ("Earnings", 2020, 2021, 2022),
        (15000, 0.23, 0.21, 0.18),
        (20000, 0.3, 0.2, 0.1),
    ]
    (section,) = read_spreadsheet("tax.xlsx", made.xlsx(rows, "Tax")).sections
    assert section.text.split("\n") == [
        "Full rate; Single",
        "",
        "Earnings: 15000; 2020: 0.23; 2021: 0.21; 2022: 0.18.",
        "Earnings: 20000; 2020: 0.3; 2021: 0.2; 2022: 0.1.",
    ]
