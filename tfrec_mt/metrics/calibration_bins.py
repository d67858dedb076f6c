"""Predicted against actual rates in bins of equal mass: the reliability curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.schema import SchemaError

DEFAULT_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """One point of a reliability curve.

    Args:
      predicted: Mean prediction.
      actual: Mean label: of a binary task the share of positives.
      rows: Number of rows.
    """

    predicted: float
    actual: float
    rows: int


def equal_mass_bins(rows: NDArray[np.number], bins: int) -> NDArray[np.intp]:
    """Bin of each distinct score, so that bins hold about equally many rows.

    A score's bin is where the middle of its rows falls, so equal scores are never torn apart;
    a score with a large share of the rows leaves bins empty.

    Args:
      rows: `[U]` rows at each distinct score, ascending by score.
      bins: Number of bins.

    Returns:
      `[U]` bins in `0..bins - 1`, ascending.

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
    """The reliability curve of rows counted per score.

    Args:
      rows: `[U]` rows at each distinct score, ascending by score.
      positives: `[U]` positives among them.
      predicted: `[U]` sum of their predicted probabilities.
      bins: Number of bins.

    Returns:
      The bins that have rows, ascending.
    """
    bin_of = equal_mass_bins(rows, bins)
    sums = [np.bincount(bin_of, x, minlength=bins) for x in (rows, positives, predicted)]
    return [
        CalibrationBin(float(p / n), float(y / n), int(n))
        for n, y, p in zip(*sums, strict=True)
        if n
    ]


def calibration_error(curve: list[CalibrationBin]) -> float:
    """Mean over rows of |predicted - actual| of their bin, or NaN where there are none."""
    rows = sum(point.rows for point in curve)
    gaps = sum(point.rows * abs(point.predicted - point.actual) for point in curve)
    return gaps / rows if rows else float("nan")
