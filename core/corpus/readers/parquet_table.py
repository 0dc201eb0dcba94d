"""Parquet: one passage a row, in the same columns as the other tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.corpus.limits import MAX_PASSAGES, check_size, refused
from core.corpus.published import recognise
from core.corpus.readers.base import DEFAULT_COLUMNS, Columns, Document
from core.corpus.readers.tables import Row, known_columns, to_document
from core.messages import message

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

# A few kilobytes can unpack to gigabytes. What the file says of itself is checked before anything is unpacked; since
# one long value may stand in every row, and a file may lie, what the rows add up to is counted, too.
_MAX_UNPACKED = 200 * 1024 * 1024
_BATCH_ROWS = 256
_PREVIEWED = 5
_METADATA = {"metadata"}


def read_parquet(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads the columns that matter, and no others; all of them where they are those of a known data set.

    Raises:
        CorpusError: It is damaged, too big once unpacked, or has no column for the text.
    """
    import pyarrow as pa

    check_size(name, len(content))
    try:
        table = _opened(content)
        _check_unpacked(name, table)
        return to_document(name, _rows(name, table, columns), columns)
    except (pa.ArrowException, OSError) as error:
        # ArrowInvalid is also a ValueError, and damaged pages surface as OSError.
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise refused(
            name, message("is no readable Parquet file ({reason})", reason=reason), "Export it again."
        ) from error


def _opened(content: bytes) -> ParquetFile:
    """The file, its columns of text left as values and references to them: a value in every row is unpacked once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = pq.ParquetFile(io.BytesIO(content)).schema_arrow
    texts = [f.name for f in fields if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    return pq.ParquetFile(io.BytesIO(content), read_dictionary=texts)


def _bytes_as_text(batch: RecordBatch) -> int:
    """Bytes that a batch takes once every row holds its own text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = 0
    for column in batch.columns:
        total += column.nbytes
        if pa.types.is_dictionary(column.type) and not pa.types.is_primitive(column.type.value_type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            total += pc.sum(lengths).as_py() or 0
    return total


def _check_unpacked(name: str, table: ParquetFile) -> None:
    metadata = table.metadata
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if metadata.num_rows > MAX_PASSAGES:
        why = message("has {n:,} rows, and {limit:,} is the limit", n=metadata.num_rows, limit=MAX_PASSAGES)
        raise refused(name, why, "Split it.")
    if unpacked > _MAX_UNPACKED:
        why = message("unpacks to {n:,.0f} MB, more than a corpus may hold", n=unpacked / 2**20)
        raise refused(name, why, "Split it.")


def _rows(name: str, table: ParquetFile, columns: Columns) -> Iterator[Row]:
    number = unpacked = 0
    for batch in table.iter_batches(_BATCH_ROWS, columns=_wanted(name, table, columns)):
        unpacked += _bytes_as_text(batch)
        if unpacked > _MAX_UNPACKED:
            where = f"{name}, row {number + batch.num_rows},"
            raise refused(where, message("goes beyond {n:,.0f} MB of text", n=_MAX_UNPACKED / 2**20), "Split it.")
        for values in batch.to_pylist():
            number += 1
            yield f"{name}, row {number},", values


def _wanted(name: str, table: ParquetFile, columns: Columns) -> list[str]:
    names = table.schema_arrow.names
    head = next(table.iter_batches(_PREVIEWED), None) if {"question", "context"} <= set(names) else None
    if head is not None and head.num_rows and recognise(head.slice(0, 1).to_pylist()[0]):
        return list(names)
    batches = table.iter_batches(_PREVIEWED)
    first = (("", list(row.values())) for batch in batches for row in batch.to_pylist())
    return list(dict.fromkeys([*known_columns(name, names, columns, first).values(), *_METADATA.intersection(names)]))
