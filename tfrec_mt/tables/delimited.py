"""Delimited text (CSV, TSV), read as strings in bounded memory."""

import codecs
import csv
import functools
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from tfrec_mt.errors import DataError, nearest
from tfrec_mt.tables.notation import Quoting
from tfrec_mt.tables.quotes import QuoteGuard

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_DIALECTS: dict[Quoting, dict[str, Any]] = {
    "backslash": {"doublequote": False, "escapechar": "\\"},
    "none": {"quoting": csv.QUOTE_NONE},
}
_HEADER_BYTES = 1 << 17
_BLOCK_BYTES = 1 << 23  # some 50,000 rows of 25 columns; larger blocks read no faster


def delimited_columns(path: Path, delimiter: str, quoting: Quoting = "auto") -> list[str]:
    """The column names in a file's first line; a byte order mark is skipped.

    Args:
      path: The file.
      delimiter: One character.
      quoting: See `read_delimited`.

    Raises:
      DataError: The file is empty, not UTF-8, or its compression is damaged.
    """
    try:
        with io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="") as text:
            for fields in csv.reader(text, delimiter=delimiter, **_DIALECTS.get(quoting, {})):
                if fields:
                    return fields
    except UnicodeDecodeError as error:
        raise _bad_utf8(path) or error from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    raise DataError(f"{path}: expected a header and rows, the file is empty")


def is_empty_text(path: Path) -> bool:
    """Whether a text file holds no more than its header; one that cannot be read is not empty."""
    try:
        with _open(path) as stream:
            start = bytes(stream.read(_HEADER_BYTES)).removeprefix(codecs.BOM_UTF8).strip(b"\r\n")
    except OSError:
        return False
    return len(start.splitlines()) < 2 and len(start) < _HEADER_BYTES // 2


def check_columns(path: Path, expected: Sequence[str], delimiter: str) -> None:
    """Checks that a file has some columns.

    Raises:
      DataError: It lacks one, or has no header that can be read.
    """
    found = delimited_columns(path, delimiter)
    missing = [name for name in expected if name not in found]
    if missing:
        raise DataError(
            f"{path}: expected the columns {list(expected)}, {missing} are missing "
            f"({nearest(missing[0], found)})"
        )


def read_delimited(
    path: Path,
    columns: Sequence[str],
    *,
    delimiter: str,
    names: Sequence[str] | None = None,
    quoting: Quoting = "auto",
) -> Iterator[pl.DataFrame]:
    """Reads some columns of a delimited file as String; an empty field is empty text.

    Files are UTF-8 with or without a byte order mark and have either line ending; `.gz` and `.zst`
    files are decompressed on the fly.

    Args:
      path: The file.
      columns: Columns to read.
      delimiter: One character.
      names: All column names of a file without a header; None reads them from its first line.
      quoting: `"auto"`: fields may be quoted with `"`, doubled within them, and what could be read
        otherwise is refused, see `QuoteGuard`; `"csv"`: the same, and a quoted field may hold
        lines that look like rows; `"backslash"`: quotes within a field have a backslash in front;
        `"none"`: a quote is a letter like others.

    Raises:
      DataError: No rows; a doubtful quote; a row with more or fewer fields than columns (names the
        row); bytes that are not UTF-8 (names the offset, after decompression); damaged compression.
    """
    rows = 0
    wrong: list[Any] = []
    quoted = quoting != "none"

    def refuse(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        with _guarded(path, delimiter, names, quoting) as stream:
            reader = pa_csv.open_csv(
                stream,
                # Only without threads does pyarrow know the number of a bad row.
                pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names),
                pa_csv.ParseOptions(
                    delimiter=delimiter,
                    quote_char='"' if quoted else False,
                    double_quote=quoting != "backslash",
                    escape_char="\\" if quoting == "backslash" else False,
                    newlines_in_values=quoted,
                    invalid_row_handler=refuse,
                ),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    include_columns=list(columns),
                ),
            )
            for batch in reader:
                rows += batch.num_rows
                if batch.num_rows:
                    yield pl.DataFrame(batch)
    except (pa.ArrowException, OSError) as error:
        if wrong:
            row = wrong[0].number - (names is None)
            raise DataError(
                f"{path}, row {row}: expected {wrong[0].expected_columns} fields, "
                f"got {wrong[0].actual_columns}"
            ) from error
        raise _bad_utf8(path) or DataError(
            f"{path}: cannot be read after row {rows}: {error}"
        ) from error
    if not rows:
        raise DataError(f"{path}: expected rows, found none")


def _guarded(
    path: Path, delimiter: str, names: Sequence[str] | None, quoting: Quoting
) -> pa.NativeFile:
    if quoting == "none":
        return _open(path)
    columns = delimited_columns(path, delimiter, quoting) if names is None else names
    opened = functools.partial(_open, path)
    return pa.PythonFile(
        QuoteGuard(opened, path, delimiter, columns, names is None, quoting), mode="r"
    )


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression=_COMPRESSIONS.get(path.suffix.lower()))


def _bad_utf8(path: Path) -> DataError | None:
    """The error for the first byte that is not UTF-8, if there is one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, line = 0, 1  # of the decoder's input: a character cut by a block, and a block
    try:
        with _open(path) as stream:
            while True:
                block = stream.read(_BLOCK_BYTES)
                kept = decoder.getstate()[0]
                decoder.decode(block, final=not block)
                if not block:
                    return None
                start += len(kept) + len(block) - len(decoder.getstate()[0])
                line += block.count(b"\n")
    except UnicodeDecodeError as error:
        seen = error.object[: error.start]
        return DataError(
            f"{path}: expected UTF-8, got the byte 0x{error.object[error.start]:02x} "
            f"at offset {start + error.start} (line {line + seen.count(10)})"
        )
    except OSError:
        return None  # damaged compression, which the caller's own error describes
