"""Files of a click log: found, opened and read whatever their format."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from tfrec_mt.errors import DataError
from tfrec_mt.tables.delimited import delimited_columns, read_delimited
from tfrec_mt.tables.parquet import parquet_columns, read_parquet

_DELIMITERS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_SUFFIXES = (*_DELIMITERS, ".parquet")


def find_files(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """CSV, TSV (also gzipped) and Parquet files, in the order given, each once.

    `paths` are files, folders (searched for those suffixes; names starting with `.` or `_` are
    skipped) and glob patterns, sorted by name within a folder or pattern.

    Raises:
      DataError: No file, or one of another suffix.
    """
    given = [paths] if isinstance(paths, str | Path) else paths
    files: dict[Path, None] = {}
    for name in given:
        path = Path(name)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if _suffix(p) and not _hidden(p, path))
        elif path.exists():
            found = [path]
        else:
            found = [Path(match) for match in sorted(glob.glob(str(name), recursive=True))]
        if not found:
            raise DataError(
                f"{name}: expected a file, a folder or a pattern that holds files "
                f"({', '.join(_SUFFIXES)}), found none"
            )
        for file in found:
            if not _suffix(file):
                raise DataError(f"{file}: expected a file named {', '.join(_SUFFIXES)}")
        files.update(dict.fromkeys(found))
    if not files:
        raise DataError("expected at least one path of a click log, got none")
    return list(files)


def file_columns(file: Path) -> list[str]:
    """The column names of a file.

    Raises:
      DataError: It is empty, or cannot be read.
    """
    delimiter = _DELIMITERS.get(_suffix(file))
    return delimited_columns(file, delimiter) if delimiter else parquet_columns(file)


def read_file(file: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Frames of some columns of a file, in file order and bounded memory; of text, all String.

    Raises:
      DataError: See `read_delimited` and `read_parquet`.
    """
    delimiter = _DELIMITERS.get(_suffix(file))
    if delimiter:
        return read_delimited(file, columns, delimiter=delimiter)
    return read_parquet(file, columns)


def _suffix(path: Path) -> str:
    return next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), "")


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
