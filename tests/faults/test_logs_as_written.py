"""Logs as people and databases write them: read as meant, or refused, and what is doubtful said."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import tfrec_mt as mt
from tests.schemas import ids, log_schema
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.schema import Feature, History, Keys, NumericFeature, Schema, Task, Topic

ROWS = 240


def _schema(*features: Feature, keys: Keys | None = None, **rest: Any) -> Schema:
    return log_schema(
        ids("uid", "user"),
        ids("iid"),
        *features,
        whole=["uid", "iid", "post"],
        tasks=(Task(name="click", label="click"),),
        keys=keys or Keys(user="uid", item="iid"),
        **rest,
    )


def _log(folder: Path, columns: dict[str, list[str]], name: str = "log.csv") -> Path:
    rows = len(next(iter(columns.values()), [])) or ROWS
    frame = {
        "uid": [str(100 + i % 7) for i in range(rows)],
        "iid": [str(1 + i % 5) for i in range(rows)],
        **columns,
    }
    frame.setdefault("click", [str(i % 2) for i in range(rows)])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pl.DataFrame(frame).write_csv().encode())
    return folder / name


def _prepared(folder: Path, schema: Schema, columns: dict[str, list[str]]) -> PreparedDataset:
    return mt.prepare(_log(folder, columns), schema, folder / "data", split="random")


def _column(data: PreparedDataset, name: str) -> list[Any]:
    found = [batch for part in data.parts for batch in scan(data, part, 1_000)]
    return sorted(np.concatenate([batch.features[name] for batch in found]).tolist())


def _repeat(values: list[str], rows: int = ROWS) -> list[str]:
    return [values[i % len(values)] for i in range(rows)]


def _doubts(data: PreparedDataset) -> str:
    return "\n".join(f"{doubt.column}: {doubt.what}" for doubt in data.manifest.doubts)


TAGS = ids("tags", max_values=3)


@pytest.mark.fault_case("lists")
@pytest.mark.parametrize(
    ("written", "separator"),
    [
        (["red|hot", "red", "red|hot|new"], None),
        (["['red', 'hot']", "['red']", "['red', 'hot', 'new']"], None),
        (['["red", "hot"]', '["red"]', '["red", "hot", "new"]'], None),
        (["['red' 'hot']", "['red']", "['red'\n 'hot' 'new']"], None),
        (["{red,hot}", "{red}", '{red,"hot",new}'], None),
        (["red,hot", "red", "red,hot,new"], ","),
        (["red;hot", "red", "red;hot;new"], ";"),
    ],
)
def test_a_list_is_read_however_it_is_written(
    tmp_path: Path, written: list[str], separator: str | None
) -> None:
    feature = ids("tags", max_values=3, separator=separator)
    data = _prepared(tmp_path, _schema(feature), {"tags": _repeat(written)})
    assert sorted(data.ids("tags")) == ["hot", "new", "red"]
    assert "tags" not in _doubts(data)


@pytest.mark.fault_case("lists")
def test_another_separator_is_doubtful_and_two_notations_are_refused(tmp_path: Path) -> None:
    data = _prepared(tmp_path / "a", _schema(TAGS), {"tags": _repeat(["red,hot", "red"])})
    assert "tags: every bag holds one value at most" in _doubts(data)
    with pytest.raises(DataError, match="row 2, column 'tags': expected a written list"):
        _prepared(tmp_path / "b", _schema(TAGS), {"tags": _repeat(["['red']", "red|hot"])})


@pytest.mark.fault_case("words for missing")
def test_words_for_missing_are_missing_where_they_can_be_nothing_else(tmp_path: Path) -> None:
    brand = ids("brand")
    price = NumericFeature(name="price", side="item", missing="impute")
    columns = {
        "brand": _repeat(["a", "\\N", "NULL", "b"]),
        "price": _repeat(["1.5", "2", "NULL", "\\N", "nan", "7"]),
        "city": _repeat(["north", "NULL"]),
    }
    topics = (Topic(name="city"),)
    data = _prepared(tmp_path / "a", _schema(brand, price, topics=topics), columns)
    assert sorted(data.ids("brand")) == ["NULL", "a", "b"]
    told = _doubts(data)
    for sentence in (
        "brand: 'NULL' are ids; null_words would read them as missing",
        "city: 'NULL' are domains; null_words would read them as missing",
        "price: 'NULL' is read as a missing value in 40 rows",
        "price: 120 of 240 values are missing and imputed",
    ):
        assert sentence in told
    schema = _schema(brand, price, topics=topics, null_words=("\\N", "NULL"))
    data = _prepared(tmp_path / "b", schema, columns)
    assert sorted(data.ids("brand")) == ["a", "b"]
    assert data.schema.topic("city").domains == ("north",)


WIDE = [str(1_700_000_000_000_000_000 + 37 * i) for i in range(10)]
POST = ids("post")


@pytest.mark.fault_case("wide ids")
def test_wide_ids_keep_their_digits_or_are_refused(tmp_path: Path) -> None:
    floats = [f"{post}.0" for post in WIDE] + [""]
    data = _prepared(tmp_path, _schema(POST), {"post": _repeat(floats)})
    assert sorted(data.ids("post").to_list()) == sorted(map(int, WIDE))
    rounded = [f"{float(post):.6e}" for post in WIDE]
    with pytest.raises(DataError, match="row 1, column 'post': expected a whole number"):
        _prepared(tmp_path / "b", _schema(POST), {"post": _repeat(rounded)})
    data = _prepared(tmp_path / "c", _schema(ids("text")), {"text": _repeat(rounded)})
    assert "text: ids such as '1.7" in _doubts(data)


@pytest.mark.fault_case("wide ids")
@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("post", pa.float64(), 1.7e18),
        ("post", pa.float32(), 2e7),
        ("time", pa.float32(), 1.7e9),
    ],
)
def test_a_float_that_cannot_hold_the_digits_is_refused(
    tmp_path: Path, column: str, kind: pa.DataType, value: float
) -> None:
    table: dict[str, Any] = {"uid": [1, 2], "iid": [1, 2], "click": [0, 1]}
    table |= {"post": [3, 4], "time": [10**9, 10**9]}
    table[column] = pa.array([1.0, value], kind)
    schema = _schema(POST, keys=Keys(user="uid", item="iid", timestamp="time"))
    message = f"row 2, column '{column}': expected .* in a type that holds its digits"
    with pytest.raises(DataError, match=message):
        mt.prepare(pa.table(table), schema, tmp_path / "data")


@pytest.mark.fault_case("rare values")
def test_a_number_that_is_zero_in_most_rows_keeps_boundaries(tmp_path: Path) -> None:
    sold = NumericFeature(name="sold", side="item", buckets=16)
    values = ["0"] * 38 + ["1", "8"]
    data = _prepared(tmp_path, _schema(sold), {"sold": _repeat(values)})
    assert data.schema.feature("sold").boundaries == (1.0, 8.0)  # type: ignore[union-attr]
    assert set(_column(data, "sold")) == {1, 2, 3}
    same = {"sold": _repeat(["3"])}
    assert "sold: every value of the first part is 3" in _doubts(
        _prepared(tmp_path / "b", _schema(sold), same)
    )


@pytest.mark.fault_case("labels")
@pytest.mark.parametrize("written", [("False", "True"), ("false", "true"), ("f", "t"), ("0", "1")])
def test_booleans_are_labels(tmp_path: Path, written: tuple[str, str]) -> None:
    data = _prepared(tmp_path, _schema(), {"click": _repeat([*written, "", written[0]])})
    labels = np.concatenate(
        [batch.labels["click"] for part in data.parts for batch in scan(data, part, 999)]
    )
    assert int(np.nansum(labels)) == 60
    assert int(np.isnan(labels).sum()) == 60


MOMENT = 1_698_877_027  # 2023-11-01 22:17:07 UTC


@pytest.mark.fault_case("times")
@pytest.mark.parametrize(
    ("written", "stated", "second"),
    [
        ("2023-11-01 22:17:07 UTC", {}, MOMENT),
        ("2023-11-01 22:17:07.123456 UTC", {}, MOMENT),
        ("2023-11-01 22:17:07.5+00", {}, MOMENT),
        ("2023-11-02 03:47:07+05:30", {}, MOMENT),
        ("2023-11-01T22:17:07.000Z", {}, MOMENT),
        (f"{MOMENT}123", {"time_unit": "milliseconds"}, MOMENT),
        ("01/11/2023 22:17", {"time_format": "%d/%m/%Y %H:%M"}, MOMENT - 7),
        ("20231101", {"time_format": "%Y%m%d"}, MOMENT - MOMENT % 86_400),
        ("19662", {"time_unit": "days"}, MOMENT - MOMENT % 86_400),
    ],
)
def test_times_of_databases_and_stated_ones_are_read(
    tmp_path: Path, written: str, stated: dict[str, Any], second: int
) -> None:
    schema = _schema(keys=Keys(user="uid", item="iid", timestamp="at", **stated))
    data = _prepared(tmp_path, schema, {"at": _repeat([written])})
    seconds = {int(s) for batch in scan(data, "train", 999) for s in batch.keys["timestamp"]}
    assert seconds == {second}


@pytest.mark.fault_case("times")
def test_days_written_as_digits_are_not_taken_for_seconds(tmp_path: Path) -> None:
    schema = _schema(keys=Keys(user="uid", item="iid", timestamp="at"))
    with pytest.raises(DataError, match=r"row 1, column 'at': .*time_format '%Y%m%d'.*20231114"):
        _prepared(tmp_path, schema, {"at": _repeat(["20231114", "20231115"])})
    with pytest.raises(SchemaError, match="time_unit must be one of"):
        Keys(user="uid", item="iid", timestamp="at", time_unit="hours")  # type: ignore[arg-type]


@pytest.mark.fault_case("empty files")
def test_engines_leave_empty_files_and_folders_of_keys(tmp_path: Path) -> None:
    for part in ("2023-11-01", "2023-11-02", "__HIVE_DEFAULT_PARTITION__"):
        _log(tmp_path / "log" / f"city=north%20side/day={part}", {}, "part-0.csv")
    (tmp_path / "log" / "_SUCCESS").touch()
    (tmp_path / "log" / "part-1.csv").touch()
    (tmp_path / "log" / "part-2.csv").write_text("uid,iid,click\n")
    schema = _schema(ids("day", "context"), topics=(Topic(name="city"),))
    data = mt.prepare(tmp_path / "log", schema, tmp_path / "data", split="random")
    assert sum(data.rows(part) for part in data.parts) == 3 * ROWS
    assert data.schema.topic("city").domains == ("north side",)
    assert sorted(data.ids("day")) == ["2023-11-01", "2023-11-02"]


@pytest.mark.fault_case("compressed")
@pytest.mark.parametrize(("suffix", "kind"), [(".gz", "gzip"), (".zst", "zstd")])
def test_compressed_text_is_read(tmp_path: Path, suffix: str, kind: str) -> None:
    plain = _log(tmp_path, {})
    path = tmp_path / f"log.csv{suffix}"
    with pa.CompressedOutputStream(str(path), kind) as stream:
        stream.write(plain.read_bytes())
    found = mt.prepare(path, _schema(), tmp_path / "a", split="random")
    same = mt.prepare(plain, _schema(), tmp_path / "b", split="random")
    assert found.manifest.parts == same.manifest.parts


@pytest.mark.fault_case("keys of two types")
def test_a_key_that_is_text_in_one_file_and_a_number_in_another_is_one_key(tmp_path: Path) -> None:
    keys = Keys(user="who", item="iid", timestamp="at")
    rows = {"uid": [1, 2], "iid": [1, 2], "click": [1, 1]}
    (tmp_path / "log").mkdir()
    for number, who in enumerate([[17, 18], ["17", "x"]]):
        frame = pl.DataFrame(rows | {"who": who, "at": [10**9 + number] * 2})
        frame.write_parquet(tmp_path / "log" / f"{number}.parquet")
    schema = _schema(keys=keys, history=History(elements=("iid",), short=2))
    data = mt.prepare(tmp_path / "log", schema, tmp_path / "data", split="random")
    users = [
        int(u) for part in data.parts for batch in scan(data, part, 9) for u in batch.keys["user"]
    ]
    assert len(set(users)) == 3


@pytest.mark.fault_case("no user")
@pytest.mark.parametrize("timed", [True, False])
def test_rows_without_a_user_have_no_history_and_are_users_of_their_own(
    tmp_path: Path, timed: bool
) -> None:
    columns = {
        "uid": _repeat(["1", "2", ""]),
        "click": ["1"] * ROWS,
        "at": [str(10**9 + i) for i in range(ROWS)],
    }
    keys = Keys(user="uid", item="iid", timestamp="at" if timed else None)
    schema = _schema(keys=keys, history=History(elements=("iid",), short=4))
    log = _log(tmp_path, columns)
    data = mt.prepare(log, schema, tmp_path / "data", split="time" if timed else "random")
    nobody, seen = [], 0
    for part in data.parts:
        for batch in scan(data, part, 999):
            none = batch.features["uid"] == 0
            nobody += batch.keys["user"][none].tolist()
            assert not batch.features["history_iid"][none].any()
            seen += int(batch.features["history_iid"][~none].any(axis=1).sum())
    assert len(set(nobody)) == len(nobody) == ROWS // 3
    assert seen > ROWS / 2
    assert "uid: 80 rows name no user" in _doubts(data)


@pytest.mark.fault_case("domains of few rows")
def test_domains_of_few_rows_and_numbers_far_out_are_doubtful(tmp_path: Path) -> None:
    load = NumericFeature(name="load", side="context", buckets=None)
    rows = 6_000
    columns = {
        "city": ["south"] * 60 + ["north"] * (rows - 60),
        "load": ["1e9", *_repeat(["1", "2", "3"], rows - 1)],
        "at": [str(10**9 + i) for i in range(rows)],
    }
    keys = Keys(user="uid", item="iid", timestamp="at")
    schema = _schema(load, keys=keys, topics=(Topic(name="city"),))
    told = _doubts(mt.prepare(_log(tmp_path, columns), schema, tmp_path / "data"))
    assert "city: 1 of 2 domains have fewer than 100 rows, such as 'south' with 60" in told
    assert "load: values reach from 1 to 1e+09" in told
