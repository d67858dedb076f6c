"""Rows of one domain against a plain filter."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.takeout.select_rows import select_rows
from tests.click_logs import ClickLog
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation import prepare as prepare_module
from tfrec_mt.data.preparation import shards
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError, SchemaError

GROUPS = ("features", "labels", "keys", "truth")


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    """A log in three parts and in several shards."""
    monkeypatch.setattr(
        prepare_module, "ShardWriter", lambda folder: shards.ShardWriter(folder, 70)
    )
    split = SplitSpec.parse("train:2,fresh:1,test:1", "days")
    return prepare_module.prepare(ClickLog(), tmp_path / "whole", split)


def only(dataset: PreparedDataset, part: str) -> Batch:
    (batch,) = scan(dataset, part, 10_000)
    return batch


def test_it_is_the_plain_filter(whole: PreparedDataset, tmp_path: Path) -> None:
    domains = whole.schema.topic("region").domains
    total = 0
    for code, domain in enumerate(domains, 1):
        parts = ("test", "train")
        found = select_rows(whole, tmp_path / domain, "region", domain, parts)
        found.verify()
        assert found.parts == parts and found.schema == whole.schema
        for part in parts:
            expected, rows = only(whole, part), only(found, part)
            own = [n for n, region in enumerate(expected.features["region"]) if region == code]
            assert found.rows(part) == len(own) > 0
            for group in GROUPS:
                for name, values in getattr(expected, group).items():
                    chosen = getattr(rows, group)[name]
                    assert chosen.dtype == values.dtype
                    np.testing.assert_array_equal(chosen, values[own], f"{group}/{name}")
            total += len(own)
    # no row is lost and none is in two domains
    assert total == whole.rows("test") + whole.rows("train")


def test_the_manifest_tells_whose_rows_they_are(whole: PreparedDataset, tmp_path: Path) -> None:
    domain = whole.schema.topic("region").domains[1]
    found = select_rows(whole, tmp_path / "own", "region", domain, ("fresh",))
    assert found.manifest.source["rows_of"] == {"topic": "region", "domain": domain}
    assert found.manifest.split == whole.manifest.split
    assert found.fingerprint != whole.fingerprint
    assert found.manifest.history is not None
    assert whole.schema.history is not None
    stored = np.concatenate(
        [_column(s["history/length"])[_column(s["features/region"]) == 2] for s in _fresh(whole)]
    )
    capped = int((stored > whole.schema.history.length).sum())
    assert capped > 0 and found.manifest.history.capped == {"fresh": capped}


def _fresh(dataset: PreparedDataset) -> list[Any]:
    return dataset.shards("fresh")


def _column(column: Any) -> np.ndarray:
    return np.load(column.path)


def test_nothing_is_left_of_what_cannot_be(whole: PreparedDataset, tmp_path: Path) -> None:
    output, domain = tmp_path / "new" / "own", whole.schema.topic("region").domains[0]
    with pytest.raises(SchemaError, match="no topic 'regoin'"):
        select_rows(whole, output, "regoin", domain, ("fresh",))
    with pytest.raises(DataError, match="'region' has no domain 'r9'"):
        select_rows(whole, output, "region", "r9", ("fresh",))
    with pytest.raises(DataError, match="has no part 'freshest'"):
        select_rows(whole, output, "region", domain, ("freshest",))
    for parts in ((), ("fresh", "fresh")):
        with pytest.raises(DataError, match="distinct parts to select"):
            select_rows(whole, output, "region", domain, parts)
    assert not output.parent.exists() or not list(output.parent.iterdir())
    select_rows(whole, output, "region", domain, ("fresh",))
    with pytest.raises(FileExistsError):
        select_rows(whole, output, "region", domain, ("fresh",))


def test_a_part_without_a_row_is_named(
    tmp_path: Path,
) -> None:
    split = SplitSpec.parse("train:3,test:1", "days")
    whole = prepare_module.prepare(ClickLog(rows=4, users=2), tmp_path / "whole", split)
    domains = whole.schema.topic("region").domains
    codes = only(whole, "test").features["region"]
    absent = next(d for code, d in enumerate(domains, 1) if code not in codes)
    with pytest.raises(DataError, match=f"part 'test' has no row of region={absent}"):
        select_rows(whole, tmp_path / "own", "region", absent, ("test",))
    assert not (tmp_path / "own").exists()


def test_where_files_cannot_be_linked_they_are_copied(
    whole: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    domain = whole.schema.topic("region").domains[0]
    linked = select_rows(whole, tmp_path / "linked", "region", domain, ("fresh",))
    monkeypatch.setattr(os, "link", refuse)
    copied = select_rows(whole, tmp_path / "copied", "region", domain, ("fresh",))
    copied.verify()
    assert copied.fingerprint == linked.fingerprint
    name = "vocabularies/tag.txt"
    assert (whole.path / name).samefile(linked.path / name)
    assert not (whole.path / name).samefile(copied.path / name)
