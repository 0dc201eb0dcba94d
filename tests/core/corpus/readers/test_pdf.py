import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from core.corpus.readers.pdf import read_pdf
from core.errors import CorpusError


def writer(*pages):
    """A PDF with the given lines of text on each page."""
    pdf = PdfWriter()
    font = DictionaryObject(
        {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1")}
        | {NameObject("/BaseFont"): NameObject("/Helvetica")}
    )
    for lines in pages:
        page = pdf.add_blank_page(width=400, height=400)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        drawn = "".join(f"1 0 0 1 20 {380 - 20 * row} Tm ({line}) Tj\n" for row, line in enumerate(lines))
        stream.set_data(f"BT /F1 12 Tf\n{drawn}ET".encode())
        page[NameObject("/Contents")] = pdf._add_object(stream)
    return pdf


def content(pdf):
    file = io.BytesIO()
    pdf.write(file)
    return file.getvalue()


def test_pages_become_sections_with_their_numbers():
    pdf = writer(["The lamp of Tessel Point is a light-", "house lamp. Its lens", "turns."], ["Second page."])
    document = read_pdf("report.pdf", content(pdf))
    assert [(section.title, section.text) for section in document.sections] == [
        ("report, p. 1", "The lamp of Tessel Point is a lighthouse lamp. Its lens turns."),
        ("report, p. 2", "Second page."),
    ]
    assert document.note == ""


def test_the_title_of_the_document_wins_over_the_file_name():
    pdf = writer(["Text."])
    pdf.add_metadata({"/Title": "등대 이야기"})
    assert read_pdf("x.pdf", content(pdf)).sections[0].title == "등대 이야기, p. 1"


def test_pages_without_text_are_told():
    document = read_pdf("x.pdf", content(writer(["One."], [], ["Three."])))
    assert [section.title for section in document.sections] == ["x, p. 1", "x, p. 3"]
    assert document.note == "1 of 3 pages hold no text"


def test_a_scan_is_refused_with_the_way_out():
    with pytest.raises(CorpusError, match=r"x\.pdf holds no text on its 2 pages: it seems to be scanned.*OCR"):
        read_pdf("x.pdf", content(writer([], [])))


def test_a_password_is_refused_and_an_empty_one_is_not():
    locked = writer(["Secret."])
    locked.encrypt("password", algorithm="RC4-128")
    with pytest.raises(CorpusError, match=r"x\.pdf is protected with a password"):
        read_pdf("x.pdf", content(locked))
    open_to_all = writer(["Open."])
    open_to_all.encrypt("", owner_password="owner", algorithm="RC4-128")
    assert read_pdf("x.pdf", content(open_to_all)).sections[0].text == "Open."


@pytest.mark.parametrize("cut", [lambda data: data[:60], lambda data: b"%PDF-1.7\n", lambda data: b"just text"])
def test_a_damaged_file_is_refused(cut):
    with pytest.raises(CorpusError, match=r"x\.pdf (is no readable PDF|holds no text)"):
        read_pdf("x.pdf", cut(content(writer(["Text."]))))


def test_a_loop_in_the_page_tree_is_refused_or_read_but_never_hangs():
    pdf = content(writer(["Text."]))
    pages = PdfReader(io.BytesIO(pdf)).trailer["/Root"].raw_get("/Pages").idnum
    looped = pdf.replace(b"/Kids [ ", f"/Kids [ {pages} 0 R ".encode())
    assert looped != pdf
    with pytest.raises(CorpusError, match=r"x\.pdf"):
        read_pdf("x.pdf", looped)


def test_too_many_pages_are_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_PAGES", 1)
    with pytest.raises(CorpusError, match="has 2 pages"):
        read_pdf("x.pdf", content(writer(["One."], ["Two."])))


def test_a_page_that_draws_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_STEPS", 40)
    assert read_pdf("x.pdf", content(writer(["Few steps."]))).sections[0].text == "Few steps."
    with pytest.raises(CorpusError, match=r"x\.pdf takes more than 40 drawing steps.* Split it"):
        read_pdf("x.pdf", content(writer(*[["One."]] * 20)))


def test_forms_within_forms_are_counted(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_STEPS", 1_000)
    pdf = writer(["Text."])
    page, inner = pdf.pages[0], None
    fonts = page["/Resources"]["/Font"]
    for _ in range(5):  # each draws the one before ten times: a hundred thousand texts in a kilobyte
        form = DecodedStreamObject()
        form.set_data(b"/F Do\n" * 10 if inner else b"BT /F1 12 Tf 1 0 0 1 20 20 Tm (again) Tj ET\n" * 10)
        resources = DictionaryObject({NameObject("/Font"): fonts})
        if inner:
            resources[NameObject("/XObject")] = DictionaryObject({NameObject("/F"): inner})
        form[NameObject("/Type")], form[NameObject("/Subtype")] = NameObject("/XObject"), NameObject("/Form")
        form[NameObject("/Resources")] = resources
        inner = pdf._add_object(form)
    page["/Resources"][NameObject("/XObject")] = DictionaryObject({NameObject("/F"): inner})
    drawn = DecodedStreamObject()
    drawn.set_data(b"/F Do")
    page[NameObject("/Contents")] = pdf._add_object(drawn)
    with pytest.raises(CorpusError, match="drawing steps"):
        read_pdf("x.pdf", content(pdf))


def test_too_much_text_is_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_CHARACTERS", 20)
    with pytest.raises(CorpusError, match=r"x\.pdf holds more than 20 characters"):
        read_pdf("x.pdf", content(writer(["Twelve chars"], ["Twelve chars"])))
