"""Raw columns cast to the types that preparation works with."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pyarrow as pa

from tfrec_mt.data.raw_columns import Column, ColumnType, Place
from tfrec_mt.schema import DataError
from tfrec_mt.tables.bags import split_bags, unlike_lists
from tfrec_mt.tables.missing import words_for_missing
from tfrec_mt.tables.notation import MISSING_WORDS
from tfrec_mt.tables.timestamps import look_like_dates, seconds_since_1970

# How pandas, Polars, Spark and PostgreSQL write booleans, in lower case.
_BOOLEANS = {"true": 1, "t": 1, "false": 0, "f": 0}
_LIKE_OTHERS = (
    "a written list such as ['a', 'b'] as in other rows (or state the feature's separator)"
)
_DATE = (
    "seconds since 1970, or keys with time_format '%Y%m%d' (or time_unit 'seconds', if they are)"
)
# The power of two from which on a float type does not hold every whole number.
_EXACT_DIGITS = {"Float32": 24, "Float64": 53}
_EMPTY: dict[ColumnType, pl.DataType] = {
    "int64": pl.Int64(),
    "string": pl.String(),
    "key": pl.String(),
    "number": pl.Float32(),
    "label": pl.UInt8(),
    "timestamp": pl.Int64(),
}


def cast_column(values: pl.Series, column: Column, place: Place) -> pl.Series:
    """Casts raw values [n] to the canonical type of their column.

    The types are Int64 or String for ids and keys, Float32 for numbers, UInt8 for labels, Int64
    seconds since 1970 for timestamps (fractions floored), and lists of ids for bags. Null and NaN
    become null, as does empty text where no text is expected.

    Raises:
      DataError: A column type or a value that cannot be cast; `place` names file and row.
    """
    if values.dtype == pl.Null:
        empty = _EMPTY[column.type]
        return values.cast(pl.List(empty) if column.bag else empty)
    if isinstance(values.dtype, pl.Array):
        values = values.arr.to_list()
    if column.bag and values.dtype == pl.String:
        if column.separator is None:
            place.refuse(unlike_lists(values), values, column, _LIKE_OTHERS)
        values = split_bags(values, column.separator)
    if isinstance(values.dtype, pl.List) != column.bag:
        raise _type_error(values, column, place)
    if not column.bag:
        return _cast(values, column, place, lambda index: index)
    if values.dtype == pl.List(_EMPTY[column.type]):
        return values
    lengths = values.list.len().fill_null(0)
    stops = lengths.cum_sum().to_numpy()
    flat = values.filter(lengths > 0).explode()
    flat = _cast(flat, column, place, lambda index: int(np.searchsorted(stops, index, "right")))
    offsets = pa.array(np.concatenate([[0], stops]), pa.int64())
    lists = pa.LargeListArray.from_arrays(
        offsets, flat.to_arrow(), mask=values.is_null().to_arrow()
    )
    return pl.Series(values.name, lists)


def _cast(
    values: pl.Series, column: Column, place: Place, row_of: Callable[[int], int]
) -> pl.Series:
    """Casts single values; `row_of` gives the row that holds the value at an index."""
    digits = _EXACT_DIGITS.get(str(values.dtype))
    if digits and column.type in ("int64", "key", "timestamp"):
        inexact = (values.fill_nan(None).abs() >= 2.0**digits).fill_null(False)
        if inexact.any():
            index = inexact.arg_max() or 0
            expected = (
                f"{column.expected} in a type that holds its digits ({values.dtype}: 2^{digits})"
            )
            raise place.error(row_of(index), values[index], column, expected)
    if isinstance(values.dtype, pl.Decimal) and values.dtype.scale == 0:
        values = values.cast(pl.Int128)  # ids of some databases, too wide for a float
    elif values.dtype.is_float() or values.dtype.is_decimal():
        values = values.cast(pl.Float64).fill_nan(None)
    elif isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    untyped = values.dtype == pl.String and column.type not in ("string", "key")
    if untyped:
        values = values.set(values == "", None)
    result = _to_type(values, column)
    if result is None:
        raise _type_error(values, column, place)
    if untyped and place.words is not None and result.null_count() > values.null_count():
        for word, count in words_for_missing(values).items():
            place.words[column.name, word] += count
        values = values.set(values.is_in(MISSING_WORDS), None)
    stated = column.type != "timestamp" or column.time_unit or column.time_format
    if not stated and look_like_dates(values):
        raise place.error(row_of(0), values.drop_nulls()[0], column, _DATE)
    if result.null_count() > values.null_count():
        index = (result.is_null() & values.is_not_null()).arg_max() or 0
        raise place.error(row_of(index), values[index], column, column.expected)
    return result.fill_nan(None) if column.type == "number" else result


def _to_type(values: pl.Series, column: Column) -> pl.Series | None:
    if column.type == "timestamp":
        return seconds_since_1970(values, column.time_unit, column.time_format)
    return _CASTS[column.type](values)


def _type_error(values: pl.Series, column: Column, place: Place) -> DataError:
    return DataError(
        f"{place.file}, column {column.name!r}: expected {column.expected}, "
        f"got a column of type {values.dtype}"
    )


# Each of these returns null where a value cannot be cast, and None if the type never can.


def _to_int64(values: pl.Series) -> pl.Series | None:
    if values.dtype.is_integer() or values.dtype == pl.Boolean:
        return values.cast(pl.Int64, strict=False)
    if values.dtype == pl.Float64:
        whole = values.cast(pl.Int64, strict=False)
        inexact = values.abs() >= 2.0 ** _EXACT_DIGITS["Float64"]
        return whole.set((whole.cast(pl.Float64) != values) | inexact, None)
    if values.dtype != pl.String:
        return None
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count() == values.null_count():
        return whole
    # Integer columns with gaps are often written as floats: 17.0.
    whole = values.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    from_float = _to_int64(values.cast(pl.Float64, strict=False))
    return whole if from_float is None else whole.zip_with(whole.is_not_null(), from_float)


def _to_string(values: pl.Series) -> pl.Series | None:
    if values.dtype == pl.String:
        return values
    if values.dtype == pl.Binary:
        return _decode(values)
    if values.dtype.is_integer() or values.dtype == pl.Boolean:
        return values.cast(pl.String)
    return None


def _decode(values: pl.Series) -> pl.Series:
    """Bytes as text, null where they are not UTF-8."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:  # names no value, even if not strict
        return values.map_elements(_utf8_or_none, pl.String)


def _utf8_or_none(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _to_key(values: pl.Series) -> pl.Series | None:
    if values.dtype in (pl.String, pl.Binary):
        return _to_string(values)
    return _to_int64(values)


def _to_number(values: pl.Series) -> pl.Series | None:
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String)):
        return None
    number = values.cast(pl.Float64, strict=False)
    if values.dtype == pl.String and number.null_count() > values.null_count():
        yes_or_no = values.str.to_lowercase().replace_strict(_BOOLEANS, default=None)
        number = number.zip_with(number.is_not_null(), yes_or_no.cast(pl.Float64))
    number = number.cast(pl.Float32)
    return number.set(number.is_infinite(), None)


def _to_label(values: pl.Series) -> pl.Series | None:
    number = _to_number(values)
    if number is None:
        return None
    label = (number == 1).cast(pl.UInt8)
    return label.set((number != 0) & (number != 1), None)


_CASTS: dict[ColumnType, Callable[[pl.Series], pl.Series | None]] = {
    "int64": _to_int64,
    "string": _to_string,
    "key": _to_key,
    "number": _to_number,
    "label": _to_label,
}
