from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tests.schemas import ids, log_schema
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.source import Chunk
from tfrec_mt.schema import DataError, Keys, NumericFeature, Topic, click_tasks

SCHEMA = log_schema(
    ids("user", "user"),
    ids("item"),
    ids("tags", max_values=2),
    NumericFeature(name="price", side="item"),
    NumericFeature(name="age", side="user", missing="impute"),
    whole=["user"],
    tasks=click_tasks("clicked", "bought"),
    keys=Keys(user="user", item="item", request="request", timestamp="time"),
    topics=(Topic(name="scene", domains=("home", "search")), Topic(name="region")),
    truth={"ctr": "p_click"},
)

ROWS: dict[str, list[Any]] = {
    "user": [1, 2, 3],
    "item": ["a", "b", "c"],
    "tags": [["x", "y"], [], None],
    "price": [1.0, 2.5, 3.0],
    "age": [30.0, None, float("nan")],
    "scene": ["home", None, "search"],
    "region": ["north", "", "south"],
    "clicked": [1, 0, 1],
    "bought": [0, 0, 1],
    "request": [10, 10, 11],
    "time": [100, 100, 200],
    "p_click": [0.5, 0.0, 1.0],
    "fold": [1, 2, 3],
}


def _chunk(**changes: Any) -> Chunk:
    return Chunk(pa.table({**ROWS, **changes}), "part-7.parquet", first_row=41)


def test_good_rows_come_back_with_canonical_types() -> None:
    frame = check_chunk(_chunk(), SCHEMA)
    assert dict(frame.schema) == {
        "user": pl.Int64,
        "item": pl.String,
        "tags": pl.List(pl.String),
        "price": pl.Float32,
        "age": pl.Float32,
        "scene": pl.String,
        "region": pl.String,
        "clicked": pl.UInt8,
        "bought": pl.UInt8,
        "request": pl.Int64,
        "time": pl.Int64,
        "p_click": pl.Float32,
    }
    assert frame.columns == list(SCHEMA.columns)
    expected = {name: ROWS[name] for name in SCHEMA.columns}
    assert frame.to_dict(as_series=False) == {**expected, "age": [30.0, None, None]}


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("clicked", [1, 2, 1], "expected 0, 1 or null, got 2"),
        ("bought", [0, 1, 1], "expected 0 or null where 'clicked' is 0, got 1"),
        ("price", [1.0, None, 3.0], "got a missing value"),
        ("price", [1.0, float("nan"), 3.0], "got a missing value"),
        ("price", [1.0, float("inf"), 3.0], "expected a finite number, got inf"),
        ("age", [1.0, float("-inf"), 3.0], "expected a finite number, got -inf"),
        ("item", ["a", "", "c"], "expected an id (and '' stands for a missing one), got ''"),
        ("request", [10, None, 11], "got a missing value"),
        ("time", [100, None, 200], "got a missing value"),
        ("scene", ["home", "radio", "search"], "['home', 'search'], got 'radio'"),
        ("tags", [["x"], ["x", "y", "z"], []], "at most 2 values, got ['x', 'y', 'z']"),
        ("p_click", [0.5, 1.5, 1.0], "expected a probability, got 1.5"),
        ("p_click", [0.5, None, 1.0], "expected a probability, got a missing value"),
        ("user", ["1", "two", "3"], "expected a whole number (an int64 id)"),
    ],
)
def test_bad_row_is_named(column: str, values: list[Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        check_chunk(_chunk(**{column: values}), SCHEMA)
    assert f"part-7.parquet, row 42, column {column!r}: " in str(error.value)
    assert message in str(error.value)


def test_missing_number_passes_where_it_is_imputed() -> None:
    frame = check_chunk(_chunk(age=[None, None, None]), SCHEMA)
    assert frame["age"].null_count() == 3


def test_unknown_domain_may_fall_back() -> None:
    scene = ["home", "radio", "search"]
    frame = check_chunk(_chunk(scene=scene), SCHEMA, unknown_domains="fallback")
    assert frame["scene"].to_list() == scene


def test_topic_without_listed_domains_takes_every_domain() -> None:
    frame = check_chunk(_chunk(region=["anywhere", "at", "all"]), SCHEMA)
    assert frame["region"][0] == "anywhere"


def test_missing_column_names_the_nearest_and_what_was_found() -> None:
    table = pa.table({("cliked" if name == "clicked" else name): ROWS[name] for name in ROWS})
    with pytest.raises(DataError) as error:
        check_chunk(Chunk(table, "part-7.parquet"), SCHEMA)
    assert "part-7.parquet" in str(error.value)
    assert "'clicked': did you mean 'cliked'?" in str(error.value)
    assert "'fold'" in str(error.value)


def test_duplicate_column_is_refused() -> None:
    table = pa.table({**ROWS}).append_column("price", pa.array([1.0, 1.0, 1.0]))
    with pytest.raises(DataError, match=r"more than once: \['price'\]"):
        check_chunk(Chunk(table, "part-7.parquet"), SCHEMA)


def test_user_id_is_not_shown() -> None:
    with pytest.raises(DataError) as error:
        check_chunk(_chunk(user=["1", "ann@home", "3"]), SCHEMA)
    assert "ann" not in str(error.value)
