"""Random tables, written by several writers, are read as they were written or refused by row."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.schemas import ids, log_schema
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Keys, NumericFeature, Task, Topic

SCHEMA = log_schema(
    ids("post"),
    ids("title"),
    ids("tags", max_values=4),
    NumericFeature(name="price", side="item", missing="impute"),
    whole=["post"],
    tasks=(Task(name="click", label="click"),),
    keys=Keys(user="user", item="item", timestamp="time"),
    topics=(Topic(name="market"),),
)
SIGNS = [*"\"'\t\n,;|[]{}\\N #-=", "\r\n", "a", "Z", "0", "é", "猫", "\U0001f600", " ", '""']
WORDS = ["NULL", "nan", "None", "NA", "true", "1e5", "007", "1.0", "-1", "[1]", "x"]


def _table(draw: random.Random, rows: int) -> dict[str, list[Any]]:
    def text(signs: list[str]) -> str:
        if draw.random() < 0.2:
            return draw.choice(WORDS)
        return "".join(draw.choices(signs, k=draw.randrange(7)))

    def maybe(value: Any) -> Any:
        return None if draw.random() < 0.2 else value

    bare = [sign for sign in SIGNS if sign not in ("|", "[", "{", '"', '""')]
    return {
        "item": [f"i{draw.randrange(9)}" for _ in range(rows)],
        "user": [maybe(text(SIGNS) or "u") for _ in range(rows)],
        "post": [draw.choice([draw.randrange(-1, 99), draw.randrange(2**63)]) for _ in range(rows)],
        "title": [maybe(text(SIGNS)) for _ in range(rows)],
        "tags": [[text(bare) or "t" for _ in range(draw.randrange(5))] for _ in range(rows)],
        "price": [maybe(draw.choice([0.0, 1e-3, draw.gauss(0, 1e3)])) for _ in range(rows)],
        "click": [maybe(draw.randrange(2)) for _ in range(rows)],
        "time": [draw.randrange(10**9, 2 * 10**9) for _ in range(rows)],
        "market": [maybe(text(SIGNS)) for _ in range(rows)],
    }


def _as_text(table: dict[str, list[Any]], draw: random.Random) -> dict[str, list[str]]:
    booleans = draw.random() < 0.3
    floats = draw.random() < 0.3

    def written(name: str, value: Any) -> str:
        if value is None:
            return ""
        if name == "tags":
            return "|".join(value)
        if name == "click" and booleans and value in (0, 1):
            return str(bool(value))
        if name == "post" and floats:
            return f"{value}.0"
        return repr(value) if isinstance(value, float) else str(value)

    return {name: [written(name, value) for value in column] for name, column in table.items()}


def _by_csv(delimiter: str, quoting: Any) -> Callable[[dict[str, list[str]]], str]:
    def write(text: dict[str, list[str]]) -> str:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerows([tuple(text), *zip(*text.values(), strict=True)])
        return file.getvalue()

    return write


def _by_polars(separator: str) -> Callable[[dict[str, list[str]]], str]:
    return lambda text: pl.DataFrame(text).write_csv(separator=separator)


WRITERS = {
    ".csv": [_by_csv(",", csv.QUOTE_MINIMAL), _by_csv(",", csv.QUOTE_ALL), _by_polars(",")],
    ".tsv": [_by_csv("\t", csv.QUOTE_MINIMAL), _by_polars("\t")],
}


def _expected(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    price = pl.Series(table["price"], dtype=pl.Float32).to_list()
    texts = {name: table[name] for name in ("user", "title", "market")}
    words = {name: [v if v != "\\N" else None for v in text] for name, text in texts.items()}
    return {**table, **words, "price": price}


def _equal(found: pl.DataFrame, table: dict[str, list[Any]], in_text: bool) -> None:
    expected = _expected(table) if in_text else {**table, "price": _expected(table)["price"]}
    for name in SCHEMA.columns:
        values = found[name].to_list()
        if found[name].dtype == pl.String:  # empty text is a missing value
            values = [value or None for value in values]
            wanted = [value or None for value in expected[name]]
        else:
            wanted = expected[name]
        assert values == wanted, name


def _read(path: Path) -> pl.DataFrame:
    return pl.concat(check_chunk(chunk, SCHEMA) for chunk in LogsSource(path, SCHEMA).chunks())


def _try(seed: int, folder: Path) -> None:
    draw = random.Random(seed)
    rows = draw.randrange(2, 40)
    table = _table(draw, rows)
    bad: int | None = None
    if draw.random() < 0.2:
        bad = draw.randrange(rows)
        name, value = draw.choice([("click", 2), ("post", 1.5), ("price", 1e39), ("time", "soon")])
        table[name][bad] = value
    text = _as_text(table, draw)
    frame = None if bad is not None else pl.DataFrame(table, schema_overrides={"click": pl.UInt8})
    for suffix, writers in WRITERS.items():
        path = folder / f"log{suffix}"
        path.write_text(draw.choice(writers)(text), encoding="utf-8", newline="")
        try:
            found = _read(path)
        except DataError as error:
            if bad is not None and f"row {bad + 1}," in str(error):
                continue
            row = int(str(error).partition("row ")[2].partition(",")[0]) - 1
            several = any("\n" in column[row] for column in text.values())
            lists = any(tags.strip()[:1] in ("[", "{") for tags in text["tags"])
            why = ("look like rows", several), ("a written list", lists)
            assert any(sign in str(error) and cause for sign, cause in why), f"seed {seed}: {error}"
            continue
        assert bad is None, f"seed {seed}: row {bad} was not refused"
        tags = [[] if tags == ["\\N"] else tags for tags in table["tags"]]
        found = found.with_columns(pl.col("tags").fill_null([]))
        _equal(found, {**table, "tags": tags}, in_text=True)
    if frame is not None:
        frame.write_parquet(folder / "log.parquet")
        _equal(_read(folder / "log.parquet"), table, in_text=False)


def test_random_tables_are_read_as_written(tmp_path: Path) -> None:
    for seed in range(100):
        _try(seed, tmp_path)


@pytest.mark.slow
def test_a_thousand_random_tables_are_read_as_written(tmp_path: Path) -> None:
    for seed in range(1_000, 2_000):
        _try(seed, tmp_path)
