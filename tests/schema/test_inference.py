"""What is decided of each column, whatever the log is given as."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.schema.inferred import (
    NAMED,
    ROWS,
    USERS,
    decided,
    infer,
    joined,
    shop_log,
    with_columns_of,
)
from tfrec_mt.schema import (
    CategoricalFeature,
    NumericFeature,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.schema.inference.column_sides import ColumnSide, SideFinder
from tfrec_mt.schema.inference.infer_schema import infer_schema


def test_a_log_becomes_the_schema_that_one_would_write() -> None:
    schema = infer(shop_log()).schema
    one = CategoricalFeature
    assert schema.features == (
        one(name="uid", vocabulary="uid", side="user"),
        one(name="iid", vocabulary="iid", side="item"),
        one(name="user_city", vocabulary="user_city", side="user"),
        NumericFeature(name="user_age", side="user", missing="impute"),
        NumericFeature(name="item_price", side="item"),
        one(name="item_brand", vocabulary="item_brand", side="item"),
        one(name="item_tags", vocabulary="item_tags", side="item", max_values=4),
        one(name="context_hour", vocabulary="context_hour", side="context"),
        one(name="context_device", vocabulary="context_device", side="context"),
        one(name="context_new", vocabulary="context_new", side="context"),
        NumericFeature(name="context_load", side="context"),
    )
    assert schema.vocabulary("uid") == Vocabulary(name="uid", hash_buckets=10)
    assert schema.vocabulary("iid") == Vocabulary(name="iid", dtype="int64", hash_buckets=10)
    assert schema.vocabulary("context_hour") == Vocabulary(name="context_hour", dtype="int64")
    assert schema.vocabulary("item_tags") == Vocabulary(name="item_tags")
    assert schema.tasks == click_tasks("clicked", "bought")
    assert schema.keys.timestamp == "ts"
    assert schema.topics == (Topic(name="market"),)
    assert schema.history is not None
    assert schema.history.elements == ("iid", "item_brand")
    assert (schema.history.short, schema.history.time_gaps) == (50, True)


def test_files_and_frames_give_the_same_schema(tmp_path: Path) -> None:
    frame = shop_log()
    expected = infer(frame)
    joined(frame).write_csv(tmp_path / "log.csv")
    frame.write_parquet(tmp_path / "log.parquet")
    for log in (tmp_path / "log.csv", tmp_path / "log.parquet", frame.to_arrow(), frame.to_dict()):
        inferred = infer(log)
        assert inferred.schema == expected.schema
        assert inferred.decisions.equals(expected.decisions)


def test_a_pandas_frame_gives_the_same_schema() -> None:
    pytest.importorskip("pandas")
    assert infer(shop_log().to_pandas()).schema == infer(shop_log()).schema


def test_the_table_is_printed_unless_told_not_to(capsys: pytest.CaptureFixture[str]) -> None:
    Schema.infer(shop_log(), **NAMED, verbose=False)
    assert capsys.readouterr().out == ""
    Schema.infer(shop_log(), **NAMED, rows=100)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["column", "role", "kind", "side", "values", "missing", "why"]
    columns = [line.split()[0] for line in lines if line[:1] not in ("", " ")]
    assert columns[1:7] == ["uid", "iid", "ts", "clicked", "bought", "market"]
    assert "Looked at the first 100 rows; the log has more." in lines
    assert max(len(line) for line in lines) <= 118
    assert "Looked at all 400 rows." in str(infer(shop_log()))


def test_an_output_that_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        Schema.infer(shop_log(), **NAMED, verbose=False, output=tmp_path / "schema.json")


NOISE = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("name", "values", "kind", "why"),
    [
        ("x", ["a"] * ROWS, None, "same value in every row"),
        ("x", [None] * ROWS, None, "no value"),
        ("x", [""] * ROWS, None, "no value"),
        ("x", [[]] * ROWS, None, "no value"),
        ("x", [f"text {n}" for n in range(ROWS)], None, "differs in nearly every row"),
        ("x", list(range(ROWS)), None, "numbers the rows"),
        ("ad_id", NOISE.permutation(ROWS), None, "ids that differ"),
        ("x", [datetime.date(2024, 1, 1 + n % 9) for n in range(ROWS)], None, "a time"),
        ("x", [f"2024-01-0{1 + n % 9}" for n in range(ROWS)], None, "a time"),
        ("seen_at", 1_704_067_200_000 + NOISE.integers(0, 10**9, ROWS), None, "looks like a time"),
        ("x", ["a\nb", "c"] * (ROWS // 2), None, "line breaks"),
        ("x", [float("inf"), 1.5] * (ROWS // 2), None, "infinite"),
        ("x", [[0.5, 1.5], [2.5, 0.1]] * (ROWS // 2), None, "lists of fractions"),
        ("x", [{"a": 1}, {"a": 2}] * (ROWS // 2), None, "a column of type Struct"),
        ("x y", ["a", "b"] * (ROWS // 2), None, "letters, digits and underscores"),
        ("history_x", ["a", "b"] * (ROWS // 2), None, "kept for history"),
        ("row", ["a", "b"] * (ROWS // 2), None, "kept for what preparation stores"),
        ("fold", NOISE.integers(0, 5, ROWS), None, "divides rows into parts"),
        ("x", ["a", None] * (ROWS // 2), "categorical", "text"),
        ("x", ["true", "False"] * (ROWS // 2), "categorical", "yes or no"),
        ("x", ["02139", "10001"] * (ROWS // 2), "categorical", "leading zeros"),
        ("x", ["3", "NULL", "5.5"] * 133 + ["4"], "numeric", "fractions"),
        ("x", ["3", "none yet", "5.5"] * 133 + ["4"], "categorical", "numbers but for 'none yet'"),
        ("x", [2**64 - 1, 2**64 - 2] * (ROWS // 2), "categorical", "more than 64 bits"),
        ("x", [-1, 5] * (ROWS // 2), "categorical", "-1 counts as missing"),
        ("x", NOISE.integers(0, 20, ROWS), "categorical", "few whole numbers; could be a topic"),
        ("x", NOISE.integers(0, 60, ROWS), "numeric", "whole numbers"),
        ("zip_code", NOISE.integers(0, 200, ROWS), "categorical", "named like ids"),
        ("movieId", NOISE.integers(0, 200, ROWS), "categorical", "named like ids"),
        ("bid", NOISE.integers(0, 200, ROWS), "numeric", "whole numbers"),
        ("x", NOISE.random(ROWS), "numeric", "fractions"),
        ("x", [0.0] * 300 + list(NOISE.random(100)), "numeric", "0 in 75% of its rows"),
        ("x", ["0.5", "nan", "2"] * 133 + ["1"], "numeric", "fractions"),
        ("x", [["a"], ["b"]] * (ROWS // 2), "bag", "up to 2 values"),
        ("x", ["1|2", "3", "4|5|6|7|8"] * 133 + [""], "bag", "up to 8 values"),
        ("position", NOISE.integers(0, 10, ROWS), "categorical", 'sides={"position": "exposure"}'),
    ],
)
def test_what_a_column_holds_decides_its_kind(
    name: str, values: Any, kind: str | None, why: str
) -> None:
    inferred = infer(with_columns_of(**{name: values}))
    decision = decided(inferred, name)
    assert decision["kind"] == kind
    assert why in decision["why"]
    assert (decision["role"] == "left out") == (kind is None)
    assert (name in [feature.name for feature in inferred.schema.features]) == (kind is not None)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([3.0, None, 5.0], "int64"),
        (["3.0", "", "5"], "int64"),
        (["9007199254740993.0", "1", "1"], "int64"),
        (["92233720368547758080.0", "1", "1"], "string"),
        ([["1", "2"], ["3"], []], "int64"),
        (["1|2", "x", "3"], "string"),
        ([True, False, None], "string"),
    ],
)
def test_ids_keep_all_their_digits(values: list[Any], dtype: str) -> None:
    frame = with_columns_of(x_id=(values * ROWS)[:ROWS])
    assert infer(frame).schema.vocabulary("x_id").dtype == dtype


def test_titles_and_outcomes_are_left_out() -> None:
    frame = shop_log()
    rng = np.random.default_rng(2)
    clicked = frame["clicked"].to_numpy() == 1
    frame = frame.with_columns(
        (pl.lit("title of ") + pl.col("iid").cast(pl.String)).alias("title"),
        pl.Series("paid", np.where(clicked & (rng.random(ROWS) < 0.6), rng.random(ROWS), 0)),
        pl.Series("stars", np.where(clicked, 4, 1) + rng.integers(0, 2, ROWS)),
    )
    inferred = infer(frame)
    assert decided(inferred, "title")["why"].startswith("one for nearly every item")
    assert decided(inferred, "paid")["why"].startswith("one value wherever clicked is 0")
    assert decided(inferred, "stars")["why"].startswith("its value decides clicked")
    kept = infer(frame, kinds={"paid": "numeric", "title": "categorical"}).schema
    assert kept.feature("paid").side == "context"
    assert kept.feature("title").side == "item"


def test_a_side_that_the_rows_do_not_tell_is_a_guess() -> None:
    frame = shop_log(USERS).with_columns(
        pl.Series("uid", range(USERS)), pl.Series("iid", range(USERS))
    )
    inferred = infer_schema(frame, user="uid", item="iid", tasks=["clicked"])
    decision = decided(inferred, "user_city")
    assert (decision["side"], decision["guessed"]) == ("context", True)
    assert "context?" in str(inferred)
    assert "too few ids" in str(inferred)


def test_a_rare_flag_is_alike_within_ids_by_chance() -> None:
    ids = np.arange(3_000, dtype=np.uint64)
    finder = SideFinder(users=ids, items=ids % 1_000)
    assert finder.decide((ids < 2).astype(np.uint64)).guessed
    assert finder.decide(ids % 1_000 % 7) == ColumnSide("item", "one value per item")
    both = SideFinder(users=ids // 2, items=ids % 1_000)
    assert both.decide(ids % 7) == ColumnSide("context")


def test_one_value_per_user_and_per_item_goes_by_the_more_ids() -> None:
    frame = shop_log()
    shop = (pl.col("uid").str.slice(1).cast(pl.Int64) % 2).cast(pl.String)
    frame = frame.with_columns(iid=pl.col("iid") * 2 + shop.cast(pl.Int64), shop=shop)
    repeated = {
        key: frame.group_by(key).len().filter(pl.col("len") > 1).height for key in ("uid", "iid")
    }
    assert repeated["iid"] > repeated["uid"]
    assert infer(frame).schema.feature("shop").side == "item"


def test_a_wrong_guess_is_mended_in_one_line() -> None:
    schema = infer(
        with_columns_of(count=np.random.default_rng(3).integers(0, 200, ROWS).astype(float)),
        kinds={
            "count": "categorical",
            "context_hour": "numeric",
            "item_brand": "none",
            "context_device": "bag",
        },
        sides={"user_city": "context", "context_load": "exposure"},
        history=False,
    ).schema
    assert schema.vocabulary("count").dtype == "int64"
    assert isinstance(schema.feature("context_hour"), NumericFeature)
    device = schema.feature("context_device")
    assert isinstance(device, CategoricalFeature)
    assert device.max_values == 2
    assert schema.feature("user_city").side == "context"
    assert schema.feature("context_load").side == "exposure"
    assert "item_brand" not in schema.columns
    assert schema.history is None


def test_a_key_may_be_no_feature() -> None:
    schema = infer(shop_log(), kinds={"uid": "none"}).schema
    assert schema.keys.user == "uid"
    assert "uid" not in [feature.name for feature in schema.features]


def test_history_takes_the_item_and_three_of_its_features() -> None:
    more = {f"item_{n}": (pl.col("iid") % (5 + n)).cast(pl.String) for n in range(4)}
    schema = infer_schema(
        shop_log().with_columns(**more), user="uid", item="iid", tasks=["clicked"], topics="market"
    ).schema
    assert schema.history is not None
    assert schema.history.elements == ("iid", "item_brand", "item_0", "item_1")
    assert not schema.history.time_gaps


def test_a_history_is_proposed_where_a_user_has_two_rows(tmp_path: Path) -> None:
    once = shop_log().with_columns(uid=pl.Series(range(ROWS)))
    inferred = infer(once)
    assert inferred.schema.history is None
    assert "History: none, no user has two rows." in str(inferred)
    assert infer(once, rows=100).schema.history is not None  # who knows what follows
    twice = once.with_columns(uid=pl.Series([7, 7, *range(10, ROWS + 8)]))
    twice.with_columns(pl.col("uid").replace(7, None)).drop("item_tags").write_csv(
        tmp_path / "log.csv"
    )
    assert infer(twice).schema.history is not None
    assert infer(tmp_path / "log.csv").schema.history is None  # no user is no user


def test_a_history_without_times_says_what_is_missing() -> None:
    inferred = infer(shop_log(), time=None)
    assert inferred.schema.history is not None and not inferred.schema.history.time_gaps
    assert "without time= their order is not known" in inferred.history
    assert "pass time='ts'" in inferred.history
