"""Hostile files of every kind: each is refused with its name, the reason and what to do, and nothing of it stays."""

import gzip
import io
import json
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.corpus.importing import Importer
from core.corpus.limits import MAX_FILE_BYTES, MAX_LINE, MAX_PASSAGES
from core.corpus.readers.registry import READERS, read_document
from core.errors import CorpusError

GIGABYTE = 2**30


def zip_bomb() -> bytes:
    """Ten megabytes of zeros in a few kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", bytes(10 * 2**20))
    return file.getvalue()


def parquet_bomb(value: str, rows: int) -> bytes:
    """One long value, named once and meant in every row: the file says that it is small."""
    file = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    pq.write_table(pa.table({"text": column}), file)
    return file.getvalue()


HOSTILE = {
    "a zip bomb": zip_bomb(),
    "a gzip bomb": gzip.compress(bytes(10 * 2**20)),
    "an unknown encoding": "Привет, маяк".encode("koi8-r"),
    "binary": bytes(range(256)) * 8,
}
TEXTUAL = [suffix for suffix in READERS if suffix in (".txt", ".md", ".csv", ".tsv", ".jsonl", ".html")]


@pytest.fixture
def importer(count):
    return Importer(count)


def refusal(importer, name, content) -> str:
    """Why a file was refused; nothing of it may have stayed."""
    result = importer.add(name, content)
    assert result.status == "failed"
    assert importer.report().passages == ()
    assert result.error.count(". ") >= 1 and result.error.endswith("."), f"no remedy: {result.error}"
    return result.error


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_it_is_called_it_is_refused_by_name(importer, kind, suffix):
    assert refusal(importer, f"notes{suffix}", HOSTILE[kind]).startswith(f"notes{suffix}")


@pytest.mark.parametrize("name", ["all.zip", "all.tar.gz", "run.exe", "book.doc", "macros.docm", "noending"])
def test_what_has_no_reader_is_refused_and_archives_are_never_opened(importer, name):
    assert "It reads .pdf" in refusal(importer, name, HOSTILE["a zip bomb"])


@pytest.mark.parametrize("suffix", TEXTUAL)
def test_a_gigabyte_in_one_line_is_refused_before_it_is_read(importer, tmp_path, suffix):
    path = tmp_path / f"endless{suffix}"
    path.touch()
    os.truncate(path, GIGABYTE)  # a hole: nothing of it is on the disk
    assert list(importer.reading_path(path)) == []
    (result,) = importer.report().files
    assert result.status == "failed"
    assert f"is 1,024 MB, and {MAX_FILE_BYTES // 2**20} MB is the limit" in result.error
    assert importer.report().passages == ()


def test_an_endless_line_is_named_by_its_number(importer):
    content = b'{"text": "Fine."}\n{"text": "' + b"x" * MAX_LINE + b'"}\n'
    assert "notes.jsonl, line 2, is longer than 1,000,000 characters" in refusal(importer, "notes.jsonl", content)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"text":' * 50_000,
        '{"text": ' + "9" * 10_000 + "}",
        '{"text": {"text": "deep"}}',
        '{"text": NaN}',
    ],
)
def test_json_that_is_too_deep_or_no_text_is_refused_with_its_line(importer, line):
    content = f'{{"text": "Fine."}}\n{line}\n'.encode()
    assert refusal(importer, "deep.jsonl", content).startswith("deep.jsonl, line 2,")


@pytest.mark.parametrize("row", ["one,two,three", '"an open quote', "x" * 1_000_001])
def test_a_broken_row_is_refused_with_its_line(importer, row):
    assert refusal(importer, "rows.csv", f"title,text\nFine,Fine.\n{row}\n".encode()).startswith("rows.csv, line 3,")


def test_a_table_with_a_hundred_thousand_columns_is_refused(importer):
    names = ",".join(f"c{number}" for number in range(100_000))
    assert "has no column for the text; its columns are: c0, c1" in refusal(importer, "wide.csv", names.encode())


def test_too_many_passages_are_refused_as_a_whole(importer):
    content = "\n".join(json.dumps({"text": f"Passage {n}."}) for n in range(MAX_PASSAGES + 1)).encode()
    error = refusal(importer, "many.jsonl", content)
    assert error.startswith(f"many.jsonl, line {MAX_PASSAGES + 1},")
    assert "goes beyond 50,000 passages" in error


def test_one_long_value_in_every_row_is_counted_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.parquet_table._MAX_UNPACKED", 300_000)
    content = parquet_bomb("x" * 2_000, 2_000)
    assert len(content) < 20_000
    with pytest.raises(CorpusError, match=r"bomb\.parquet, row 256, goes beyond"):
        read_document("bomb.parquet", content)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/cron.d/evil.txt", "evil.txt"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("..\\..\\Windows\\evil.txt", "evil.txt"),
        ("evil\0.txt", "evil.txt"),
        ("a" * 5_000 + ".txt", "a" * 110 + ".txt"),
        ("NUL.txt", "NUL.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("evil\u202etxt.exe.txt", "eviltxt.exe.txt"),
    ],
)
def test_names_are_shown_and_open_nothing(importer, name, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = importer.add(name, b"The bell rings.")
    assert (result.name, result.status, result.passages) == (shown, "ready", 1)
    assert not set(importer.report().passages[0].id) & set("/\\<>\0")
    assert list(tmp_path.iterdir()) == []


def test_markup_stays_text(importer):
    wicked = "<script>alert(1)</script> ![x](http://tracker/x.png) {{7*7}} =HYPERLINK()"
    assert importer.add("wicked.txt", wicked.encode()).status == "ready"
    assert importer.report().passages[0].text == wicked
