"""Ids of few rows are read as unknown ones, the same after any restart."""

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.training.rows_as_unknown import RowsAsUnknown
from tfrec_mt.training.worker import Worker

K = 4.0


def readers(
    dataset: PreparedDataset, k: float = K, seed: int = 3, to_come: str | None = None
) -> tuple[BatchReader, RowsAsUnknown]:
    plain = BatchReader(dataset, ("train",), 64, seed=0)
    return plain, RowsAsUnknown(plain, dataset, ("train",), k, to_come, seed, Worker())


def test_an_id_of_n_rows_is_unknown_in_its_share_of_them(dataset: PreparedDataset) -> None:
    plain, reader = readers(dataset)
    steps = plain.steps_per_epoch
    rows = np.concatenate([shard["features/user_id"].read() for shard in dataset.shards("train")])
    counts = np.bincount(rows)
    first = dataset.schema.vocabulary("user").first_known
    read, expected, variance = 0.0, 0.0, 0.0
    for epoch in range(20):
        steps_of = epoch * steps, (epoch + 1) * steps
        before = plain.read(*steps_of).features["user_id"]
        after = reader.read(*steps_of).features["user_id"]
        changed = before != after
        assert ((after[changed] >= 1) & (after[changed] < first)).all()
        chance = np.where(before >= first, K / (K + counts[before]), 0.0)
        read += changed.sum()
        expected += chance.sum()
        variance += (chance * (1 - chance)).sum()
    assert expected > 100
    assert abs(read - expected) < 4 * np.sqrt(variance)


def test_draws_depend_on_the_step_and_not_on_the_call(dataset: PreparedDataset) -> None:
    _, reader = readers(dataset)
    together = reader.read(2, 8).features
    for step in range(2, 8):
        alone = reader.read(step, step + 1).features
        for name, codes in alone.items():
            np.testing.assert_array_equal(together[name][step - 2], codes[0])
    _, other = readers(dataset, seed=4)
    assert (other.read(2, 8).features["user_id"] != together["user_id"]).any()


def test_history_and_labels_stay_as_they_are(dataset: PreparedDataset) -> None:
    plain, reader = readers(dataset, k=1e9)
    before, after = plain.read(0, 4), reader.read(0, 4)
    known = dataset.schema.vocabulary("item").first_known
    assert (after.features["item_id"] < known).all()
    assert not any(after.features[topic.name].any() for topic in dataset.schema.topics)
    history = "history_item_id"
    np.testing.assert_array_equal(before.features[history], after.features[history])
    for name, labels in before.labels.items():
        np.testing.assert_array_equal(labels, after.labels[name])


@pytest.mark.parametrize("k", [0.5, 8.0])
def test_more_ids_are_unknown_with_a_larger_k(dataset: PreparedDataset, k: float) -> None:
    plain, reader = readers(dataset, k)
    steps = plain.steps_per_epoch
    share = np.mean(
        reader.read(0, steps).features["user_id"] != plain.read(0, steps).features["user_id"]
    )
    assert share == pytest.approx(_expected(dataset, k), abs=0.05)


def _expected(dataset: PreparedDataset, k: float) -> float:
    rows = np.concatenate([shard["features/user_id"].read() for shard in dataset.shards("train")])
    return float(np.mean(k / (k + np.bincount(rows)[rows])))


def test_ids_are_unknown_at_least_as_often_as_in_the_rows_to_come(
    dataset: PreparedDataset,
) -> None:
    first = dataset.schema.vocabulary("user").first_known
    codes = np.concatenate([shard["features/user_id"].read() for shard in dataset.shards("test")])
    unknown = float(np.mean(codes < first))
    assert (codes > 0).all() and 0.01 < unknown < 0.9
    plain, reader = readers(dataset, k=1e-6, to_come="test")
    steps = plain.steps_per_epoch
    before, after = (of.read(0, 20 * steps).features for of in (plain, reader))
    share = np.mean(before["user_id"] != after["user_id"])
    assert share == pytest.approx(unknown, rel=0.2)
    # all domains are known there
    for topic in dataset.schema.topics:
        np.testing.assert_array_equal(before[topic.name], after[topic.name])
