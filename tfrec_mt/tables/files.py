"""Files of a click log: found, opened and read whatever their format."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from absl import logging

from tfrec_mt.errors import DataError
from tfrec_mt.tables.delimited import delimited_columns, is_empty_text, read_delimited
from tfrec_mt.tables.notation import NULL_WORDS, Quoting
from tfrec_mt.tables.parquet import is_empty_parquet, is_parquet_text, parquet_columns, read_parquet

_DELIMITERS = {
    suffix + compression: delimiter
    for suffix, delimiter in {".csv": ",", ".tsv": "\t"}.items()
    for compression in ("", ".gz", ".zst")
}
_SUFFIXES = (*_DELIMITERS, ".parquet")
# How Hive and Spark name the folder of rows without a value.
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def find_files(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """CSV, TSV (also with gzip or zstd) and Parquet files, in the order given, each once.

    `paths` are files, folders (searched for those suffixes; names starting with `.` or `_` are
    skipped) and glob patterns, sorted by name within a folder or pattern. Databases and engines
    leave files without rows among the others. Text files of at most one line and Parquet files
    without rows are therefore skipped, with a warning, if other files have rows.

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
    empty = [file for file in files if _is_empty(file)]
    if empty and len(empty) < len(files):
        logging.warning("%d of %d files have no rows, such as %s", len(empty), len(files), empty[0])
        return [file for file in files if file not in empty]
    return list(files)


def is_text(file: Path, column: str | None = None) -> bool:
    """Whether a file is CSV or TSV, whose values are untyped, or else `column` of it is text."""
    return _suffix(file) in _DELIMITERS or (column is not None and is_parquet_text(file, column))


def file_columns(file: Path, quoting: Quoting = "auto") -> list[str]:
    """The column names of a file, then those that its `key=value` folders give, as in Hive.

    Args:
      file: The file.
      quoting: Of text, see `read_delimited`.

    Raises:
      DataError: It is empty, or cannot be read.
    """
    found = _own_columns(file, quoting)
    return [*found, *(name for name in _folder_values(file) if name not in found)]


def read_file(
    file: Path,
    columns: Sequence[str],
    quoting: Quoting = "auto",
    null_words: Sequence[str] = NULL_WORDS,
) -> Iterator[pl.DataFrame]:
    """Reads some columns of a file, in file order and bounded memory; text files give Strings.

    A column that the file lacks is taken from its folders, see `file_columns`.

    Args:
      file: The file.
      columns: Columns to read.
      quoting: Of text, see `read_delimited`.
      null_words: Of text: words that become null.

    Raises:
      DataError: See `read_delimited` and `read_parquet`.
    """
    found = _own_columns(file, quoting)
    own = [name for name in columns if name in found]
    folders = {k: v for k, v in _folder_values(file).items() if k in columns and k not in own}
    delimiter = _DELIMITERS.get(_suffix(file))
    read = own if folders else columns
    if delimiter:
        frames = read_delimited(file, read, delimiter=delimiter, quoting=quoting)
    else:
        frames = read_parquet(file, read)
    for frame in frames:
        if delimiter and null_words:
            text = pl.all()
            frame = frame.with_columns(pl.when(~text.is_in(list(null_words))).then(text))
        added = [pl.lit(value, pl.String).alias(name) for name, value in folders.items()]
        yield frame.with_columns(added).select(columns) if folders else frame


def _own_columns(file: Path, quoting: Quoting) -> list[str]:
    delimiter = _DELIMITERS.get(_suffix(file))
    names = delimited_columns(file, delimiter, quoting) if delimiter else parquet_columns(file)
    if cut := next((name for name in names if "\0" in name), None):
        raise DataError(f"{file}: expected names of columns, got {cut!r:.80}, which holds a NUL")
    return names


def _folder_values(file: Path) -> dict[str, str | None]:
    named = (part.partition("=") for part in file.parts[:-1] if "=" in part)
    return {
        name: None if value == _NO_VALUE else unquote(value) for name, _, value in named if name
    }


def _is_empty(file: Path) -> bool:
    return is_empty_text(file) if is_text(file) else is_empty_parquet(file)


def _suffix(path: Path) -> str:
    return next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), "")


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
