"""Data that continue earlier data, against the same days prepared at once."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.click_logs import DAY, FIRST_SECOND, ClickLog
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import MANIFEST_FILE
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Schema, SchemaError
from tfrec_mt.storage.description import write_description

WHOLE = SplitSpec.parse("train:1", "time")
Of = Callable[..., PreparedDataset]


@pytest.fixture
def log(schema_of: Callable[..., Schema]) -> ClickLog:
    return ClickLog(log_schema=schema_of(long=6))


@pytest.fixture
def frame(log: ClickLog) -> pl.DataFrame:
    return pl.DataFrame(log.table())


@pytest.fixture
def day(log: ClickLog, frame: pl.DataFrame, tmp_path: Path) -> Of:
    """Prepares some days of the log, `day(0, 2)`, after others with `like=`."""
    made: list[Path] = []

    def run(first: int, stop: int, **options: Any) -> PreparedDataset:
        start, end = (FIRST_SECOND + number * DAY for number in (first, stop))
        rows = options.pop("rows", frame).filter(pl.col("time").is_between(start, end - 1))
        schema = options.pop("schema", log.schema)
        made.append(tmp_path / f"days{len(made)}")
        source = LogsSource(rows, schema)
        return prepare(source, made[-1], options.pop("split", WHOLE), **options)

    return run


def raw_histories(data: PreparedDataset) -> list[dict[str, Any]]:
    columns = [name for name in data.requests().columns if name.startswith("history_")]
    rows = data.requests().sort("row").select(columns)
    known = pl.col("history_price").list.eval(pl.element().fill_nan(None))
    return rows.with_columns(known).to_dicts()


def test_histories_go_on_as_if_the_days_were_one_log(day: Of) -> None:
    first = day(0, 2)
    later = day(2, 4, like=first)
    whole = day(0, 4, split=SplitSpec.parse("train:2,test:2", "days"))
    assert later.rows("train") == whole.rows("test")
    assert raw_histories(later) == raw_histories(whole)
    assert any(len(row["history_item_id"]) == 6 for row in raw_histories(later))


def test_histories_go_on_over_a_day_on_which_a_user_was_away(day: Of, frame: pl.DataFrame) -> None:
    away = frame.filter(
        (pl.col("user_id") != "u3")
        | ~pl.col("time").is_between(FIRST_SECOND + DAY, FIRST_SECOND + 2 * DAY)
    )
    first = day(0, 1, rows=away)
    second = day(1, 2, rows=away, like=first)
    third = day(2, 3, rows=away, like=second.path)
    whole = day(0, 3, rows=away, split=SplitSpec.parse("train:2,test:1", "days"))
    assert raw_histories(third) == raw_histories(whole)
    assert third.manifest.carried is not None and third.manifest.carried.preparations == 3
    assert third.manifest.like is not None
    ids = first.schema.ids_digest(), second.schema.ids_digest()
    assert third.manifest.like.ids == ids


def test_learned_parts_stay_and_ids_keep_their_codes(day: Of) -> None:
    first = day(0, 2)
    later = day(2, 4, like=first)
    for name in ("user", "item", "tag"):
        before, now = first.ids(name).to_list(), later.ids(name).to_list()
        assert now[: len(before)] == before
    for feature in ("price", "load"):
        assert later.schema.feature(feature) == first.schema.feature(feature)
    renewed = day(2, 4, like=first, renew_numbers=True)
    assert renewed.schema.feature("load") != first.schema.feature("load")


def test_without_growth_data_fit_a_model_of_the_earlier_ones(day: Of, frame: pl.DataFrame) -> None:
    first = day(0, 2)
    kept = day(2, 3, like=first, grow=False)
    assert kept.schema == first.schema
    new = frame.with_columns(
        pl.when(pl.col("time") % 2 == 0).then(99).otherwise("item_id").alias("item_id")
    )
    later = day(3, 4, like=kept, rows=new)
    assert later.schema.vocabulary("item").size > first.schema.vocabulary("item").size


def test_clicks_of_evicted_users_leave_with_them(
    day: Of, frame: pl.DataFrame, log: ClickLog
) -> None:
    rules = tuple(
        dataclasses.replace(v, evict_after=1) if v.name == "user" else v
        for v in log.schema.vocabularies
    )
    schema = dataclasses.replace(log.schema, vocabularies=rules)
    gone = frame.filter((pl.col("user_id") != "u5") | (pl.col("time") < FIRST_SECOND + DAY))
    data = day(0, 1, rows=gone)
    assert "u5" in data.carried("clicks")["user_id"].to_list()
    for number in range(1, 4):
        data = day(number, number + 1, rows=gone, schema=schema, like=data)
    assert "u5" not in data.carried("clicks")["user_id"].to_list()
    assert "u5" not in data.ids("user").to_list()
    assert data.manifest.like is not None
    kept = day(0, 4, rows=gone, schema=schema)
    assert "u5" in kept.ids("user").to_list()  # nothing leaves a first preparation


def test_carried_clicks_are_as_many_as_a_history_holds(day: Of) -> None:
    data = day(0, 2)
    counts = data.carried("clicks").group_by("user_id").len()["len"]
    assert counts.max() == 6
    data = day(2, 4, like=data)
    assert data.carried("clicks").group_by("user_id").len()["len"].max() == 6


def test_a_new_domain_is_an_error_a_fallback_or_admitted(day: Of, frame: pl.DataFrame) -> None:
    first = day(0, 2)
    moved = frame.with_columns(
        pl.when(pl.col("time") % 7 == 0).then(pl.lit("r9")).otherwise("region").alias("region")
    )
    with pytest.raises(
        DataError, match=r"expected one of the schema's domains \['r0', 'r1', 'r2'\]"
    ):
        day(2, 4, rows=moved, like=first)
    same = day(2, 4, rows=moved, like=first, unknown_domains="fallback")
    assert same.schema.topic("region").domains == ("r0", "r1", "r2")
    grown = day(2, 4, rows=moved, like=first, unknown_domains="admit")
    assert grown.schema.topic("region").domains == ("r0", "r1", "r2", "r9")
    assert grown.manifest.like is not None
    assert grown.manifest.like.domains == {"region": ("r9",)}


def test_a_domain_without_rows_keeps_its_code(day: Of, frame: pl.DataFrame) -> None:
    first = day(0, 2)
    fewer = frame.filter(pl.col("region") != "r0")
    later = day(2, 4, rows=fewer, like=first)
    assert later.schema.topic("region").domains == ("r0", "r1", "r2")


@pytest.mark.parametrize("days", [(0, 2), (1, 2), (0, 1)])
def test_a_day_out_of_order_or_given_twice_is_refused(days: tuple[int, int], day: Of) -> None:
    first = day(0, 2)
    with pytest.raises(
        DataError, match=r"expected rows later than its last, .* given twice, or out"
    ):
        day(*days, like=first)


def test_a_day_without_rows_or_a_column_is_refused_and_the_next_one_goes_on(
    day: Of, frame: pl.DataFrame
) -> None:
    first = day(0, 1)
    with pytest.raises(DataError, match="expected rows, found none"):
        day(1, 2, rows=frame.head(0), like=first)
    with pytest.raises(DataError, match=r"columns \['price'\] are missing"):
        day(1, 2, rows=frame.drop("price"), like=first)
    assert [path.name for path in first.path.parent.iterdir()] == [first.path.name]
    assert day(2, 3, like=first).rows("train")


def test_late_rows_of_an_earlier_day_are_taken(day: Of) -> None:
    first = day(0, 2)
    later = day(1, 4, like=first)
    assert later.rows("train") > day(2, 4, like=first).rows("train")


def test_another_log_is_refused_and_named(day: Of, log: ClickLog) -> None:
    first = day(0, 2)
    features = tuple(f for f in log.schema.features if f.name != "load")
    with pytest.raises(SchemaError, match="prepared with another schema: feature 'load' is in the"):
        day(2, 4, like=first, schema=dataclasses.replace(log.schema, features=features))


def test_data_of_an_earlier_release_are_refused(day: Of) -> None:
    first = day(0, 2)
    path = first.path / MANIFEST_FILE
    write_description(path, json.loads(path.read_text()) | {"carried": None, "format_version": 3})
    old = PreparedDataset(first.path)
    with pytest.raises(DataError, match="expected data to continue, but a release before"):
        day(2, 4, like=old)


def test_a_log_without_time_continues_but_for_histories(
    tmp_path: Path, schema_of: Callable[..., Schema], caplog: pytest.LogCaptureFixture
) -> None:
    schema = schema_of(timed=False)
    split = SplitSpec.parse("train:3,test:1", "random")
    first = prepare(ClickLog(log_schema=schema), tmp_path / "a", split)
    later = prepare(ClickLog(log_schema=schema, seed=1), tmp_path / "b", split, like=first)
    assert later.manifest.like is not None
    assert "the log has no time, so histories start anew" in caplog.text
    assert later.ids("user").to_list()[: len(first.ids("user"))] == first.ids("user").to_list()


def test_carried_files_are_verified(day: Of) -> None:
    first = day(0, 2)
    path = first.path / "carried" / "ids" / "item.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"carried/ids/item\.parquet"):
        day(2, 4, like=first.path)


def test_equal_days_give_equal_files(day: Of) -> None:
    first = day(0, 2)
    one, two = day(2, 4, like=first), day(2, 4, like=first)
    assert one.fingerprint == two.fingerprint
