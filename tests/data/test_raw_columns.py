from typing import Any

import polars as pl
import pytest

from tfrec_mt.data.raw_columns import Column, Place, raw_columns
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    Keys,
    NumericFeature,
    Schema,
    SchemaError,
    Topic,
    Vocabulary,
    click_tasks,
)


def _schema(feature: CategoricalFeature | NumericFeature, **keys: Any) -> Schema:
    return Schema(
        vocabularies=(Vocabulary(name="v", dtype="int64"),),
        features=(feature,),
        tasks=click_tasks("click"),
        keys=Keys(user="user", item="item", **keys),
        topics=(Topic(name="scene"),),
    )


def test_columns_of_a_schema() -> None:
    schema = _schema(CategoricalFeature(name="item", vocabulary="v", side="item"), timestamp="time")
    columns = raw_columns(schema)
    assert {name: column.type for name, column in columns.items()} == {
        "item": "int64",
        "scene": "string",
        "click": "label",
        "user": "key",
        "time": "timestamp",
    }
    assert [name for name, column in columns.items() if column.private] == ["user"]
    assert set(columns) == set(schema.columns)


def test_column_with_two_roles_that_disagree() -> None:
    feature = NumericFeature(name="time", side="context")
    with pytest.raises(SchemaError, match="'time' has two roles"):
        raw_columns(_schema(feature, timestamp="time"))
    bag = CategoricalFeature(name="item", vocabulary="v", side="item", max_values=2)
    with pytest.raises(SchemaError, match="'item' has two roles"):
        raw_columns(_schema(bag))


def test_refusal_names_the_first_bad_row_and_passes_null_over() -> None:
    values = pl.Series([1, 2, 3, 4])
    place, column = Place("log.csv", first_row=11), Column("c", "int64")
    with pytest.raises(DataError, match=r"log\.csv, row 13, column 'c': expected x, got 3"):
        place.refuse(pl.Series([False, None, True, True]), values, column, "x")
    place.refuse(pl.Series([False, None, False, False]), values, column, "x")


def test_long_values_are_cut() -> None:
    error = Place("log.csv", 1).error(0, "y" * 1000, Column("c", "int64"), "x")
    assert len(str(error)) < 200
