"""Errors of predicted numbers, against numpy on all rows."""

import numpy as np
import pytest

from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.regression_sums import REGRESSION_METRICS, RegressionSums

ROWS = 6_000


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.normal(10, 4, ROWS).astype(np.float32)
    return {
        "labels": labels,
        "predicted": (labels + rng.normal(1, 2, ROWS)).astype(np.float32),
        "users": rng.integers(0, 300, ROWS),
        "codes": rng.integers(0, 3, ROWS),
    }


def summed(rows: dict[str, np.ndarray], blocks: int) -> RegressionSums:
    bootstrap = ClusterBootstrap(groups=50, replicates=200)
    sums = RegressionSums(2, bootstrap)
    for places in np.array_split(np.arange(ROWS), blocks):
        group = bootstrap.group_of(rows["users"][places])
        part = {name: values[places] for name, values in rows.items()}
        sums.add(part["labels"], part["predicted"], group, part["codes"])
    return sums


@pytest.mark.parametrize("domain", [0, 1])
def test_errors_are_those_of_the_domains_rows_however_they_come(
    rows: dict[str, np.ndarray], domain: int
) -> None:
    inside = rows["codes"] == domain + 1
    actual = rows["labels"][inside].astype(np.float64)
    predicted = rows["predicted"][inside].astype(np.float64)
    expected = {
        "rmse": np.sqrt(np.mean((predicted - actual) ** 2)),
        "mae": np.abs(predicted - actual).mean(),
        "calibration": predicted.sum() / actual.sum(),
    }
    for blocks in (1, 7):
        sums = summed(rows, blocks)
        assert sums.size(domain) == inside.sum()
        for metric in REGRESSION_METRICS:
            found = sums.estimate(metric, domain)
            np.testing.assert_allclose(found.value, expected[metric], rtol=1e-9)
            low, high = found.interval()
            assert low is not None and high is not None and low < expected[metric] < high


def test_tenths_hold_all_rows_in_order_of_prediction(rows: dict[str, np.ndarray]) -> None:
    tenths = summed(rows, blocks=4).tenths()
    kept = rows["codes"] > 0
    assert len(tenths) == 10 and sum(tenth.rows for tenth in tenths) == kept.sum()
    means = [tenth.predicted for tenth in tenths]
    assert means == sorted(means)
    total = sum(tenth.actual * tenth.rows for tenth in tenths)
    np.testing.assert_allclose(total, rows["labels"][kept].astype(np.float64).sum(), rtol=1e-9)


def test_equal_predictions_are_one_tenth_and_no_rows_are_none() -> None:
    bootstrap = ClusterBootstrap(groups=50, replicates=200)
    sums = RegressionSums(2, bootstrap)
    ones = np.ones(20, np.float32)
    sums.add(ones, 2 * ones, bootstrap.group_of(np.arange(20)), np.ones(20, int))
    (tenth,) = sums.tenths()
    assert (tenth.predicted, tenth.actual, tenth.rows) == (2.0, 1.0, 20)
    assert sums.estimate("rmse", 1).note == "no rows with a label"
