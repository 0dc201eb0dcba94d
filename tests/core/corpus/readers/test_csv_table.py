import pytest

from core.corpus.readers.csv_table import read_csv
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
        ("text\n" + "x" * 200_000, "notes.csv, line 2, is no valid CSV (field larger"),
    ],
)
def test_refusals_name_the_line(text, why):
    with pytest.raises(CorpusError) as caught:
        sections(text)
    assert why in str(caught.value)
    assert caught.value.remedy


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.columns.MAX_PASSAGES", 2)
    with pytest.raises(CorpusError, match="line 4, goes beyond 2 passages"):
        sections("text\na\nb\nc\n")


def test_a_spreadsheet_formula_is_only_text():
    assert sections('text\n"=HYPERLINK(""http://x"")"') == [("", "", '=HYPERLINK("http://x")')]
