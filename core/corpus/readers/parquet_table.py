"""Parquet: one passage a row, in the same columns as the other tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.corpus.intake import MAX_PASSAGES, check_size, refused
from core.corpus.readers.base import Document
from core.corpus.readers.columns import Row, find_columns, to_document

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A few kilobytes can unpack to gigabytes: what the file says of itself is checked before anything is unpacked.
_MAX_UNPACKED = 500 * 1024 * 1024
_BATCH_ROWS = 256


def read_parquet(name: str, content: bytes) -> Document:
    """Reads the columns that matter, and no others.

    Raises:
        CorpusError: It is damaged, too big once unpacked, or has no column for the text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_size(name, len(content))
    try:
        table = pq.ParquetFile(io.BytesIO(content))
        _check_unpacked(name, table)
        return to_document(_rows(name, table))
    except (pa.ArrowException, OSError) as error:
        # ArrowInvalid is also a ValueError, and damaged pages surface as OSError.
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise refused(name, f"is no readable Parquet file ({reason})", "Export it again.") from error


def _check_unpacked(name: str, table: ParquetFile) -> None:
    metadata = table.metadata
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if metadata.num_rows > MAX_PASSAGES:
        raise refused(name, f"has {metadata.num_rows:,} rows, and {MAX_PASSAGES:,} is the limit", "Split it.")
    if unpacked > _MAX_UNPACKED:
        raise refused(name, f"unpacks to {unpacked / 2**20:,.0f} MB, more than a corpus may hold", "Split it.")


def _rows(name: str, table: ParquetFile) -> Iterator[Row]:
    columns = list(find_columns(table.schema_arrow.names, name).values())
    number = 0
    for batch in table.iter_batches(_BATCH_ROWS, columns=columns):
        for values in batch.to_pylist():
            number += 1
            yield f"{name}, row {number},", values
