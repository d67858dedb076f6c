import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Column, ColumnType, Place
from tfrec_mt.schema import DataError

PLACE = Place("log.csv", first_row=11)


@pytest.mark.parametrize(
    ("type_", "values", "dtype", "expected"),
    [
        ("int64", pa.array([1, None], pa.int8()), pl.Int64, [1, None]),
        ("int64", pa.array([7], pa.uint64()), pl.Int64, [7]),
        ("int64", pa.array([2.0, float("nan"), None]), pl.Int64, [2, None, None]),
        ("int64", pa.array(["5", "-6", "17.0", "", None]), pl.Int64, [5, -6, 17, None, None]),
        ("int64", pa.array([2**62 + 1]), pl.Int64, [2**62 + 1]),
        ("int64", pa.array([str(2**62 + 1), "1.0"]), pl.Int64, [2**62 + 1, 1]),
        ("int64", pa.array([Decimal(2**62 + 1), None]), pl.Int64, [2**62 + 1, None]),
        ("string", pa.array([Decimal(10**30)]), pl.String, ["1" + "0" * 30]),
        ("int64", pa.array([True, False]), pl.Int64, [1, 0]),
        ("int64", pa.nulls(2), pl.Int64, [None, None]),
        ("string", pa.array(["a", "", None]), pl.String, ["a", "", None]),
        ("string", pa.array([1, None]), pl.String, ["1", None]),
        ("string", pa.array(["x", "y", "x"]).dictionary_encode(), pl.String, ["x", "y", "x"]),
        ("string", pa.array([b"\xc3\xa9"]), pl.String, ["\u00e9"]),
        ("string", pa.nulls(1), pl.String, [None]),
        ("key", pa.array([3], pa.int32()), pl.Int64, [3]),
        ("key", pa.array(["u3"]), pl.String, ["u3"]),
        ("key", pa.array([3.0]), pl.Int64, [3]),
        ("number", pa.array([0.1, float("nan"), None]), pl.Float32, [0.1, None, None]),
        ("number", pa.array(["1e3", "", "nan"]), pl.Float32, [1000, None, None]),
        ("number", pa.array([Decimal("1.25")]), pl.Float32, [1.25]),
        ("number", pa.array([3, 4]), pl.Float32, [3, 4]),
        ("label", pa.array([0, 1, None]), pl.UInt8, [0, 1, None]),
        ("label", pa.array([True, False]), pl.UInt8, [1, 0]),
        ("label", pa.array(["1", "0.0", ""]), pl.UInt8, [1, 0, None]),
        ("timestamp", pa.array([5, -5]), pl.Int64, [5, -5]),
        ("timestamp", pa.array([5.9, -0.1]), pl.Int64, [5, -1]),
        ("timestamp", pa.array(["1970-01-02", "7"]), pl.Int64, [86400, 7]),
        ("timestamp", pa.array([1_999], pa.timestamp("ms")), pl.Int64, [1]),
        ("timestamp", pa.array([-1], pa.timestamp("ns", tz="UTC")), pl.Int64, [-1]),
        ("timestamp", pa.array([datetime.date(1970, 1, 3)]), pl.Int64, [172800]),
    ],
)
def test_values_become_canonical(
    type_: ColumnType, values: pa.Array, dtype: pl.DataType, expected: list[Any]
) -> None:
    result = cast_column(pl.Series("c", values), Column("c", type_), PLACE)
    assert result.name == "c"
    assert result.dtype == dtype
    assert result.to_list() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("type_", "values", "value"),
    [
        ("int64", pa.array(["1", "2", "x3"]), "'x3'"),
        ("int64", pa.array([1.0, 2.0, 2.5]), "2.5"),
        ("int64", pa.array([1, 2, 2**63], pa.uint64()), str(2**63)),
        ("int64", pa.array([Decimal(1), Decimal(2), Decimal(2**63)]), str(2**63)),
        ("string", pa.array([b"a", b"b", b"\xff"]), r"b'\xff'"),
        ("number", pa.array([1.0, float("nan"), float("-inf")]), "-inf"),
        ("number", pa.array([1.0, None, 1e39]), "1e+39"),
        ("number", pa.array(["1", "2", "3,5"]), "'3,5'"),
        ("label", pa.array([0, 1, 2]), "2"),
        ("label", pa.array([0.0, 1.0, 0.5]), "0.5"),
        ("label", pa.array(["0", "", "yes"]), "'yes'"),
        ("timestamp", pa.array([1, 2, 1_700_000_000_000]), "1700000000000"),
        ("timestamp", pa.array(["1", "2", "noon"]), "'noon'"),
    ],
)
def test_bad_value_names_file_row_column_and_value(
    type_: ColumnType, values: pa.Array, value: str
) -> None:
    with pytest.raises(DataError) as error:
        cast_column(pl.Series("c", values), Column("c", type_), PLACE)
    assert str(error.value).startswith("log.csv, row 13, column 'c': expected ")
    assert str(error.value).endswith(f"got {value}")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (Column("c", "string"), pa.array([1.5])),
        (Column("c", "int64"), pa.array([[1]])),
        (Column("c", "int64", bag=True), pa.array([1])),
        (Column("c", "label"), pa.array([datetime.date(2024, 1, 1)])),
        (Column("c", "timestamp"), pa.array([True])),
    ],
)
def test_column_type_that_never_fits(column: Column, values: pa.Array) -> None:
    with pytest.raises(DataError, match=r"log\.csv, column 'c': expected .*a column of type"):
        cast_column(pl.Series("c", values), column, PLACE)


def test_bag_keeps_its_rows() -> None:
    lists = [["1", "2"], [], None, ["3"], [None, "4"]]
    result = cast_column(pl.Series("c", pa.array(lists)), Column("c", "int64", bag=True), PLACE)
    assert result.dtype == pl.List(pl.Int64)
    assert result.to_list() == [[1, 2], [], None, [3], [None, 4]]


def test_bag_of_fixed_length() -> None:
    values = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4], pa.int32()), 2)
    result = cast_column(pl.Series("c", values), Column("c", "string", bag=True), PLACE)
    assert result.to_list() == [["1", "2"], ["3", "4"]]


def test_bag_error_names_the_row_of_the_list() -> None:
    lists = [["1", "2"], [], None, ["3", "x"], ["y"]]
    with pytest.raises(DataError, match=r"row 14, column 'c': expected a list.* got 'x'"):
        cast_column(pl.Series("c", pa.array(lists)), Column("c", "int64", bag=True), PLACE)


def test_private_value_is_not_shown() -> None:
    with pytest.raises(DataError) as error:
        cast_column(pl.Series("c", ["ann@home"]), Column("c", "int64", private=True), PLACE)
    assert "row 11" in str(error.value)
    assert "ann" not in str(error.value)
