"""`LogsSource`: your own click log, as a frame or as files, with a schema."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.preparation.validation import check_columns
from tfrec_mt.data.raw_columns import Place, raw_columns
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Schema
from tfrec_mt.tables.bags import split_bags
from tfrec_mt.tables.files import file_columns, find_files, read_file
from tfrec_mt.tables.frames import as_polars, frame_name, is_frame

_FRAME_ROWS = 1 << 17


class LogsSource(Source):
    """Rows of a frame, or of CSV, TSV (also gzipped) and Parquet files, in bounded memory.

    The schema says what a column must hold; other columns are not read. A bag is a list column, or
    text whose values are joined by `|`. A timestamp is a number of seconds since 1970, ISO 8601
    (UTC where it names no zone), or a timestamp of Parquet or of a frame. In text files an empty
    field is a missing value. All columns are checked when the source is made.

    Args:
      log: A pandas, Polars or Arrow frame, columns by name, or paths as of `find_files`.
      schema: Describes the columns.

    Raises:
      DataError: No file found; an unknown suffix; an empty or unreadable file; missing or duplicate
        columns. While reading: no rows, bad UTF-8, damage, a value of the wrong type.

    Example:
      >>> source = LogsSource("clicks/*.csv.gz", Schema.load("schema.json"))
    """

    def __init__(self, log: Any, schema: Schema) -> None:
        self._schema = schema
        self._columns = raw_columns(schema)
        self._frame = as_polars(log) if is_frame(log) else None
        self._name = frame_name(log)
        self._files = [] if self._frame is not None else find_files(log)
        if self._frame is not None:
            check_columns(self._frame.columns, schema, self._name)
            if self._frame.is_empty():
                raise DataError(f"{self._name}: expected rows, found none")
        for file in self._files:
            check_columns(file_columns(file), schema, str(file))

    @property
    def schema(self) -> Schema:
        return self._schema

    def chunks(self) -> Iterator[Chunk]:
        if self._frame is not None:
            yield from self._chunks(self._name, self._frame.iter_slices(_FRAME_ROWS))
        for file in self._files:
            yield from self._chunks(str(file), read_file(file, self._schema.columns))

    def _chunks(self, name: str, frames: Iterator[pl.DataFrame]) -> Iterator[Chunk]:
        first_row = 1
        for frame in frames:
            place = Place(name, first_row)
            typed = [self._cast(frame[column], place) for column in self._schema.columns]
            yield Chunk(pl.DataFrame(typed).to_arrow(), name, first_row)
            first_row += frame.height

    def _cast(self, values: pl.Series, place: Place) -> pl.Series:
        column = self._columns[values.name]
        if column.bag and values.dtype == pl.String:
            values = split_bags(values)
        return cast_column(values, column, place)
