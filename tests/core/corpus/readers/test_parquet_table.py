import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.corpus.readers.parquet_table import read_parquet
from core.errors import CorpusError


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_columns_are_found_by_name():
    content = parquet(Content=["하나", "two"], Title=["등대", None], id=[7, 8], vector=[[0.5], [0.25]])
    sections = read_parquet("a.parquet", content).sections
    assert [(section.id, section.title, section.text) for section in sections] == [
        ("7", "등대", "하나"),
        ("8", "", "two"),
    ]


def test_rows_are_counted_over_batches(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.parquet_table._BATCH_ROWS", 2)
    with pytest.raises(CorpusError, match=r"row 4, repeats the id '1' of a\.parquet, row 1"):
        read_parquet("a.parquet", parquet(text=list("abcd"), id=[1, 2, 3, 1]))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (parquet(body=["x"], n=[1]), "a.parquet has no column for the text; its columns are: body, n"),
        (parquet(text=[1, 2]), "row 1, has int in 'text'"),
        (parquet(text=[b"x"]), "row 1, has bytes in 'text'"),
        (b"PAR1 not really PAR1", "a.parquet is no readable Parquet file"),
        (parquet(text=["x" * 100] * 50)[:-40], "a.parquet is no readable Parquet file"),
        (b"", "a.parquet is empty"),
    ],
)
def test_refusals_say_why(content, why):
    with pytest.raises(CorpusError) as caught:
        read_parquet("a.parquet", content)
    assert why in str(caught.value)


def test_damaged_pages_are_refused():
    content = bytearray(parquet(text=[f"passage number {row}" for row in range(500)]))
    content[40:400] = b"\xff" * 360
    with pytest.raises(CorpusError, match=r"a\.parquet"):
        read_parquet("a.parquet", bytes(content))


def test_what_unpacks_too_far_is_refused_before_it_is_unpacked(monkeypatch):
    content = parquet(text=["x" * 10_000] * 100)
    assert len(content) < 20_000
    monkeypatch.setattr("core.corpus.readers.parquet_table._MAX_UNPACKED", 1_000)
    with pytest.raises(CorpusError, match="unpacks to"):
        read_parquet("a.parquet", content)
    monkeypatch.setattr("core.corpus.readers.parquet_table.MAX_PASSAGES", 99)
    with pytest.raises(CorpusError, match="has 100 rows"):
        read_parquet("a.parquet", content)
