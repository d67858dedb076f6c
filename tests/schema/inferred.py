"""A log whose columns say what they are, and what is inferred of it."""

from typing import Any

import numpy as np
import polars as pl

from tfrec_mt.schema import Task
from tfrec_mt.schema.inference.infer_schema import infer_schema
from tfrec_mt.schema.inference.inferred_schema import InferredSchema

ROWS = 400
USERS, ITEMS = 30, 25
TASKS = ["clicked", Task("bought", within="clicked")]
NAMED: dict[str, Any] = {
    "user": "uid",
    "item": "iid",
    "time": "ts",
    "tasks": TASKS,
    "topics": ["market"],
}


def shop_log(rows: int = ROWS) -> pl.DataFrame:
    """A log whose columns say what they are: `<side>_<what>` but for the named ones."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, USERS, rows), rng.integers(0, ITEMS, rows)
    clicked = rng.random(rows) < 0.4
    bought = clicked & (rng.random(rows) < 0.5)
    prices = rng.integers(1, 9_000, ITEMS) / 100
    ages = [None if age < 25 else age + 0.5 for age in rng.integers(20, 80, USERS)]
    tags = [["red"], ["red", "blue"], ["blue", "green", "red"], [], ["green", "gold"]]
    return pl.DataFrame(
        {
            "uid": [f"u{u}" for u in user],
            "iid": item + 100,
            "ts": 1_704_067_200 + 60 * np.arange(rows),
            "clicked": clicked.astype(np.int8),
            "bought": bought.astype(np.int8),
            "market": [("us", "de")[n] for n in rng.integers(0, 2, rows)],
            "user_city": [("rome", "oslo", "bonn")[u % 3] for u in user],
            "user_age": [ages[u] for u in user],
            "item_price": prices[item],
            "item_brand": [f"brand {i % 7}" for i in item],
            "item_tags": [tags[i % 5] for i in item],
            "context_hour": rng.integers(0, 24, rows),
            "context_device": [("phone", None, "web")[n] for n in rng.integers(0, 3, rows)],
            "context_new": rng.random(rows) < 0.5,
            "context_load": np.where(rng.random(rows) < 0.7, 0.0, rng.random(rows).round(3)),
        }
    )


def joined(frame: pl.DataFrame) -> pl.DataFrame:
    """Bags as text, as a CSV file has them."""
    lists = [name for name, dtype in frame.schema.items() if dtype == pl.List(pl.String)]
    return frame.with_columns(pl.col(name).list.join("|") for name in lists)


def infer(frame: Any, **changes: Any) -> InferredSchema:
    return infer_schema(frame, **{**NAMED, **changes})


def with_columns_of(**columns: Any) -> pl.DataFrame:
    return shop_log().with_columns(pl.Series(name, values) for name, values in columns.items())


def decided(inferred: InferredSchema, column: str) -> dict[str, Any]:
    return inferred.decisions.row(by_predicate=pl.col("column") == column, named=True)
