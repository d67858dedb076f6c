"""Ids of a megabyte, and a user with a million clicks."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.fault_cases import Record
from tests.shop import START, TINY, shop_rows, shop_schema
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.workloads.ranking import score_rows
from tfrec_mt.workloads.workload import ROW

MEGABYTE = 1 << 20
NEAR = 1e-6


@pytest.mark.slow
@pytest.mark.fault_case("I")
@pytest.mark.parametrize("trained", [False, True])
def test_ids_of_a_megabyte_are_scored_as_others(
    trained: bool, tmp_path: Path, record_property: Record
) -> None:
    rows = shop_rows(600)
    long = {name: str(rows[name][-1]) for name in ("iid", "uid")}  # the last part has that row
    rows = rows.with_columns(
        pl.col(name).cast(pl.String).replace(short, short.zfill(MEGABYTE))
        for name, short in long.items()
    )
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    for name in long:
        assert log.ids(name).str.len_bytes().max() == MEGABYTE
    model = mt.models.MMoE(log.schema, **TINY)
    if trained:
        base = mt.pretrain(log, tmp_path / "base", batch_size=256, **TINY)
        model = mt.fine_tune(
            base, log, tmp_path / "kernels", encoder_units=(2,), certainty=0.0, batch_size=64
        )
    export = mt.load_export(mt.export(model, tmp_path / "export", log))
    asked = log.requests()
    of_long = asked["iid"].str.len_bytes() == MEGABYTE
    assert of_long.any() and not of_long.all()
    found = export.score(asked)
    assert not found.filter(of_long)["unknown_item"].any()
    for task, expected in score_rows(Scorer(model), log, asked[ROW].to_numpy()).items():
        np.testing.assert_allclose(found[task].to_numpy(), expected, atol=NEAR)
    done = "prepared, trained and exported" if trained else "prepared and exported"
    record_property("came", f"{done}, and scored as in memory within {NEAR:.0e}")


@pytest.mark.fault_case("J")
@pytest.mark.parametrize("clicks", [20_000, pytest.param(1_200_000, marks=pytest.mark.slow)])
def test_a_user_with_many_clicks(clicks: int, tmp_path: Path, record_property: Record) -> None:
    few = shop_rows(clicks // 10)
    # one clicks every second, among others
    many = pl.DataFrame({"ts": START + np.arange(clicks)}).with_columns(
        uid=pl.lit(7, pl.Int64),
        iid=pl.int_range(clicks) % 40,
        kind=pl.lit("food"),
        price=pl.lit(3.25),
        market=pl.lit("de"),
        clicked=pl.lit(1, pl.Int64),
        bought=pl.lit(0, pl.Int64),
    )
    rows = pl.concat([few, many.select(few.columns)]).sort("ts", maintain_order=True)
    schema = shop_schema(few)
    log = mt.prepare(rows, schema, tmp_path / "data", split="time")
    assert schema.history is not None and log.manifest.history is not None
    length = schema.history.length

    before = pl.col("clicked").cum_sum().over("uid") - pl.col("clicked")
    older = rows.with_columns(before=before).select(
        pl.col("before").min().over("uid", "ts")  # clicks of one moment are not older
    )
    capped = int((older["before"] > length).sum())
    assert sum(log.manifest.history.capped.values()) == capped > clicks - 2 * length
    assert sum(log.rows(part) for part in log.parts) == rows.height
    record_property("came", f"{clicks:,} clicks prepared, {capped:,} rows with more than {length}")
