"""A part as TFRecord holds what a scan of it yields."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.reading.tf_examples import MANIFEST_FILE, write_examples
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    folder = tmp_path_factory.mktemp("takeout")
    split = SplitSpec.parse("train:6,fresh:1,test:1", "days")
    return prepare(TakeoutSource(TakeoutConfig(rows=4_000)), folder / "data", split)


def test_examples_hold_what_a_scan_yields(dataset: PreparedDataset, tmp_path: Path) -> None:
    folder = write_examples(dataset, "test", tmp_path / "examples", shard_rows=200)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    files = sorted(str(folder / name) for name in manifest["shards"])
    assert len(files) > 1
    assert sum(shard["rows"] for shard in manifest["shards"].values()) == dataset.rows("test")
    records = [record.numpy() for record in tf.data.TFRecordDataset(files)]
    (batch,) = scan(dataset, "test", dataset.rows("test"))
    assert len(records) == dataset.rows("test")
    for row in (0, 1, len(records) - 1):
        parsed = tf.train.Example.FromString(records[row]).features.feature
        assert set(parsed) == set(batch.features) | set(batch.labels)
        for name, values in (batch.features | batch.labels).items():
            kind = parsed[name].WhichOneof("kind")
            stored = np.array(getattr(parsed[name], kind).value) if kind else np.zeros(0)
            expected = np.atleast_1d(values[row])
            if name.startswith("history_"):
                expected = expected[expected > 0]
            np.testing.assert_array_equal(stored, expected)


def test_an_unknown_part_is_named(dataset: PreparedDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no part 'tests'; did you mean 'test'"):
        write_examples(dataset, "tests", tmp_path / "examples")
    assert not (tmp_path / "examples").exists()
