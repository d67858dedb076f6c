"""`LogsSource`: a person's own click log, as CSV or Parquet files with a schema."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Place, raw_columns
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.delimited import delimited_columns, read_delimited
from tfrec_mt.data.sources.parquet import parquet_columns, read_parquet
from tfrec_mt.data.validation import check_columns
from tfrec_mt.schema import DataError, Schema

BAG_SEPARATOR = "|"
_DELIMITERS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_SUFFIXES = (*_DELIMITERS, ".parquet")


class LogsSource(Source):
    """Rows of CSV, TSV (also gzipped) and Parquet files, in bounded memory.

    The schema says what a column must hold; columns it does not name are not read. A bag is a list
    column, or text whose values are joined by `|`. A timestamp is a number of seconds since 1970,
    a time in ISO 8601 (UTC where it names no zone), or a Parquet timestamp. In text files an empty
    field is a missing value. Every file's columns are checked when the source is made.

    Args:
      paths: Files, folders (searched for those suffixes; names starting with `.` or `_` are
        passed over) and glob patterns; files are read in the order given, sorted by name within a
        folder or pattern, and each once.
      schema: Describes the columns.

    Raises:
      DataError: No file found; an unknown suffix; an empty or unreadable file; missing or duplicate
        columns. While reading: a file without rows, bad UTF-8, damage, a value of the wrong type.

    Example:
      >>> source = LogsSource("clicks/*.csv.gz", Schema.load("schema.json"))
    """

    def __init__(self, paths: str | Path | Sequence[str | Path], schema: Schema) -> None:
        self._schema = schema
        self._columns = raw_columns(schema)
        self._files = _find_files([paths] if isinstance(paths, str | Path) else paths)
        for file in self._files:
            delimiter = _DELIMITERS.get(_suffix(file))
            found = delimited_columns(file, delimiter) if delimiter else parquet_columns(file)
            check_columns(found, schema, str(file))

    @property
    def schema(self) -> Schema:
        """The schema given."""
        return self._schema

    def chunks(self) -> Iterator[Chunk]:
        """All rows, file by file, with the types that the schema states."""
        for file in self._files:
            first_row = 1
            for frame in self._read(file):
                place = Place(str(file), first_row)
                typed = [self._cast(frame[name], place) for name in self._schema.columns]
                yield Chunk(pl.DataFrame(typed).to_arrow(), str(file), first_row)
                first_row += frame.height

    def _read(self, file: Path) -> Iterator[pl.DataFrame]:
        delimiter = _DELIMITERS.get(_suffix(file))
        if delimiter:
            return read_delimited(file, self._schema.columns, delimiter=delimiter)
        return read_parquet(file, self._schema.columns)

    def _cast(self, values: pl.Series, place: Place) -> pl.Series:
        column = self._columns[values.name]
        if column.bag and values.dtype == pl.String:
            values = values.str.split(BAG_SEPARATOR).list.filter(pl.element() != "")
        return cast_column(values, column, place)


def _suffix(path: Path) -> str:
    return next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), "")


def _find_files(paths: Sequence[str | Path]) -> list[Path]:
    files: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if _suffix(p) and not _hidden(p, path))
        elif path.exists():
            found = [path]
        else:
            found = [Path(name) for name in sorted(glob.glob(str(given), recursive=True))]
        if not found:
            raise DataError(
                f"{given}: expected a file, a folder or a pattern that holds files "
                f"({', '.join(_SUFFIXES)}), found none"
            )
        for file in found:
            if not _suffix(file):
                raise DataError(f"{file}: expected a file named {', '.join(_SUFFIXES)}")
        files.update(dict.fromkeys(found))
    if not files:
        raise DataError("expected at least one path of a click log, got none")
    return list(files)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
