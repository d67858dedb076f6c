import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.schemas import ids, log_schema
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.source import Chunk
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.schema import DataError, Keys, NumericFeature, Topic, click_tasks
from tfrec_mt.tables import delimited

SCHEMA = log_schema(
    ids("item"),
    ids("tags", max_values=3),
    NumericFeature(name="price", side="item", missing="impute"),
    whole=["item"],
    tasks=click_tasks("clicked"),
    keys=Keys(user="user", item="shown", timestamp="time"),
    topics=(Topic(name="scene"),),
)
HEADER = "user,item,shown,note,tags,price,clicked,time,scene"
LINES = [
    "u1,1,7,,red|blue,2.5,1,2024-01-01T00:00:00Z,home",
    'u2,,7,"a, ""b"" and\nc",,,0,1704067201,',
    "u\u00e9,3,7,x,green,1e2,1,1704067202.75,search",
]
EXPECTED: dict[str, list[Any]] = {
    "item": [1, None, 3],
    "shown": ["7", "7", "7"],
    "tags": [["red", "blue"], [], ["green"]],
    "price": [2.5, None, 100.0],
    "scene": ["home", "", "search"],
    "clicked": [1, 0, 1],
    "user": ["u1", "u2", "u\u00e9"],
    "time": [1704067200, 1704067201, 1704067202],
}


def _text(lines: list[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in [HEADER, *lines]).encode()


def _rows(source: LogsSource) -> pl.DataFrame:
    return pl.concat(check_chunk(chunk, source.schema) for chunk in source.chunks())


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("log.csv", lambda: _text(LINES)),
        ("bom.csv", lambda: b"\xef\xbb\xbf" + _text(LINES)),
        ("crlf.csv", lambda: _text(LINES, "\r\n")),
        ("bom_crlf.csv", lambda: b"\xef\xbb\xbf" + _text(LINES, "\r\n")),
        ("no_last_newline.CSV", lambda: _text(LINES)[:-1]),
        ("log.csv.gz", lambda: gzip.compress(_text(LINES))),
        ("log.tsv", lambda: _text(LINES).replace(b",", b"\t")),
        ("log.tsv.gz", lambda: gzip.compress(_text(LINES).replace(b",", b"\t"))),
    ],
)
def test_text_files_give_the_types_of_the_schema(
    tmp_path: Path, name: str, encode: Callable[[], bytes]
) -> None:
    (tmp_path / name).write_bytes(encode())
    rows = _rows(LogsSource(tmp_path / name, SCHEMA))
    assert rows.columns == list(SCHEMA.columns)
    assert rows.to_dict(as_series=False) == EXPECTED


def _table(**changes: Any) -> pa.Table:
    return pa.table({**EXPECTED, "note": [None, "b", "c"], **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tags": ["red|blue", "", "green"]},
        {"item": [1.0, float("nan"), 3.0]},
        {"clicked": [True, False, True]},
        {"time": pa.array([1704067200_000, 1704067201_000, 1704067202_750], pa.timestamp("ms"))},
        {"user": pa.array(["u1", "u2", "u\u00e9"]).dictionary_encode()},
    ],
)
def test_parquet_gives_the_same_rows(tmp_path: Path, changes: dict[str, Any]) -> None:
    pq.write_table(_table(**changes), tmp_path / "log.parquet")
    rows = _rows(LogsSource(tmp_path / "log.parquet", SCHEMA))
    assert rows.columns == list(SCHEMA.columns)
    assert rows.to_dict(as_series=False) == EXPECTED


def test_folders_and_patterns_are_read_by_name_and_once(tmp_path: Path) -> None:
    for day, item in (("day=2", 12), ("day=1", 11)):
        (tmp_path / day).mkdir()
        line = f"u,{item},7,,,1,0,{item},home"
        (tmp_path / day / "part-0.csv").write_bytes(_text([line]))
    (tmp_path / "day=1" / "_SUCCESS").touch()
    (tmp_path / "day=1" / ".part-0.csv").write_text("hidden")
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "part-9.csv").write_text("hidden")
    items = _rows(LogsSource(tmp_path, SCHEMA))["item"].to_list()
    assert items == [11, 12]
    twice: list[str | Path] = [tmp_path / "day=2", str(tmp_path / "day=*" / "*.csv")]
    assert _rows(LogsSource(twice, SCHEMA))["item"].to_list() == [12, 11]


def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 256)


def _many(count: int) -> list[str]:
    return [f"u{i},{i},7,note,red,1,0,{i},home" for i in range(1, count + 1)]


def test_chunks_know_their_rows_and_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_blocks(monkeypatch)
    (tmp_path / "log.csv").write_bytes(_text(_many(40)))
    source = LogsSource(tmp_path, SCHEMA)
    chunks = list(source.chunks())
    assert len(chunks) > 3
    for chunk in chunks:
        assert chunk.table["item"][0].as_py() == str(chunk.first_row)
    assert [c.table for c in source.chunks()] == [c.table for c in chunks]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("item", "1x", "expected a whole number (an int64 id), got '1x'"),
        ("price", "cheap", "expected a finite number, got 'cheap'"),
        ("price", "inf", "expected a finite number, got 'inf'"),
        ("clicked", "2", "expected 0, 1 or null, got '2'"),
        ("time", "yesterday", "ISO 8601, got 'yesterday'"),
    ],
)
def test_wrong_value_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: str, message: str
) -> None:
    _small_blocks(monkeypatch)
    lines = _many(40)
    fields = lines[32].split(",")
    fields[HEADER.split(",").index(column)] = value
    lines[32] = ",".join(fields)
    (tmp_path / "log.csv").write_bytes(_text(lines))
    with pytest.raises(DataError) as error:
        _rows(LogsSource(tmp_path, SCHEMA))
    assert f"log.csv, row 33, column {column!r}: " in str(error.value)
    assert message in str(error.value)


def test_wrong_column_type_in_parquet(tmp_path: Path) -> None:
    pq.write_table(_table(tags=[1, 2, 3]), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"log\.parquet, column 'tags': expected a list"):
        _rows(LogsSource(tmp_path, SCHEMA))


@pytest.mark.parametrize(
    ("line", "fields"), [("u,1,7,,,1,0,5", 8), ("u,1,7,,,1,0,5,home,more", 10)]
)
def test_row_with_other_number_of_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, fields: int
) -> None:
    _small_blocks(monkeypatch)
    (tmp_path / "log.csv").write_bytes(_text([*_many(30), line, *_many(5)]))
    with pytest.raises(DataError, match=rf"log\.csv, row 31: expected 9 fields, got {fields}"):
        list(LogsSource(tmp_path, SCHEMA).chunks())


def test_missing_column(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(_text(LINES).replace(b"clicked", b"click"))
    with pytest.raises(DataError) as error:
        LogsSource(tmp_path, SCHEMA)
    for part in ("log.csv", "'clicked': did you mean 'click'?", "found: ['user', 'item'"):
        assert part in str(error.value)


def test_duplicate_columns(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(_text(LINES).replace(b"note", b"price"))
    with pytest.raises(DataError, match=r"log\.csv.*more than once: \['price'\]"):
        LogsSource(tmp_path, SCHEMA)
    table = _table().append_column("price", pa.array([1.0, 1.0, 1.0]))
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"log\.parquet.*more than once: \['price'\]"):
        LogsSource(tmp_path / "log.parquet", SCHEMA)


@pytest.mark.parametrize("name", ["log.csv", "log.tsv.gz", "log.parquet"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    with pytest.raises(DataError, match=rf"{name}: expected .* file is empty"):
        LogsSource(tmp_path, SCHEMA)


def test_header_only(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(_text([]))
    pq.write_table(_table().slice(0, 0), tmp_path / "log.parquet")
    for name in ("log.csv", "log.parquet"):
        with pytest.raises(DataError, match=rf"{name}: expected rows, found none"):
            list(LogsSource(tmp_path / name, SCHEMA).chunks())


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("block", [50, 64, 1 << 20])
def test_bad_utf8_names_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool, block: int
) -> None:
    text = _text([*_many(3), "u\u00e9\u00e9,4,7,,,1,0,4,home", "u5,5,7,,,1,0,5,ho?e", *_many(2)])
    offset = text.index(b"?")
    data = text.replace(b"?", b"\xe9")
    name = "log.csv.gz" if compressed else "log.csv"
    (tmp_path / name).write_bytes(gzip.compress(data) if compressed else data)
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", block)
    with pytest.raises(DataError, match=rf"byte 0xe9 at offset {offset} \(line 6\)"):
        list(LogsSource(tmp_path, SCHEMA).chunks())


def test_bad_utf8_far_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_blocks(monkeypatch)
    data = _text([*_many(1000), "u,1,7,,,1,0,5,ho?e"]).replace(b"?", b"\xff")
    (tmp_path / "log.csv").write_bytes(data)
    source = LogsSource(tmp_path, SCHEMA)
    offset = data.index(b"\xff")
    with pytest.raises(DataError, match=rf"byte 0xff at offset {offset} \(line 1002\)"):
        list(source.chunks())


def test_bad_utf8_at_the_end_and_in_the_header(tmp_path: Path) -> None:
    cut = _text(["u,4,7,,,1,0,4,caf\u00e9"])[:-2]  # the last character lacks its second byte
    (tmp_path / "log.csv").write_bytes(cut)
    with pytest.raises(DataError, match=f"byte 0xc3 at offset {len(cut) - 1}"):
        list(LogsSource(tmp_path, SCHEMA).chunks())
    (tmp_path / "log.csv").write_bytes(b"user,\xff,item\n")
    with pytest.raises(DataError, match=r"log\.csv: expected UTF-8, got the byte 0xff at offset 5"):
        LogsSource(tmp_path, SCHEMA)


def test_bad_utf8_in_parquet(tmp_path: Path) -> None:
    offsets = pa.array([0, 4, 6, 8], pa.int32()).buffers()[1]
    scene = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"home\xff\xfeab")])
    pq.write_table(_table(scene=scene), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"log\.parquet: cannot be read after row 0: .*UTF8"):
        list(LogsSource(tmp_path, SCHEMA).chunks())


def test_cut_gzip(tmp_path: Path) -> None:
    data = gzip.compress(_text(_many(5000)))
    (tmp_path / "log.csv.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"log\.csv\.gz: cannot be read after row \d+: Truncated"):
        list(LogsSource(tmp_path, SCHEMA).chunks())
    (tmp_path / "log.csv.gz").write_bytes(_text(_many(5)))
    with pytest.raises(DataError, match=r"log\.csv\.gz: cannot be read"):
        LogsSource(tmp_path, SCHEMA)


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(_table(), path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"log\.parquet: not a Parquet file, or cut off"):
        LogsSource(path, SCHEMA)
    path.write_bytes(data[:4] + b"\xff" * 60 + data[64:])
    source = LogsSource(path, SCHEMA)
    with pytest.raises(DataError, match=r"log\.parquet: cannot be read after row 0"):
        list(source.chunks())


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found none"):
        LogsSource(tmp_path, SCHEMA)
    with pytest.raises(DataError, match=r"\*\.csv: expected a file"):
        LogsSource(str(tmp_path / "*.csv"), SCHEMA)
    with pytest.raises(DataError, match="at least one path"):
        LogsSource([], SCHEMA)
    (tmp_path / "log.json").write_text("{}")
    with pytest.raises(DataError, match=r"log\.json: expected a file named .*\.parquet"):
        LogsSource(tmp_path / "log.json", SCHEMA)


def test_memory_is_bounded_by_the_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_blocks(monkeypatch)
    (tmp_path / "log.csv").write_bytes(_text(_many(2000)))
    rows = [chunk.table.num_rows for chunk in LogsSource(tmp_path, SCHEMA).chunks()]
    assert sum(rows) == 2000
    assert max(rows) < 40


def test_first_chunk_comes_before_the_last_row_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_blocks(monkeypatch)
    (tmp_path / "log.csv").write_bytes(_text([*_many(2000), "broken"]))
    chunks = LogsSource(tmp_path, SCHEMA).chunks()
    assert isinstance(next(chunks), Chunk)
    with pytest.raises(DataError, match="row 2001"):
        list(chunks)
