"""Expected calibration error."""

import numpy as np
from numpy.typing import ArrayLike

from tfrec_mt.metrics.calibration_bins import DEFAULT_BINS, calibration_bins, calibration_error
from tfrec_mt.metrics.inputs import as_labels, as_probabilities


def expected_calibration_error(
    labels: ArrayLike, predicted: ArrayLike, bins: int = DEFAULT_BINS
) -> float:
    """`sum_k n_k / n |mean p_k - mean y_k|` over bins `k` of equal mass.

    Bins hold equally many rows rather than equal ranges of probability, because click rates
    crowd near zero: of ten equal ranges nine would be nearly empty. The estimate is never 0 on
    sampled labels, not even for the true probabilities; compare with theirs where they are known.

    Args:
      labels: `[B]`, 0 or 1.
      predicted: `[B]`, probabilities; equal ones share a bin.
      bins: Number of bins.

    Returns:
      A number in [0, 1], or NaN where there are no rows.

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
