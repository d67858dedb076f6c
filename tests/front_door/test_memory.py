"""A memory alone, from a log to scores."""

from pathlib import Path

import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import Shop, shop_rows


@pytest.fixture(scope="module")
def run(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("memory") / "kernels"
    mt.fine_tune(shop.base, shop.data, run, adapter="memory")
    return run


def test_it_finds_what_each_market_likes(run: Path) -> None:
    found = mt.remembered(run).filter(task="ctr", feature="kind")
    first, last = {}, {}
    for (domain,), rows in found.group_by("domain", maintain_order=True):
        first[domain], last[domain] = rows["id"][0], rows["odds"][-1]
    assert first == {"de": "books", "us": "toys"}
    assert all(odds < 1 for odds in last.values())
    features = set(mt.remembered(run)["feature"].drop_nulls())
    assert {"iid", "kind"} <= features and "uid" not in features


def test_it_lifts_every_market_and_is_served(run: Path, shop: Shop, tmp_path: Path) -> None:
    lifts = mt.evaluate(run).table.filter(task="ctr", topic="market").drop_nulls("lift")
    assert {*lifts["domain"]} >= {"de", "us"} and (lifts["lift"] > 0.02).all()
    version = mt.export(mt.load(run), tmp_path / "export")
    rows = shop_rows(50, seed=1).drop("clicked", "bought")
    nowhere = rows.with_columns(pl.lit("nowhere").alias("market"))
    served, plain = mt.load_export(version), mt.export(mt.load(shop.base), tmp_path / "plain")
    alone = served.score(nowhere)["ctr"]
    assert (alone == mt.load_export(plain).score(nowhere)["ctr"]).all()
    assert (served.score(rows)["ctr"] != alone).all()
