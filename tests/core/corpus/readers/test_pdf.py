import io
import shutil
import subprocess
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from core.corpus.readers.pdf import read_pdf
from core.corpus.readers.worker import ReaderProcess
from core.errors import CorpusError
from tests.core.corpus.readers import made
from tests.generators import result_of


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


def test_text_knows_on_which_page_it_stands():
    pdf = writer(["The lamp of Tessel Point is a light-", "house lamp. Its lens", "turns."], ["Second page."])
    document = read_pdf("report.pdf", content(pdf))
    (section,) = document.sections
    assert section.text == "The lamp of Tessel Point is a lighthouse lamp. Its lens turns.\n\nSecond page."
    assert (section.page(0), section.page(len(section.text) - 1)) == (1, 2)
    assert (section.title, document.title, document.note) == ("", "", "")


def test_a_name_keeps_its_hyphen_over_the_end_of_a_line_and_ornaments_are_left_out():
    pdf = writer(["It left Soekarno-", "Hatta at noon.", "", "", "* * *", "", "", "It came back."])
    (section,) = read_pdf("x.pdf", content(pdf)).sections
    assert section.text == "It left Soekarno-Hatta at noon.\n\nIt came back."


def test_a_narrow_space_parts_words_where_the_file_writes_one():
    pdf = writer(["The bell of Port Amrel weighs forty kilograms."])
    drawn = pdf.pages[0]["/Contents"].get_object()
    drawn.set_data(b"-2.4 Tw " + drawn.get_data())  # which leaves .9 of 3.3 points
    (section,) = read_pdf("x.pdf", content(pdf)).sections
    assert section.text == "The bell of Port Amrel weighs forty kilograms."


def test_a_text_that_is_drawn_twice_to_look_bold_is_read_once():
    line = "Certificate of the well of Brae"
    (section,) = read_pdf("x.pdf", made.pdf([[(60, 700, 10, "Certificate"), (60.4, 700, 10, line)]])).sections
    assert section.text == line


@pytest.mark.parametrize(("given", "taken"), [("등대 이야기", "등대 이야기"), ("untitled", "")])
def test_the_title_of_the_document_is_taken_where_it_is_one(given, taken):
    pdf = writer(["Text."])
    pdf.add_metadata({"/Title": given})
    assert read_pdf("x.pdf", content(pdf)).title == taken


@pytest.mark.skipif(bool(shutil.which("tesseract")), reason="Tesseract looks at empty pages")
def test_pages_without_text_are_told():
    document = read_pdf("x.pdf", content(writer(["One."], [], ["Three."])))
    (section,) = document.sections
    assert (section.page(0), section.page(len(section.text) - 1)) == (1, 3)
    assert document.note == "1 of 3 pages hold no text"


def test_tables_are_rows_with_their_headers_whether_ruled_or_not():
    rows = [("Acid", "Glove", "Store"), ("Nitric", "butyl", "A1"), ("Formic", "nitrile, double", "B4")]
    drawn = [(60 + 150 * j, 700 - 20 * i, 10, cell) for i, row in enumerate(rows) for j, cell in enumerate(row)]
    lines = [(55, y, 505, y) for y in (712, 692, 672, 652)] + [(x, 652, x, 712) for x in (55, 205, 355, 505)]
    text = "Acid: Nitric; Glove: butyl; Store: A1.\nAcid: Formic; Glove: nitrile, double; Store: B4."
    for rules in ((), lines, lines[:4]):
        (section,) = read_pdf("x.pdf", made.pdf([drawn], rules=rules)).sections
        assert section.text == text


def test_rows_that_lack_their_last_cells_do_not_undo_the_columns():
    rows = [("Code", "Place", "Wanted", "There"), ("K-88", "A-12", "450"), ("", "B-07", "", "289"), ("K-92", "", "780")]
    drawn = [(60 + 110 * j, 700 - 20 * i, 10, cell) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell]
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert section.text == ("Code: K-88; Place: A-12; Wanted: 450.\nPlace: B-07; There: 289.\nCode: K-92; Wanted: 780.")


def test_a_row_without_lines_between_its_cells_keeps_them_apart():
    rows = [("Acid", "Limit", "Store"), ("Nitric", "2", "A1"), ("Formic", "5", "B4"), ("Acetic", "9", "B5")]
    drawn = [(60 + 150 * j, 700 - 20 * i, 10, cell) for i, row in enumerate(rows) for j, cell in enumerate(row)]
    drawn.append((60, 620, 10, "Limits in parts per million, as measured in the year of the great flood"))
    lines = [(55, y, 505, y) for y in (712, 692, 672, 652, 632, 612)] + [(x, 612, x, 712) for x in (55, 505)]
    lines += [(x, y, x, y + 20) for x in (205, 355) for y in (692, 672, 632)]  # the third row is shaded, not ruled
    (section,) = read_pdf("x.pdf", made.pdf([drawn], rules=lines)).sections
    assert section.text == (
        "Acid: Nitric; Limit: 2; Store: A1.\nAcid: Formic; Limit: 5; Store: B4.\nAcid: Acetic; Limit: 9; Store: B5.\n"
        "Limits in parts per million, as measured in the year of the great flood."
    )


def test_a_cell_may_have_two_lines_between_ruled_ones():
    rows = [[("Acid", 700)], [("Glove", 700)], [("Nitric", 675)], [("butyl, but not", 680), ("in summer", 668)]]
    drawn = [(60 + 150 * (i % 2), y, 10, text) for i, cell in enumerate(rows) for text, y in cell]
    lines = [(55, y, 355, y) for y in (712, 692, 662)] + [(x, 662, x, 712) for x in (55, 205, 355)]
    (section,) = read_pdf("x.pdf", made.pdf([drawn], rules=lines)).sections
    assert "butyl, but not in summer" in section.text


LEFT = [
    "The mill of Brae stands on the left bank",
    "of the river, and it has turned since the",
    "spring of 1604 without a pause at all.",
]
RIGHT = [
    "The well is on the other side. Nobody has",
    "drunk from it since the great flood, when",
    "the water turned to salt for good and all.",
]


def test_two_columns_are_read_one_after_the_other_under_a_title_across_both():
    drawn = [(60, 760, 16, "A report on the mill and the well of the town of Brae in the year 1850", True)]
    drawn += [(60, 700 - 14 * i, 10, line) for i, line in enumerate(LEFT)]
    drawn += [(320, 700 - 14 * i, 10, line) for i, line in enumerate(RIGHT)]
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert section.text == f"{' '.join(LEFT)}\n\n{' '.join(RIGHT)}"


def test_what_a_figure_says_beside_a_column_of_text_is_no_cell_of_it():
    lines = [*LEFT, *RIGHT, *LEFT]
    figure = [("headed", "was hit"), ("threatened", "was left"), ("flooded", "was pounded"), ("rained", "was lost")]
    drawn = [(60, 700 - 14 * i, 10, line) for i, line in enumerate(lines)]
    drawn += [(320 + 100 * j, 700 - 14 * i, 8, word) for i, pair in enumerate(figure) for j, word in enumerate(pair)]
    drawn += [(320, 620 - 14 * i, 10, line) for i, line in enumerate([*LEFT, *RIGHT])]
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert " ".join([*LEFT, *RIGHT]) in section.text.replace("\n\n", " ")
    assert "headed: was hit." in section.text


def test_lines_of_a_form_stand_where_the_page_puts_it():
    rows = [[("Acid", 700)], [("Glove", 700)], [("Nitric", 675)], [("butyl, but not", 680), ("in summer", 668)]]
    drawn = [(60 + 150 * (i % 2), y, 10, text) for i, cell in enumerate(rows) for text, y in cell]
    pdf = PdfWriter(io.BytesIO(made.pdf([drawn])))
    form = DecodedStreamObject()
    lines = [(0, y, 300, y) for y in (0, 30, 50)] + [(x, 0, x, 50) for x in (0, 150, 300)]
    form.set_data("".join(f"{x0} {y0} m {x1} {y1} l S\n" for x0, y0, x1, y1 in lines).encode())
    form.update({NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form")})
    form[NameObject("/BBox")] = ArrayObject(map(NumberObject, (-5, -5, 305, 55)))
    page = pdf.pages[0]
    page["/Resources"][NameObject("/XObject")] = DictionaryObject({NameObject("/Lines"): pdf._add_object(form)})
    shown = page["/Contents"].get_object()
    shown.set_data(b"q 1 0 0 1 55 662 cm /Lines Do Q\n" + shown.get_data())
    page[NameObject("/Contents")] = pdf._add_object(shown)
    assert "butyl, but not in summer" in read_pdf("x.pdf", content(pdf)).sections[0].text


def test_lines_that_end_early_on_purpose_stay_lines_and_filled_ones_do_not():
    code = ["def ring(bell):", "strokes = bell.weight // 40", "return strokes", "print(ring(amrel))"]
    drawn = [(60, 700 - 12 * i, 10, line) for i, line in enumerate(code)]
    drawn += [(60, 620 - 12 * i, 10, line) for i, line in enumerate(LEFT)]
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert section.text == "\n".join(code) + "\n\n" + " ".join(LEFT)


def test_a_word_broken_at_the_end_of_a_column_is_mended():
    drawn = [
        (60, 700 - 14 * i, 10, line) for i, line in enumerate([*LEFT[:2], "spring of 1604 without a pause or a stand-"])
    ]
    drawn += [
        (320, 700 - 14 * i, 10, line) for i, line in enumerate(["still of any kind. " + RIGHT[0][:20], *RIGHT[1:]])
    ]
    assert "or a standstill of any kind." in read_pdf("x.pdf", made.pdf([drawn])).sections[0].text


def test_running_heads_and_feet_are_dropped_and_sentences_go_on_over_the_page():
    pages = [
        [(60, 780, 8, f"Rules of the harbour of Brae - {n}"), (60, 700, 10, f"Rule {n} holds for boats of class {n}."),
         (60, 680, 10, "The fee for a berth at night is"), (60, 20, 8, f"Page {n} of 3")]
        for n in (1, 2, 3)
    ]  # fmt: skip
    pages[2][2] = (60, 680, 10, "This is the end.")
    pages[1].insert(1, (60, 740, 10, "forty crowns."))
    pages[2].insert(1, (60, 740, 10, "fifty crowns."))
    (section,) = read_pdf("x.pdf", made.pdf(pages)).sections
    assert "The fee for a berth at night is forty crowns." in section.text
    assert "The fee for a berth at night is fifty crowns." in section.text
    assert "Rules of" not in section.text and "Page" not in section.text


def test_a_raised_number_is_a_mark_and_its_note_stands_behind_the_paragraph():
    drawn = [
        (60, 700, 10, "Every near miss"), (134, 704, 6, "1"), (142, 700, 10, "is reported at once."),
        (60, 660, 10, "Another paragraph stands here, some way beneath the first."),
        (60, 60, 7, "1"), (66, 57, 7, "What could have hurt."),
    ]  # fmt: skip
    drawn[4] = (60, 60, 5, "1")
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert "near miss¹ is reported" in section.text


def test_the_level_of_a_heading_comes_from_its_number_or_its_size():
    drawn = [(60, 760, 20, "Handbook", True), (60, 730, 13, "1 Waste", True), (60, 710, 10, "Blue bins, please."),
             (60, 690, 13, "1.1 Glass", True), (60, 670, 10, "Green bins, please."),
             (60, 650, 13, "2 Fire", True), (60, 630, 10, "Leave the house."),
             (60, 616, 10, "Do not come back.")]  # fmt: skip
    document = read_pdf("x.pdf", made.pdf([drawn], title="Handbook"))
    assert [section.title for section in document.sections] == ["1 Waste", "1 Waste / 1.1 Glass", "2 Fire"]


def test_a_numbered_heading_in_a_font_of_smaller_boxes_is_one():
    drawn = [(60, 730, 9, "1 Waste", True), (60, 710, 10, "Blue bins, please, and no glass in them at all.")]
    (section,) = read_pdf("x.pdf", made.pdf([drawn])).sections
    assert (section.title, section.text) == ("1 Waste", drawn[1][3])


def test_fonts_that_do_not_say_their_letters_are_refused():
    pdf = writer(["Plain text here."])
    font = pdf.pages[0]["/Resources"]["/Font"]["/F1"]
    to_unicode = DecodedStreamObject()
    to_unicode.set_data(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n1 beginbfrange <20> <7E> <E020> endbfrange\n"
        b"endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    font[NameObject("/ToUnicode")] = pdf._add_object(to_unicode)
    with pytest.raises(CorpusError, match="does not say which letters its fonts draw"):
        read_pdf("x.pdf", content(pdf))


def test_letters_are_those_that_a_font_of_symbols_draws():
    pdf = writer(["\\042x \\316 A"])
    pdf.pages[0]["/Resources"]["/Font"]["/F1"][NameObject("/BaseFont")] = NameObject("/Symbol")
    assert read_pdf("x.pdf", content(pdf)).sections[0].text == "∀ξ ∈ Α"


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
    with pytest.raises(CorpusError, match=r"x\.pdf is no readable PDF"):
        read_pdf("x.pdf", cut(content(writer(["Text."]))))


def test_a_loop_in_the_page_tree_never_hangs():
    pdf = content(writer(["Text."]))
    pages = PdfReader(io.BytesIO(pdf)).trailer["/Root"].raw_get("/Pages").idnum
    looped = pdf.replace(b"/Kids [ ", f"/Kids [ {pages} 0 R ".encode())
    assert looped != pdf
    with ReaderProcess(seconds=5) as process:
        try:
            document = result_of(process.read("x.pdf", looped))
        except CorpusError as refusal:
            assert str(refusal).startswith("x.pdf")
        else:
            assert "Text." in document.sections[0].text


def test_too_many_pages_are_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_PAGES", 1)
    with pytest.raises(CorpusError, match="has 2 pages"):
        read_pdf("x.pdf", content(writer(["One."], ["Two."])))


def test_forms_within_forms_end_with_the_time_of_a_file():
    pdf = writer(["Text."])
    page, inner = pdf.pages[0], None
    fonts = page["/Resources"]["/Font"]
    for _ in range(9):  # each draws the one before ten times: a thousand million texts in a kilobyte
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
    with ReaderProcess(seconds=3) as process, pytest.raises(CorpusError, match=r"x\.pdf takes more than"):
        result_of(process.read("x.pdf", content(pdf)))


def test_too_much_text_is_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.pdf.MAX_CHARACTERS", 20)
    with pytest.raises(CorpusError, match=r"x\.pdf holds more than 20 characters"):
        read_pdf("x.pdf", content(writer(["Twelve chars"], ["Twelve chars"])))


@pytest.mark.skipif(not shutil.which("tesseract"), reason="needs Tesseract")
def test_a_scan_is_read_where_tesseract_is_installed():
    import pypdfium2

    printed = pypdfium2.PdfDocument(made.pdf([[(60, 700, 24, "The bell of Brae weighs 940 kilograms.")]]))
    picture = printed[0].render(scale=2).to_pil().convert("RGB")
    scan = io.BytesIO()
    picture.save(scan, "PDF")
    document = read_pdf("x.pdf", scan.getvalue())
    assert "940 kilograms" in document.sections[0].text
    assert document.note == "1 of 1 pages read by text recognition"


def korean_font():
    """A font with Hangul, or None."""
    found = subprocess.run(
        ["fc-match", "-f", "%{file}", ":lang=ko"], capture_output=True, text=True, check=False
    ).stdout
    return found if shutil.which("fc-match") and Path(found).suffix in (".ttf", ".ttc", ".otf") else None


def reads_korean():
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False).stdout
    return "kor" in listed.split()


def test_a_korean_scan_keeps_its_words_together():
    if not shutil.which("tesseract") or not reads_korean():
        pytest.skip("needs Tesseract with Korean: apt-get install tesseract-ocr-kor")
    if not shutil.which("fc-match") or not (font := korean_font()):
        pytest.skip("needs a font with Hangul: apt-get install fonts-nanum")
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (1654, 1000), 255)
    lines = ["등대의 종은 하루에 세 번 울린다.", "종은 강 건너 마을에서도 들린다.", "문의는 02-555-0142 번으로 한다."]
    for row, line in enumerate(lines):
        ImageDraw.Draw(picture).text((150, 200 + 90 * row), line, fill=0, font=ImageFont.truetype(font, 50))
    scan = io.BytesIO()
    picture.save(scan, "PDF", resolution=200)
    (section,) = read_pdf("x.pdf", scan.getvalue()).sections
    assert "하루에 세 번" in section.text and "02-555-0142" in section.text


def test_a_table_without_lines_at_its_sides_and_a_title_across_it():
    drawn = [(60, 700, 10, "What the store of Brae keeps for the winter", True)]
    rows = [("Acid", "Glove", "Store"), ("Nitric", "butyl", "A1"), ("Formic", "nitrile", "B4")]
    drawn += [(60 + 150 * j, 680 - 20 * i, 10, cell, not i) for i, row in enumerate(rows) for j, cell in enumerate(row)]
    lines = [(55, y, 505, y) for y in (712, 692, 672, 652, 632)] + [(x, 632, x, 692) for x in (205, 355)]
    lines += [(x, 692, x, 712) for x in (55, 505)]
    (section,) = read_pdf("x.pdf", made.pdf([drawn], rules=lines)).sections
    assert section.text == (
        "What the store of Brae keeps for the winter\n"
        "Acid: Nitric; Glove: butyl; Store: A1.\nAcid: Formic; Glove: nitrile; Store: B4."
    )
