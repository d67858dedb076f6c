"""Files of a click log: read as Python's csv module reads them, or refused."""

import csv
import dataclasses
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.raw_columns import Column, Place
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.schema import (
    CategoricalFeature,
    Keys,
    NumericFeature,
    Schema,
    Task,
    Topic,
    Vocabulary,
)
from tfrec_mt.tables.bags import split_bags
from tfrec_mt.tables.files import file_columns, read_file
from tfrec_mt.tables.notation import Quoting, TimeUnit

SCHEMA = Schema(
    vocabularies=(Vocabulary(name="item", dtype="int64"), Vocabulary(name="tag")),
    features=(
        CategoricalFeature(name="item", vocabulary="item", side="item"),
        CategoricalFeature(name="tags", vocabulary="tag", side="item", max_values=4),
        NumericFeature(name="price", side="item", missing="impute"),
    ),
    tasks=(Task(name="click", label="click"),),
    keys=Keys(user="user", item="item", timestamp="time"),
    topics=(Topic(name="market"),),
)
_QUOTINGS: tuple[Quoting, ...] = get_args(Quoting)
_DELIMITERS = ((".csv", ","), (".tsv", "\t"))
_DIALECTS: dict[Quoting, dict[str, Any]] = {
    "auto": {},
    "csv": {},
    "backslash": {"doublequote": False, "escapechar": "\\"},
    "none": {"quoting": csv.QUOTE_NONE},
}


def delimited(content: bytes, folder: Path) -> None:
    """The first byte says how the rest is quoted, what delimits it, and if a header is added."""
    how, text = content[:1], content[1:]
    sign = ord(how or b"0")
    quoting, (suffix, delimiter) = _QUOTINGS[sign & 3], _DELIMITERS[sign >> 2 & 1]
    if sign >> 3 & 1:
        text = delimiter.join(SCHEMA.columns).encode() + b"\n" + text
    path = folder / f"log{suffix}"
    path.write_bytes(text)
    names = file_columns(path, quoting)
    if len(set(names)) == len(names):
        found = pl.concat(read_file(path, names, quoting, ())).rows()
        expected = _by_csv(text, delimiter, quoting)
        assert (names, found) == (list(expected[0]), expected[1:]), "csv reads it differently"
    _read(path, dataclasses.replace(SCHEMA, quoting=quoting))


def _by_csv(text: bytes, delimiter: str, quoting: Quoting) -> list[tuple[str, ...]]:
    plain = io.StringIO(text.decode("utf-8-sig", "surrogateescape"), newline="")
    rows = csv.reader(plain, delimiter=delimiter, **_DIALECTS[quoting])
    return [tuple(row) for row in rows if row]


def parquet(content: bytes, folder: Path) -> None:
    """Bytes of a file, or after an `x` the type and the bytes of each column."""
    path = folder / "log.parquet"
    if content[:1] == b"x":
        path.unlink(missing_ok=True)
        try:
            pq.write_table(_table(content[1:]), path, compression="none")
        except pa.ArrowInvalid:
            return  # no file can hold it
    else:
        path.write_bytes(content)
    _read(path, SCHEMA)


_FIXED = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
    *(pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.time32("ms")),
    *(pa.time64("ns"), pa.duration("ms"), pa.timestamp("s"), pa.timestamp("us", "UTC")),
    *(pa.timestamp("ns"), pa.decimal128(38, 0), pa.decimal128(9, 2), pa.binary(3), pa.bool_()),
]
_ROWS, _WIDTH = 3, 16


def _table(content: bytes) -> pa.Table:
    """A column of three rows for each of the schema's, out of 1 byte and 48 of values."""
    columns = {}
    for number, name in enumerate(SCHEMA.columns):
        own = content[number * (1 + _ROWS * _WIDTH) :][: 1 + _ROWS * _WIDTH]
        kind, values = (own or b"\0")[0], own[1:].ljust(_ROWS * _WIDTH, b"\0")
        texts = [values[i * _WIDTH : (i + 1) * _WIDTH].rstrip(b"\0") or None for i in range(_ROWS)]
        fixed = _FIXED[kind % len(_FIXED)]
        array = pa.Array.from_buffers(fixed, _ROWS, [None, pa.py_buffer(values)])
        form = kind // len(_FIXED)
        if form == 2:
            array = pa.array(texts, pa.binary())
        elif form in (3, 4, 5):
            plain = [text and text.decode("utf-8", "replace") for text in texts]
            array = pa.array(plain, pa.large_string() if form == 3 else pa.string())
            array = array.dictionary_encode() if form == 5 else array
        elif form in (6, 7, 8):
            lists = pa.ListArray.from_arrays(pa.array([0, 1, 1, 3], pa.int32()), array)
            array = lists if form < 8 else pa.StructArray.from_arrays([array], ["inner"])
        elif form == 9:
            array = pa.nulls(_ROWS)
        columns[name] = array
    return pa.table(columns)


def _read(path: Path, schema: Schema) -> None:
    words: Counter[tuple[str, str]] = Counter()
    for chunk in LogsSource(path, schema).chunks():
        check_chunk(chunk, schema, words=words)


_UNITS = (None, *get_args(TimeUnit))
_COLUMNS = [
    *(Column("x", t) for t in ("int64", "string", "key", "number", "label")),
    *(Column("x", "string", bag=True), Column("x", "int64", bag=True)),
    *(Column("x", "timestamp", time_unit=unit) for unit in _UNITS),
]
_DIGITS = re.compile(r"-?\d{1,15}", re.ASCII)


def notation(content: bytes, folder: Path) -> None:
    """The first line: a letter for what the others are, and their separator or format."""
    how, *texts = content.decode(errors="ignore").split("\n")
    column = _COLUMNS[ord(how[:1] or "a") % len(_COLUMNS)]
    if column.bag:
        column = dataclasses.replace(column, separator=how[1:] or None)
    elif column.type == "timestamp" and column.time_unit is None:
        column = dataclasses.replace(column, time_format=how[1:] or None)
    values = pl.Series("x", [text or None for text in texts], pl.String)
    found = cast_column(values, column, Place("a file", 1, Counter())).to_list()
    if column.type in ("int64", "number") and not column.bag:
        expected = [int(t) if t and _DIGITS.fullmatch(t) else None for t in texts]
        _equal(found, expected, np.float32 if column.type == "number" else int)
    if column.bag and column.separator is None:
        _equal(split_bags(values).to_list(), [_json_list(text) for text in texts], list)


def _json_list(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    whole = texts and not re.search("[\ud800-\udfff]", "".join(value))
    return [item for item in value if item] if whole else None


def _equal(found: Sequence[Any], expected: Sequence[Any], kind: Any) -> None:
    for one, other in zip(found, expected, strict=True):
        assert other is None or one == kind(other), f"{one!r} for {other!r}"


def schema(content: bytes, folder: Path) -> None:
    """JSON of a schema, which reads what it writes."""
    found = Schema.from_json(content)
    assert Schema.from_json(found.to_json()) == found, "another schema after a round trip"
    path = folder / "schema.json"
    path.unlink(missing_ok=True)
    found.save(path)
    assert Schema.load(path) == found, "another schema after it was saved"
    found.fingerprint()
