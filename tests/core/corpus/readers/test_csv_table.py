import pytest

from core.corpus.readers.base import Columns, ColumnsUnknown
from core.corpus.readers.tables import read_csv, read_tsv
from core.errors import CorpusError


def sections(text, name="notes.csv"):
    return [(section.id, section.title, section.text) for section in read_csv(name, text.encode()).sections]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_found_by_name_in_any_order_and_case(separator):
    rows = [["Title", " TEXT ", "other", "ID"], ["등대", "빛난다.", "x", "7"], ["", "Two", "", "8"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    assert sections(text) == [("7", "등대", "빛난다."), ("8", "", "Two")]


@pytest.mark.parametrize("column", ["text", "passage", "content"])
def test_three_names_mean_the_text(column):
    assert sections(f"{column},n\nHello,1") == [("", "", "Hello")]


def test_text_wins_over_its_other_names():
    assert sections("content,text\nb,a") == [("", "", "a")]


def test_quoted_cells_hold_commas_quotes_and_lines():
    assert sections('text,title\n"One, ""two""\nthree",t\n') == [("", "t", 'One, "two"\nthree')]


def test_blank_lines_are_passed_over_and_rows_without_text_are_told():
    document = read_csv("notes.csv", b"text,title\n\na,1\n , 2\nb,3\n")
    assert [section.text for section in document.sections] == ["a", "b"]
    assert document.note == "1 rows without text were left out"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,body\na,b", "notes.csv, line 1, has no column for the text; its columns are: name, body"),
        ("text,title\na,b\na,b,c", "notes.csv, line 3, has 3 cells, but the table has 2 columns"),
        ('text,title\n"two\nlines",b\nonly one', "notes.csv, line 4, has 1 cells"),
        ('text,title\na,b\n"never closed,b\nc,d', "notes.csv, line 3, is no valid CSV"),
        ('text,title\n"a"b,c', "notes.csv, line 2, is no valid CSV"),
        ("text,id\na,1\nb,1", "notes.csv, line 3, repeats the id '1' of notes.csv, line 2"),
        ("text\n" + "x" * 1_000_001, "notes.csv, line 2, is longer than 1,000,000"),
    ],
)
def test_refusals_name_the_line(text, why):
    with pytest.raises(CorpusError) as caught:
        sections(text)
    assert why in str(caught.value)
    assert caught.value.remedy


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.tables.MAX_PASSAGES", 2)
    with pytest.raises(CorpusError, match="line 4, goes beyond 2 passages"):
        sections("text\na\nb\nc\n")


def test_a_spreadsheet_formula_is_only_text():
    assert sections('text\n"=HYPERLINK(""http://x"")"') == [("", "", '=HYPERLINK("http://x")')]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nid;title;text\n1;Well;The well of Brae, dug in 1604, is dry.\n",
        "\n\nid;title;text\n1;Well;The well of Brae, dug in 1604, is dry.\n",
        'id;title;"text, in full";text\n1;Well;x;The well of Brae, dug in 1604, is dry.\n',
        "id|title|text\n1|Well|The well of Brae, dug in 1604, is dry.\n",
    ],
)
def test_the_separator_is_found_whatever_stands_before_the_header(text):
    assert sections(text) == [("1", "Well", "The well of Brae, dug in 1604, is dry.")]


def test_a_cell_may_be_as_long_as_a_line():
    assert len(sections("text\n" + "long " * 40_000)[0][2]) == 199_999


def test_a_quotation_mark_is_a_letter_in_a_tsv():
    rows = 'id\ttext\n1\t"Turn back, said the ferryman.\n2\tand did"\n3\t"He said ""no"" twice."\n'
    texts = [section.text for section in read_tsv("a.tsv", rows.encode()).sections]
    assert texts == ['"Turn back, said the ferryman.', 'and did"', 'He said "no" twice.']


def test_columns_of_other_names_are_offered_and_can_be_chosen():
    rows = "Nr;Name;Beschreibung\n1;Lamp L1;The lamp L1 burns for nine hours.\n2;;\n"
    with pytest.raises(ColumnsUnknown, match="its columns are: Nr, Name, Beschreibung") as caught:
        sections(rows)
    choice = caught.value.choice
    assert choice.names == ("Nr", "Name", "Beschreibung")
    assert choice.rows[0] == ("1", "Lamp L1", "The lamp L1 burns for nine hours.")
    assert choice.proposed == "Beschreibung"
    document = read_csv("notes.csv", rows.encode(), Columns("beschreibung", "Name", "Nr"))
    (section,) = document.sections
    assert (section.id, section.title, section.text) == ("1", "Lamp L1", "The lamp L1 burns for nine hours.")
    with pytest.raises(ColumnsUnknown, match="has no column 'Text'"):
        read_csv("notes.csv", rows.encode(), Columns("Text"))


@pytest.mark.parametrize("header", ["_id,contents", "doc_id,page_content", "passage_id,본문"])
def test_names_that_other_programs_give_are_known(header):
    assert sections(f"{header}\nw1,A well.") == [("w1", "", "A well.")]


def test_an_assumed_encoding_and_empty_rows_are_both_said():
    document = read_csv("notes.csv", "text,title\nKäse,a\n,b\n".encode("cp1252"))
    assert document.note == "read as CP1252, which was assumed; 1 rows without text were left out"
