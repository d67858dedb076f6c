import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tfrec_mt.metrics.calibration import (
    calibration_bins,
    equal_mass_bins,
    expected_calibration_error,
)
from tfrec_mt.schema import SchemaError


def sorted_slices_ece(labels: NDArray[Any], predicted: NDArray[Any], bins: int) -> float:
    """Rows sorted by score and cut into slices of equal length; right where no scores tie."""
    order = np.argsort(predicted)
    total = 0.0
    for rows in np.array_split(order, bins):
        total += len(rows) * abs(predicted[rows].mean() - labels[rows].mean())
    return total / len(labels)


@pytest.mark.parametrize("bins", [1, 4, 10])
def test_equals_slices_of_sorted_rows(bins: int) -> None:
    rng = np.random.default_rng(bins)
    predicted = rng.random(400)
    labels = rng.random(400) < predicted**2
    expected = sorted_slices_ece(labels, predicted, bins)
    assert expected_calibration_error(labels, predicted, bins) == pytest.approx(expected)


def test_does_not_depend_on_the_order_of_rows_with_equal_scores() -> None:
    predicted = np.array([0.3] * 7 + [0.6] * 6)
    labels = np.array([1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1])
    error = expected_calibration_error(labels, predicted, 5)
    assert expected_calibration_error(labels[::-1], predicted[::-1], 5) == pytest.approx(error)
    assert error == pytest.approx((7 * abs(0.3 - 2 / 7) + 6 * abs(0.6 - 4 / 6)) / 13)


def test_errors_in_opposite_directions_do_not_cancel() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    predicted = np.array([0.2] * 50 + [0.8] * 50)
    assert expected_calibration_error(labels, predicted) == pytest.approx(0.2)


def test_shrinks_towards_zero_for_true_probabilities() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.random(100_000) * 0.1
    labels = rng.random(100_000) < predicted
    assert 0 < expected_calibration_error(labels, predicted) < 0.004
    assert expected_calibration_error(labels, predicted * 2) > 0.04


def test_is_not_defined_without_rows() -> None:
    assert math.isnan(expected_calibration_error([], []))


def test_bins_hold_equal_shares_and_ascend() -> None:
    bins = equal_mass_bins(np.ones(1000, int), 10)
    assert np.bincount(bins).tolist() == [100] * 10
    assert (np.diff(bins) >= 0).all()


def test_the_curve_leaves_empty_bins_out() -> None:
    curve = calibration_bins(np.array([1, 98, 1]), np.array([0, 49, 1]), np.array([0.1, 9.8, 0.9]))
    assert [point.rows for point in curve] == [1, 98, 1]
    assert [point.actual for point in curve] == [0, 0.5, 1]
    assert [point.predicted for point in curve] == pytest.approx([0.1, 0.1, 0.9])


def test_refuses_no_bins() -> None:
    with pytest.raises(SchemaError, match="bins must be at least 1, got 0"):
        expected_calibration_error([0, 1], [0.1, 0.2], 0)
