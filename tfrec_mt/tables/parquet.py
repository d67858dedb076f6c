"""Parquet files, read in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_mt.errors import DataError

_BATCH_ROWS = 1 << 17


def parquet_columns(path: Path) -> list[str]:
    """The column names of a Parquet file.

    Raises:
      DataError: The file is empty, cut off, or not Parquet.
    """
    with _open(path) as file:
        return list(file.schema_arrow.names)


def is_parquet_text(path: Path, column: str) -> bool:
    """Whether a column of a Parquet file is text or bytes; a column of its folders is text."""
    with _open(path) as file:
        if column not in file.schema_arrow.names:
            return True
        kind = file.schema_arrow.field(column).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_binary(inner)
    )


def is_empty_parquet(path: Path) -> bool:
    """Whether a Parquet file has columns and no rows; a damaged one is not empty."""
    try:
        with pq.ParquetFile(path) as file:
            return bool(file.metadata.num_rows == 0)
    except (pa.ArrowException, OSError):
        return False


def read_parquet(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Reads some columns of a Parquet file, in frames of at most 131,072 rows.

    Raises:
      DataError: No rows; a damaged file; text that is not UTF-8.
    """
    rows = 0
    try:
        with _open(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
                # Parquet readers do not check text; Polars relies on it being UTF-8.
                batch.validate(full=True)
                rows += batch.num_rows
                if batch.num_rows:
                    yield pl.DataFrame(batch).select(columns)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read after row {rows}: {error}") from error
    if not rows:
        raise DataError(f"{path}: expected rows, found none")


def _open(path: Path) -> pq.ParquetFile:
    if path.stat().st_size == 0:
        raise DataError(f"{path}: expected a Parquet file, the file is empty")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file, or cut off: {error}") from error
