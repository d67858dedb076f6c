"""What is said of a log whose users come back and whose schema has no history."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import shop_rows
from tfrec_mt.schema import Schema
from tfrec_mt.training.no_history import warn_of_no_history

COLUMNS: dict[str, Any] = {"user": "uid", "item": "iid", "tasks": ["clicked"], "verbose": False}


def _told(
    rows: pl.DataFrame, schema: Schema, output: Path, caplog: pytest.LogCaptureFixture
) -> str:
    log = mt.prepare(rows, schema, output, split="random", split_parts="train:3,fresh:1,test:1")
    caplog.clear()
    with caplog.at_level("WARNING", logger="absl"):
        warn_of_no_history(log, ("train", "fresh"))
    return caplog.text


@pytest.mark.parametrize("time", ["ts", None])
def test_what_is_told_is_what_would_be_inferred(
    time: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = shop_rows(400)
    schema = mt.Schema.infer(rows, time=time, **COLUMNS, history=False)
    text = _told(rows, schema, tmp_path / "data", caplog)
    users = rows["uid"].n_unique()
    (each,) = re.findall(r"users have ([\d.]+) rows each", text)
    assert float(each) == pytest.approx(0.8 * 400 / users, rel=0.1)
    (told,) = re.findall(r'write ("history": \{.*\}) into the schema', text)
    schema.save(tmp_path / "schema.json")
    edited = json.loads((tmp_path / "schema.json").read_text()) | json.loads(f"{{{told}}}")
    found = Schema.from_json(json.dumps(edited))
    assert found == mt.Schema.infer(rows, time=time, **COLUMNS) != schema


def test_nothing_is_told_where_there_is_a_history_or_none_would_help(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = shop_rows(400)
    known = mt.Schema.infer(rows, time="ts", **COLUMNS)
    once = rows.with_columns(uid=pl.arange(400))
    alone = dataclasses.replace(known, history=None)
    regression = {**COLUMNS, "tasks": [mt.Task("price", kind="regression")]}
    no_click = mt.Schema.infer(rows, **regression)
    assert no_click.history is None
    cases = {"known": (rows, known), "once": (once, alone), "no click": (rows, no_click)}
    for name, (given, schema) in cases.items():
        assert _told(given, schema, tmp_path / name, caplog) == "", name
    assert _told(rows, alone, tmp_path / "told", caplog) != ""
