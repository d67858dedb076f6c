"""Preparation takes whatever is inferred, also of random logs."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.schema.inferred import ITEMS, NAMED, joined, shop_log
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Schema


@pytest.mark.parametrize("bags", [False, True])
def test_preparation_takes_what_is_inferred(tmp_path: Path, bags: bool) -> None:
    log: Any = shop_log() if bags else tmp_path / "log.csv"
    joined(shop_log()).write_csv(tmp_path / "log.csv")
    schema = Schema.infer(log, **NAMED, verbose=False, output=tmp_path / "schema.json")
    assert Schema.load(tmp_path / "schema.json") == schema
    dataset = prepare(
        LogsSource(log, schema), tmp_path / "data", SplitSpec.parse("train:3,test:1", "time")
    )
    assert dataset.schema.topic("market").domains == ("de", "us")
    assert dataset.schema.vocabulary("iid").size == ITEMS


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
