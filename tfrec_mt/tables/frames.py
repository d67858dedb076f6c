"""Frames of any library as Polars frames."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tfrec_mt.errors import DataError, without_values
from tfrec_mt.tables.files import file_columns, find_files, read_file
from tfrec_mt.tables.notation import NULL_WORDS, Quoting


def is_frame(rows: Any) -> bool:
    """Whether rows are in memory: a Polars, pandas or Arrow table, or columns by name."""
    return isinstance(rows, pl.DataFrame | pa.Table | Mapping) or is_pandas(rows)


def is_pandas(rows: Any) -> bool:
    """Whether rows are a pandas frame; pandas is not imported to find out."""
    return type(rows).__module__.partition(".")[0] == "pandas" and hasattr(rows, "columns")


def as_polars(rows: Any) -> pl.DataFrame:
    """Rows in memory as a Polars frame; a pandas index is left out.

    Raises:
      DataError: They are no frame, or their columns cannot be one.
    """
    if isinstance(rows, pl.DataFrame):
        return rows
    try:
        if is_pandas(rows):
            return pl.from_pandas(rows.rename(columns=str))
        if isinstance(rows, pa.Table | Mapping):
            return pl.DataFrame(rows)
    except (TypeError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise DataError(f"a frame that cannot be read: {without_values(error)}") from None
    raise DataError(
        f"expected a pandas, Polars or Arrow frame or columns by name, got {type(rows).__name__}"
    )


def first_rows(
    log: Any, rows: int, quoting: Quoting = "auto", null_words: Sequence[str] = NULL_WORDS
) -> tuple[pl.DataFrame, bool]:
    """The first `rows` rows of a frame or of paths (see `find_files`), and whether more follow.

    Args:
      log: The frame or the paths.
      rows: How many rows.
      quoting: See `read_file`.
      null_words: See `read_file`.

    Raises:
      DataError: No file, one that cannot be read or has two columns of one name, or files whose
        columns differ.
    """
    if is_frame(log):
        frame = as_polars(log)
        return frame.head(rows), frame.height > rows
    found: list[pl.DataFrame] = []
    count = 0
    for file in find_files(log):
        columns = file_columns(file, quoting)
        twice = sorted(name for name, times in Counter(columns).items() if times > 1)
        if twice:
            raise DataError(f"{file}: column names must be distinct; given more than once: {twice}")
        if found and columns != found[0].columns:
            raise DataError(
                f"{file}: expected the columns of the files before it, {found[0].columns}, "
                f"got {columns}"
            )
        for part in read_file(file, columns, quoting, null_words):
            found.append(part)
            count += part.height
            if count > rows:
                return _together(found).head(rows), True
    return _together(found), False


def read_whole(file: Path) -> pl.DataFrame:
    """All rows of a file; empty fields of a text file are null.

    Raises:
      DataError: It cannot be read, or holds no rows.
    """
    (found,) = find_files(file)
    if found.suffix == ".parquet":
        return pl.read_parquet(found)
    rows = _together([*read_file(found, file_columns(found))])
    return rows.with_columns(pl.col(pl.String).replace("", None))


def as_given(frame: pl.DataFrame, like: Any) -> Any:
    """A frame in the library of `like`: pandas for pandas, else Polars."""
    return frame.to_pandas() if is_pandas(like) else frame


def frame_name(log: Any) -> str:
    """How errors name a log: its paths, or the kind of frame."""
    if is_frame(log):
        return f"the {'pandas' if is_pandas(log) else 'Polars'} frame"
    return str(log) if isinstance(log, str | Path) else ", ".join(str(path) for path in log)


def _together(found: list[pl.DataFrame]) -> pl.DataFrame:
    # one file may have a column of nulls or of whole numbers where another has fractions
    try:
        return pl.concat(found, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"files whose columns have different types: {error}") from error


def column_array(column: pl.Series) -> npt.NDArray[Any]:
    """A column as an array `[n]`, or `[n, D]` of lists of one length.

    Raises:
      DataError: It has nulls, or lists of several lengths.
    """
    if column.null_count():
        raise DataError(f"column {column.name!r}: expected no nulls, got {column.null_count()}")
    if isinstance(column.dtype, pl.List):
        lengths = column.list.len().unique().to_list()
        if len(lengths) != 1:
            raise DataError(
                f"column {column.name!r}: expected lists of one length, got {sorted(lengths)}"
            )
        return column_array(column.explode()).reshape(len(column), lengths[0])
    if column.dtype == pl.String or isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String).to_numpy().astype(object)
    return column.to_numpy()
