"""Domains and parts whose labels are all alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from absl import logging

import tfrec_mt as mt
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.training.one_class import rows_of, warn_of_one_class

# A day of the shop's eight is 500 rows: train is the first six.
TINY_RUN = {**TINY, "batch_size": 256}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: found.append(text % values))
    return found


def _prepared(rows: pl.DataFrame, folder: Path) -> mt.PreparedDataset:
    return mt.prepare(rows, shop_schema(rows), folder)


def _warn(log: mt.PreparedDataset) -> None:
    """Warns as `pretrain` does."""
    topics = {topic.name: topic.domains for topic in log.schema.topics}
    tasks = log.schema.tasks
    warn_of_one_class(rows_of(log, ["train"], tasks, topics), tasks, topics)


def _with_a_quiet_market() -> pl.DataFrame:
    """A market of one click on a single row, and one that never clicks."""
    rows = shop_rows()
    place = pl.int_range(pl.len())
    quiet = (place % 7 == 3) & (pl.col("market") == "de")
    market = pl.when(place == 11).then(pl.lit("it")).when(quiet).then(pl.lit("fr"))
    alone, silent = pl.col("market") == "it", pl.col("market") == "fr"
    return rows.with_columns(market=market.otherwise("market")).with_columns(
        clicked=pl.when(silent).then(0).when(alone).then(1).otherwise("clicked"),
        bought=pl.when(silent | alone).then(0).otherwise("bought"),
    )


@pytest.mark.fault_case("6")
@pytest.mark.fault_case("K")
def test_domains_of_one_class_or_one_row_are_named(warnings: list[str], tmp_path: Path) -> None:
    log = _prepared(_with_a_quiet_market(), tmp_path / "data")
    warnings.clear()
    base = mt.pretrain(log, tmp_path / "base", parts="train", **TINY_RUN)
    (clicks, buys) = warnings
    assert "task ctr, topic market: domains whose labels are all alike: " in clicks
    assert "it (all of 1 rows are 1)" in clicks and "fr (all of " in clicks
    assert " rows are 0)" in clicks and "task ctcvr, topic market" in buys
    assert "us" not in clicks.partition("alike")[2].partition(";")[0]
    warnings.clear()
    mt.fine_tune(base, log, tmp_path / "kernels", parts="train", encoder_units=(4,), batch_size=64)
    assert sum("topic market" in text for text in warnings) == 2


@pytest.mark.fault_case("6")
def test_usual_rows_are_not_warned_of(warnings: list[str], tmp_path: Path) -> None:
    _warn(_prepared(shop_rows(), tmp_path / "data"))
    assert not warnings


@pytest.mark.fault_case("6")
def test_a_log_without_an_event_is_told(warnings: list[str], tmp_path: Path) -> None:
    rows = shop_rows(1_500).with_columns(bought=pl.lit(0))
    schema: Any = shop_schema(shop_rows(1_500))
    log = mt.prepare(rows, schema, tmp_path / "data")
    warnings.clear()
    _warn(log)
    assert any("task ctcvr: all of 1," in text and "rows are 0;" in text for text in warnings)


@pytest.mark.fault_case("6")
def test_a_validation_part_of_one_class_is_validated_by_its_loss(tmp_path: Path) -> None:
    rows = shop_rows()
    late = pl.int_range(pl.len()) >= 3_000
    silent = rows.with_columns(
        clicked=pl.when(late).then(0).otherwise("clicked"),
        bought=pl.when(late).then(0).otherwise("bought"),
    )
    log = _prepared(silent, tmp_path / "data")
    settings = {**TINY_RUN, "patience": 1, "validation": "test"}
    mt.pretrain(log, tmp_path / "base", **settings)
    lines = (tmp_path / "base" / "log.jsonl").read_text().splitlines()
    losses = [entry["validation"] for entry in map(json.loads, lines) if "validation" in entry]
    assert losses and np.isfinite(losses).all()
