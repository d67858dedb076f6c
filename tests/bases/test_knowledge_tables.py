"""Tables of what a model knows of rows, whatever they are given as."""

import json
from pathlib import Path

import numpy as np
import polars as pl

import tfrec_mt as mt
from tests.bases.own_models import table_columns, table_of
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.bases import IAK, KnowledgeTable, attach
from tfrec_mt.models.model_store import fingerprint


def test_a_table_may_be_files_frames_or_arrays(tmp_path: Path) -> None:
    rows = table_columns()
    lists = {n: x.tolist() if x.ndim > 1 else x for n, x in rows.items()}
    frame = pl.DataFrame(lists, strict=False)
    for place, part in enumerate(frame.iter_slices(1300)):
        part.write_parquet(tmp_path / f"{place}.parquet")
    fixed = frame.with_columns(pl.col("h").list.to_array(7))
    fixed.write_parquet(tmp_path / "fixed" / "whole.parquet", mkdir=True)
    files = (tmp_path / "*.parquet", tmp_path / "fixed")
    for given in (rows, frame, fixed, frame.to_pandas(), *files):
        table = table_of(given)
        batches = [*table.batches()]
        np.testing.assert_array_equal(
            np.concatenate([batch.labels["ctr"] for batch in batches]), rows["click"]
        )
        np.testing.assert_allclose(
            np.concatenate([batch.features["h"] for batch in batches]), rows["h"], rtol=1e-6
        )
        users = np.concatenate([batch.users for batch in batches])
        np.testing.assert_array_equal(users, rows["uid"])
        found = KnowledgeTable(given, topics=["market"]).base.topics
        assert found == {"market": ("de", "elsewhere", "us")}


def test_rows_of_a_table_without_users_are_each_of_their_own() -> None:
    rows = {name: np.concatenate([values] * 3) for name, values in table_columns().items()}
    table = KnowledgeTable(rows, labels={"ctr": "click"}, topics=["market"])
    users = np.concatenate([batch.users for batch in table.batches()])
    assert len(np.unique(users)) == len(rows["z"])


def test_kernels_of_a_table_are_bound_to_the_model_that_wrote_it(tmp_path: Path) -> None:
    rows = table_columns()
    table = table_of(rows)
    trained = mt.fine_tune(attach(table.base, IAK(4)), table, tmp_path / "run")
    assert load_kernels(tmp_path / "run/kernels", fingerprint(table_of(rows).base))
    version = mt.export(trained, tmp_path / "export")
    manifest = json.loads((version / "assets.extra/manifest.json").read_text())
    inputs = manifest["signatures"]["serving_default"]["inputs"]
    vector, number = ["float32", [None, 7]], ["float32", [None]]
    assert inputs == {"h": vector, "market": ["string", [None]], "z": number}
    other = KnowledgeTable(rows, topics=["market"], model="ranker of the 4th").base
    assert fingerprint(other) != fingerprint(table.base)
