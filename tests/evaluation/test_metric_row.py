import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.evaluation.metric_row import MetricRow, read_rows, write_rows
from tfrec_mt.schema import DataError

ROW = MetricRow(
    model="adapted",
    task="ctr",
    topic="scene",
    domain='Zürich "Süd"',
    metric="auc",
    value=0.75,
    n=10,
    ci_low=0.7,
    ci_high=0.8,
    oracle=0.9,
)
REQUIRED = {"model", "task", "topic", "domain", "metric", "value", "n", "ci_low", "ci_high"}


def test_rows_survive_the_file(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, value=None, ci_low=None, oracle=None, note="one class")]
    write_rows(tmp_path / "metrics.json", rows)
    assert read_rows(tmp_path / "metrics.json") == rows
    write_rows(tmp_path / "metrics.json", [])
    assert read_rows(tmp_path / "metrics.json") == []


def test_the_file_is_plain_json_with_the_agreed_keys(tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics.json", [replace(ROW, oracle=None), ROW])
    entries = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert set(entries[0]) == REQUIRED
    assert set(entries[1]) == REQUIRED | {"oracle"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_becomes_null(value: float) -> None:
    row = replace(ROW, value=value, ci_low=value, ci_high=value, oracle=value)
    assert (row.value, row.ci_low, row.ci_high, row.oracle) == (None, None, None, None)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path / "metrics.json", [ROW])

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"(?i)no space left"):
        write_rows(tmp_path / "metrics.json", [ROW, ROW])
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert read_rows(tmp_path / "metrics.json") == [ROW]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not JSON"),
        ("{}", "expected a list of metric rows, got dict"),
        ("[3]", "row 1: expected an object, got int"),
        ([{**ROW.to_dict(), "extra": 1}], "row 1: missing keys .* unknown keys .'extra'"),
        ([{k: v for k, v in ROW.to_dict().items() if k != "n"}], r"row 1: missing keys \['n'\]"),
        ([ROW.to_dict(), {**ROW.to_dict(), "value": "0.7"}], "row 2: value must not be '0.7'"),
        ([{**ROW.to_dict(), "n": 1.5}], "row 1: n must not be 1.5"),
        ([{**ROW.to_dict(), "model": None}], "row 1: model must not be None"),
    ],
)
def test_names_file_row_and_entry(tmp_path: Path, content: Any, message: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "metrics.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"metrics\.json: {message}"):
        read_rows(tmp_path / "metrics.json")


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_rows(tmp_path / "metrics.json")
