"""Predicted against actual rates, overall and in bins of equal mass."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.inputs import as_labels, as_probabilities
from tfrec_mt.schema import SchemaError

DEFAULT_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """One point of a reliability curve.

    Args:
      predicted: Mean prediction.
      actual: Mean label; for a binary task the share of positives.
      rows: Number of rows.
    """

    predicted: float
    actual: float
    rows: int


def calibration_ratio(labels: ArrayLike, predicted: ArrayLike) -> float:
    """`sum p / sum y`: above 1 the model predicts too many positives; NaN without a positive.

    Args:
      labels: `[B]`, 0 or 1.
      predicted: `[B]`, probabilities.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, or a prediction no probability.

    Reference: He et al., Practical Lessons from Predicting Clicks on Ads at Facebook, 2014
      (there called calibration).
    """
    positive = as_labels(labels)
    values = as_probabilities(predicted, positive.size)
    actual = int(positive.sum())
    return float(values.sum()) / actual if actual else math.nan


def expected_calibration_error(
    labels: ArrayLike, predicted: ArrayLike, bins: int = DEFAULT_BINS
) -> float:
    """`sum_k n_k / n |mean p_k - mean y_k|` over bins `k` of equal mass, NaN without rows.

    Bins hold equally many rows rather than equal ranges of probability, because click rates
    crowd near zero. On sampled labels even the true probabilities have an error above 0; compare
    with theirs where they are known.

    Args:
      labels: `[B]`, 0 or 1.
      predicted: `[B]`, probabilities; equal ones share a bin.
      bins: Number of bins.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, or a prediction no probability.
      SchemaError: Fewer than one bin.

    Reference: Nguyen and O'Connor, Posterior calibration and exploratory analysis for natural
      language processing models, 2015 (adaptive bins).
    """
    positive = as_labels(labels)
    values = as_probabilities(predicted, positive.size)
    distinct, place, rows = np.unique(values, return_inverse=True, return_counts=True)
    positives = np.bincount(place[positive], minlength=distinct.size)
    return calibration_error(calibration_bins(rows, positives, distinct * rows, bins))


def equal_mass_bins(rows: NDArray[np.number], bins: int) -> NDArray[np.intp]:
    """Bin `[U]` of each distinct score, in `0..bins - 1`; bins hold about equally many rows.

    A score falls into the bin of the middle of its rows, so equal scores share a bin; a score
    with a large share of the rows leaves bins empty.

    Args:
      rows: `[U]` rows at each distinct score, ascending by score.
      bins: Number of bins.

    Raises:
      SchemaError: Fewer than one bin.
    """
    if bins < 1:
        raise SchemaError(f"bins must be at least 1, got {bins}")
    middle = np.cumsum(rows) - rows / 2
    place = bins * middle / max(float(rows.sum()), 1)
    return np.asarray(np.minimum(place, bins - 1), np.intp)


def calibration_bins(
    rows: NDArray[np.integer],
    positives: NDArray[np.integer],
    predicted: NDArray[np.float64],
    bins: int = DEFAULT_BINS,
) -> list[CalibrationBin]:
    """The reliability curve of rows counted per score: the bins with rows, ascending.

    Args:
      rows: `[U]` rows at each distinct score, ascending by score.
      positives: `[U]` positives among them.
      predicted: `[U]` sum of their predicted probabilities.
      bins: Number of bins.
    """
    bin_of = equal_mass_bins(rows, bins)
    sums = [np.bincount(bin_of, x, minlength=bins) for x in (rows, positives, predicted)]
    return [
        CalibrationBin(float(p / n), float(y / n), int(n))
        for n, y, p in zip(*sums, strict=True)
        if n
    ]


def calibration_error(curve: list[CalibrationBin]) -> float:
    """Mean over rows of |predicted - actual| of their bin, NaN without rows."""
    rows = sum(point.rows for point in curve)
    gaps = sum(point.rows * abs(point.predicted - point.actual) for point in curve)
    return gaps / rows if rows else math.nan
