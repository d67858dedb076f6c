"""Predicted over actual positives."""

import math

from numpy.typing import ArrayLike

from tfrec_mt.metrics.inputs import as_labels, as_probabilities


def calibration_ratio(labels: ArrayLike, predicted: ArrayLike) -> float:
    """`sum p / sum y`: above 1 the model predicts more positives than there were.

    Args:
      labels: `[B]`, 0 or 1.
      predicted: `[B]`, probabilities.

    Returns:
      A number not below 0, or NaN where there is no positive.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, or a prediction no probability.

    Reference: He et al., Practical Lessons from Predicting Clicks on Ads at Facebook, 2014
      (there called calibration).
    """
    positive = as_labels(labels)
    values = as_probabilities(predicted, positive.size)
    actual = int(positive.sum())
    return float(values.sum()) / actual if actual else math.nan
