"""What is decided of each column, what is refused, and that preparation takes the result."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    NumericFeature,
    Schema,
    SchemaError,
    Task,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.schema.inference.column_sides import ColumnSide, SideFinder
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


def _shop(rows: int = ROWS) -> pl.DataFrame:
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


def _joined(frame: pl.DataFrame) -> pl.DataFrame:
    """Bags as text, as a CSV file has them."""
    lists = [name for name, dtype in frame.schema.items() if dtype == pl.List(pl.String)]
    return frame.with_columns(pl.col(name).list.join("|") for name in lists)


def _infer(frame: Any, **changes: Any) -> InferredSchema:
    return infer_schema(frame, **{**NAMED, **changes})


def _with(**columns: Any) -> pl.DataFrame:
    return _shop().with_columns(pl.Series(name, values) for name, values in columns.items())


def _decision(inferred: InferredSchema, column: str) -> dict[str, Any]:
    return inferred.decisions.row(by_predicate=pl.col("column") == column, named=True)


def test_a_log_becomes_the_schema_that_one_would_write() -> None:
    schema = _infer(_shop()).schema
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
    frame = _shop()
    expected = _infer(frame)
    _joined(frame).write_csv(tmp_path / "log.csv")
    frame.write_parquet(tmp_path / "log.parquet")
    for log in (tmp_path / "log.csv", tmp_path / "log.parquet", frame.to_arrow(), frame.to_dict()):
        inferred = _infer(log)
        assert inferred.schema == expected.schema
        assert inferred.decisions.equals(expected.decisions)


def test_a_pandas_frame_gives_the_same_schema() -> None:
    pytest.importorskip("pandas")
    assert _infer(_shop().to_pandas()).schema == _infer(_shop()).schema


@pytest.mark.parametrize("bags", [False, True])
def test_preparation_takes_what_is_inferred(tmp_path: Path, bags: bool) -> None:
    log: Any = _shop() if bags else tmp_path / "log.csv"
    _joined(_shop()).write_csv(tmp_path / "log.csv")
    schema = Schema.infer(log, **NAMED, verbose=False, output=tmp_path / "schema.json")
    assert Schema.load(tmp_path / "schema.json") == schema
    dataset = prepare(
        LogsSource(log, schema), tmp_path / "data", SplitSpec.parse("train:3,test:1", "time")
    )
    assert dataset.schema.topic("market").domains == ("de", "us")
    assert dataset.schema.vocabulary("iid").size == ITEMS


def test_the_table_is_printed_unless_told_not_to(capsys: pytest.CaptureFixture[str]) -> None:
    Schema.infer(_shop(), **NAMED, verbose=False)
    assert capsys.readouterr().out == ""
    Schema.infer(_shop(), **NAMED, rows=100)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["column", "role", "kind", "side", "values", "missing", "why"]
    columns = [line.split()[0] for line in lines if line[:1] not in ("", " ")]
    assert columns[1:7] == ["uid", "iid", "ts", "clicked", "bought", "market"]
    assert "Looked at the first 100 rows; the log has more." in lines
    assert max(len(line) for line in lines) <= 118
    assert "Looked at all 400 rows." in str(_infer(_shop()))


def test_an_output_that_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        Schema.infer(_shop(), **NAMED, verbose=False, output=tmp_path / "schema.json")


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
    inferred = _infer(_with(**{name: values}))
    decision = _decision(inferred, name)
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
    frame = _with(x_id=(values * ROWS)[:ROWS])
    assert _infer(frame).schema.vocabulary("x_id").dtype == dtype


def test_titles_and_outcomes_are_left_out() -> None:
    frame = _shop()
    rng = np.random.default_rng(2)
    clicked = frame["clicked"].to_numpy() == 1
    frame = frame.with_columns(
        (pl.lit("title of ") + pl.col("iid").cast(pl.String)).alias("title"),
        pl.Series("paid", np.where(clicked & (rng.random(ROWS) < 0.6), rng.random(ROWS), 0)),
        pl.Series("stars", np.where(clicked, 4, 1) + rng.integers(0, 2, ROWS)),
    )
    inferred = _infer(frame)
    assert _decision(inferred, "title")["why"].startswith("one for nearly every item")
    assert _decision(inferred, "paid")["why"].startswith("one value wherever clicked is 0")
    assert _decision(inferred, "stars")["why"].startswith("its value decides clicked")
    kept = _infer(frame, kinds={"paid": "numeric", "title": "categorical"}).schema
    assert kept.feature("paid").side == "context"
    assert kept.feature("title").side == "item"


def test_a_side_that_the_rows_do_not_tell_is_a_guess() -> None:
    frame = _shop(USERS).with_columns(
        pl.Series("uid", range(USERS)), pl.Series("iid", range(USERS))
    )
    inferred = infer_schema(frame, user="uid", item="iid", tasks=["clicked"])
    decision = _decision(inferred, "user_city")
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
    frame = _shop()
    shop = (pl.col("uid").str.slice(1).cast(pl.Int64) % 2).cast(pl.String)
    frame = frame.with_columns(iid=pl.col("iid") * 2 + shop.cast(pl.Int64), shop=shop)
    repeated = {
        key: frame.group_by(key).len().filter(pl.col("len") > 1).height for key in ("uid", "iid")
    }
    assert repeated["iid"] > repeated["uid"]
    assert _infer(frame).schema.feature("shop").side == "item"


def test_a_wrong_guess_is_mended_in_one_line() -> None:
    schema = _infer(
        _with(count=np.random.default_rng(3).integers(0, 200, ROWS).astype(float)),
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
    schema = _infer(_shop(), kinds={"uid": "none"}).schema
    assert schema.keys.user == "uid"
    assert "uid" not in [feature.name for feature in schema.features]


def test_history_takes_the_item_and_three_of_its_features() -> None:
    more = {f"item_{n}": (pl.col("iid") % (5 + n)).cast(pl.String) for n in range(4)}
    schema = infer_schema(
        _shop().with_columns(**more), user="uid", item="iid", tasks=["clicked"], topics="market"
    ).schema
    assert schema.history is not None
    assert schema.history.elements == ("iid", "item_brand", "item_0", "item_1")
    assert not schema.history.time_gaps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": None}, "user=: which column says who a row is of? Columns: uid, iid, ts, "),
        ({"user": None}, "; did you mean 'uid'?"),
        ({"item": None}, "item=: which column says what was shown? "),
        ({"item": None}, "; did you mean 'iid'?"),
        ({"tasks": []}, "tasks=: which column holds the label, 0 or 1? "),
        ({"tasks": []}, "; did you mean 'clicked'?"),
        ({"user": "uids"}, "user=: the log has no column 'uids'; did you mean 'uid'?"),
        ({"time": "tss"}, "time=: the log has no column 'tss'; did you mean 'ts'?"),
        ({"request": "rid"}, "request=: the log has no column 'rid'; did you mean 'uid'?"),
        ({"topics": ["markets"]}, "topics=: the log has no column 'markets'; did you mean"),
        ({"tasks": ["clicks"]}, "tasks=: the log has no column 'clicks'; did you mean 'clicked'?"),
        ({"kinds": {"pric": "none"}}, "kinds=: the log has no column 'pric'"),
        ({"sides": {"pric": "item"}}, "sides=: the log has no column 'pric'"),
        ({"item": "uid"}, "user= and item=: column 'uid' is named twice, expected one role"),
        ({"tasks": ["clicked", "clicked"]}, "tasks= and tasks=: column 'clicked' is named twice"),
        (
            {"tasks": [Task("a", label="clicked"), Task("a", label="bought")]},
            "tasks: expected distinct names, got 'a' twice",
        ),
        ({"tasks": [Task("user_city", kind="regression")]}, "a number or null"),
        (
            {"tasks": ["clicked", Task("bought", within="click")]},
            "'bought' is within 'click', which is no task; did you mean 'clicked'?",
        ),
        (
            {"tasks": [Task("bought", within="clicked")]},
            "task 'bought' is within 'clicked', which is no task",
        ),
        (
            {"tasks": ["bought", Task("clicked", within="bought")]},
            "'clicked' is 1 where 'bought' is 0, expected it within 'bought'",
        ),
        ({"tasks": ["context_hour"]}, "; a number becomes a label by a limit of your choice"),
        (
            {"tasks": ["user_city"]},
            "label 'user_city', row 1: expected 0, 1 or null, got '",
        ),
        ({"tasks": ["item_tags"]}, "expected 0, 1 or null, got a column of type List(String)"),
        ({"topics": ["item_price"]}, "expected text or whole numbers, got a column of type Float"),
        ({"item": "context_load"}, "expected ids, whole numbers or text, got a column of type Fl"),
        ({"item": "user_age"}, "expected an id in every row, got none; "),
        ({"user": "item_tags"}, "user='item_tags'"),
        ({"kinds": {"user_age": "number"}}, "kinds={'user_age': 'number'}: expected one of"),
        ({"kinds": {"user_city": "numeric"}}, "expected numbers, the column holds text"),
        ({"kinds": {"item_price": "categorical"}}, "the column holds numbers with fractions"),
        ({"kinds": {"item_price": "bag"}}, "expected lists, or text joined by '|', the column ho"),
        ({"kinds": {"ts": "numeric"}}, "column 'ts' is named as time already"),
        ({"sides": {"user_age": "usr"}}, "sides={'user_age': 'usr'}: expected one of ('user', "),
        ({"rows": 0}, "rows=: expected a number of rows to look at, got 0"),
        (
            {"kinds": {"user_age": "none"}, "sides": {"user_age": "item"}},
            "sides=: column 'user_age' is left out (as kinds= says); to keep it, give its kind",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        _infer(_shop(), **changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"clicked": ["true", "false"]}, "got 'true'; text files write a label as 0 or 1"),
        ({"clicked": [None, None]}, "label 'clicked': expected 0, 1 or null, all are missing"),
        ({"ts": [1_704_067_200_000] * 2}, "which looks like milliseconds: divide it by 1,000"),
        ({"ts": ["1704067200", "soon"]}, "time='ts', row 2: expected seconds since 1970, ISO 8"),
        ({"ts": [0, None]}, "time='ts', row 2: expected seconds since 1970, ISO 8601 or timesta"),
        ({"ts": [True, False]}, "time='ts': expected seconds since 1970, ISO 8601 or timestamps"),
        ({"iid": [7, -1]}, "item='iid', row 2: expected an id in every row, got -1; "),
        ({"iid": ["a", ""]}, "item='iid', row 2: expected an id in every row, got none; "),
        ({"iid": ["a", "b\nc"]}, "item='iid': ids must not contain line breaks"),
        ({"iid": [2.0**60, 1.0]}, "have fractions, or more digits than a float holds"),
        ({"market": ["us", "us"]}, "expected 2 to 1,000 different domains in the rows looked at"),
    ],
)
def test_values_that_a_role_cannot_have_are_refused(columns: dict[str, Any], message: str) -> None:
    frame = _with(**{name: values * (ROWS // 2) for name, values in columns.items()})
    with pytest.raises(SchemaError) as error:
        _infer(frame, tasks=["clicked"])
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["user id", "history_user", "row"])
def test_a_user_or_topic_needs_a_usable_name(name: str) -> None:
    for old, changes in (("uid", {"user": name}), ("market", {"topics": [name]})):
        with pytest.raises(SchemaError, match=f"column '{name}' cannot be used: .*; rename it"):
            _infer(_shop().rename({old: name}), **changes)


def test_logs_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected rows, found none"):
        _infer(_shop().head(0))
    (tmp_path / "twice.csv").write_text("uid,iid,uid\n1,2,3\n")
    with pytest.raises(DataError, match=r"given more than once: \['uid'\]"):
        _infer(tmp_path / "twice.csv")


def _random_log(seed: int) -> pl.DataFrame:
    """Columns of all sorts, some of them unfit; the named ones are as they must be."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(60, 300))

    def holes(values: list[Any]) -> list[Any]:
        share = rng.choice([0.0, 0.2, 0.97])
        return [None if rng.random() < share else value for value in values]

    words = ["", "a", "b|c", "tr\u00fce", "0", "-1", "1e3", "nan", "x y", "07", "2024-01-01"]
    sorts: list[Any] = [
        lambda: rng.integers(-3, int(rng.choice([2, 40, 10_000])), rows).tolist(),
        lambda: rng.integers(0, 9, rows).astype(float).tolist(),
        lambda: rng.normal(size=rows).tolist(),
        lambda: (rng.random(rows) < 0.5).tolist(),
        lambda: [words[n] for n in rng.integers(0, len(words), rows)],
        lambda: [str(n) for n in rng.integers(0, 50, rows)],
        lambda: [list(range(n)) for n in rng.integers(0, 6, rows)],
        lambda: [["p", "q", None][: int(n)] for n in rng.integers(0, 4, rows)],
        lambda: ["|".join("abcde"[: int(n)]) for n in rng.integers(0, 6, rows)],
        lambda: [5] * rows,
        lambda: [None] * rows,
        lambda: [datetime.datetime(2024, 1, 1 + int(n)) for n in rng.integers(0, 20, rows)],
        lambda: [2**63 + int(n) for n in rng.integers(0, 9, rows)],
        lambda: [f"{n}.0" for n in rng.integers(0, 9, rows)],
    ]
    columns = {
        f"c{n}": pl.Series(holes(sorts[kind]()), strict=False)
        for n, kind in enumerate(rng.integers(0, len(sorts), 10))
    }
    clicked = rng.random(rows) < rng.choice([0.0, 0.3])
    named: dict[str, Any] = {
        "uid": rng.integers(-40, 40, rows) * 2,
        "iid": [f"i{n}" for n in rng.integers(0, 30, rows)],
        "clicked": clicked if seed % 2 else clicked.astype(float),
        "market": rng.integers(0, 2, rows),
    }
    return pl.DataFrame({**named, **columns})


@pytest.mark.parametrize("seed", range(20))
def test_preparation_takes_whatever_is_inferred(tmp_path: Path, seed: int) -> None:
    frame = _random_log(seed)
    logs: list[Any] = [frame]
    flat = frame.select(
        name for name, dtype in frame.schema.items() if not isinstance(dtype, pl.List)
    ).with_columns(clicked=pl.col("clicked").cast(pl.Int8))
    flat.write_csv(tmp_path / "log.csv")
    logs.append(tmp_path / "log.csv")
    for number, log in enumerate(logs):
        schema = Schema.infer(
            log, user="uid", item="iid", tasks=["clicked"], topics="market", verbose=False
        )
        split = SplitSpec.parse("train:2,test:1", "random")
        dataset = prepare(LogsSource(log, schema), tmp_path / str(number), split)
        assert dataset.schema.topic("market").domains == ("0", "1")
