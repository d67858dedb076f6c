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
from tfrec_mt.tables.files import file_columns, find_files, is_text, read_file
from tfrec_mt.tables.frames import as_polars, frame_name, is_frame

_FRAME_ROWS = 1 << 17


class LogsSource(Source):
    """Rows of a frame, or of CSV, TSV (also gzip or zstd) and Parquet files, in bounded memory.

    The schema says what a column must hold; other columns are not read. A bag is a list column, or
    text that `split_bags` reads. A time is a number of seconds since 1970, ISO 8601 (UTC where it
    names no zone), or a timestamp of Parquet or of a frame, unless the schema says otherwise. In
    text files an empty field and the schema's `null_words` are missing values. A column that a
    file lacks may be in its path, as `key=value`. All columns are checked when the source is made.

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
            check_columns(file_columns(file, schema.quoting), schema, str(file))
        self._text_keys = self._find_text_keys()

    @property
    def schema(self) -> Schema:
        return self._schema

    def chunks(self) -> Iterator[Chunk]:
        schema = self._schema
        if self._frame is not None:
            frame = self._frame.select(schema.columns)
            yield from self._chunks(self._name, frame.iter_slices(_FRAME_ROWS))
        for file in self._files:
            frames = read_file(file, schema.columns, schema.quoting, schema.null_words)
            yield from self._chunks(str(file), frames)

    def _chunks(self, name: str, frames: Iterator[pl.DataFrame]) -> Iterator[Chunk]:
        first_row = 1
        for frame in frames:
            place = Place(name, first_row)
            for key in self._text_keys:
                ids = cast_column(frame[key], self._columns[key], place)
                frame = frame.with_columns(ids.cast(pl.String))
            yield Chunk(frame.to_arrow(), name, first_row)
            first_row += frame.height

    def _find_text_keys(self) -> list[str]:
        """Keys that are text in some files and numbers in others, so that `17` is one id in all."""
        keys = [name for name, column in self._columns.items() if column.type == "key"]
        kinds = {key: {is_text(file, key) for file in self._files} for key in keys}
        return [key for key, found in kinds.items() if len(found) > 1]
