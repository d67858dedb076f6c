"""The weight of a row counts in losses, metrics and intervals."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.evaluation.click_log import TASKS, TOPICS, ClickLog, click_log
from tests.shop import TINY, shop_rows
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.schema.task import ROW_WEIGHT


def _schema(rows: pl.DataFrame) -> mt.Schema:
    return mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        weight="weight",
        tasks=["clicked", mt.Task("price", kind="regression")],
        topics=["market"],
        history=False,
        verbose=False,
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Clicks with weights of 0 to 3."""
    found = shop_rows(2_000)
    return found.with_columns(pl.Series("weight", np.arange(2_000) % 4))


def _job(rows: pl.DataFrame, schema: mt.Schema, folder: Path) -> tuple[Any, Any, Any]:
    log = mt.prepare(rows, schema, folder / "data")
    base = mt.pretrain(log, model="mmoe", output=folder / "base", epochs=1, batch_size=128, **TINY)
    kernels = mt.fine_tune(base, log, output=folder / "kernels", batch_size=64, encoder_units=(4,))
    return base, kernels, mt.evaluate(kernels, log)


def test_rows_of_no_weight_change_nothing(rows: pl.DataFrame, tmp_path: Path) -> None:
    none = pl.col("weight") == 0
    turned = rows.with_columns(
        pl.when(none).then(1 - pl.col("clicked")).otherwise(pl.col("clicked")).alias("clicked")
    )
    schema = _schema(rows)
    one, two = _job(rows, schema, tmp_path / "one"), _job(turned, schema, tmp_path / "two")
    for mine, other in zip(one[:2], two[:2], strict=True):
        for weight, same in zip(mine.weights, other.weights, strict=True):
            np.testing.assert_array_equal(weight, same)
    assert one[2].rows.equals(two[2].rows)


def test_a_weight_is_a_row_as_often() -> None:
    log = click_log(1_500, 90, seed=3)
    weights = np.random.default_rng(0).integers(0, 4, 1_500)
    repeated = np.repeat(np.arange(1_500), weights)
    several = ClickLog(
        users=log.users[repeated],
        requests=log.requests[repeated],
        domains={name: codes[repeated] for name, codes in log.domains.items()},
        labels={name: values[repeated] for name, values in log.labels.items()},
        truth={name: values[repeated] for name, values in log.truth.items()},
        scores={k: {t: s[repeated] for t, s in of.items()} for k, of in log.scores.items()},
    )
    expected = several.feed(several.evaluator(), 10**6).result()
    evaluator = Evaluator(
        list(log.scores),
        TASKS,
        TOPICS,
        truth=TASKS,
        requests=True,
        weighted=True,
        bootstrap=ClusterBootstrap(50, 200),
    )
    evaluator.update(
        log.scores,
        labels=log.labels,
        domains=log.domains,
        users=log.users,
        requests=log.requests,
        truth=log.truth,
        weights=weights,
    )
    found = {(r.model, r.task, r.topic, r.domain, r.metric): r for r in evaluator.result().rows()}
    for row in expected.rows():
        same = found[row.model, row.task, row.topic, row.domain, row.metric]
        assert same.value == pytest.approx(row.value, abs=1e-9), row
        if row.metric != "ece":
            assert same.ci_low == pytest.approx(row.ci_low, abs=2e-2), row


def test_the_loss_is_the_mean_over_weights() -> None:
    tasks = (mt.Task("click"),)
    chances = {"click": np.array([[0.2], [0.9], [0.5]], np.float32)}
    labels = {"click": np.array([0, 1, 0], np.float32)}
    weights = np.array([1, 0, 3], np.float32)
    loss, _ = multi_task_loss(chances, {**labels, ROW_WEIGHT: weights}, tasks)
    expected = -(np.log(0.8) + 3 * np.log(0.5)) / 4
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_keras_gets_the_weights(rows: pl.DataFrame, tmp_path: Path) -> None:
    log = mt.prepare(rows, _schema(rows), tmp_path / "data")
    batches = log.batches("train", 256).take(1)
    features, labels, weights = next(iter(batches))
    assert set(labels) == {"clicked", "price"}
    np.testing.assert_array_equal(weights, np.arange(256) % 4)
    model = mt.models.MMoE(log.schema, **TINY)
    model.compile("sgd")
    model(features)
    told = {**labels, ROW_WEIGHT: weights}
    expected, _ = multi_task_loss(model(features), told, log.schema.tasks)
    found = model.evaluate(batches, verbose=0)
    assert np.ravel(found)[0] == pytest.approx(float(expected), rel=1e-4)
    assert model.fit(batches, verbose=0).history["loss"] == pytest.approx([float(expected)])


@pytest.mark.parametrize("weight", [-1.0, None, float("inf")])
def test_a_wrong_weight_is_named(rows: pl.DataFrame, tmp_path: Path, weight: Any) -> None:
    first = pl.int_range(pl.len()) == 7
    wrong = rows.with_columns(
        pl.when(first).then(pl.lit(weight, pl.Float64)).otherwise("weight").alias("weight")
    )
    with pytest.raises(mt.DataError, match="row 8, column 'weight': expected"):
        mt.prepare(wrong, _schema(rows), tmp_path / "data")


def test_rows_of_which_none_weighs_anything_are_refused(rows: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(mt.DataError, match="weight 'weight': expected some above 0 in the first"):
        mt.prepare(rows.with_columns(weight=0.0), _schema(rows), tmp_path / "data")
