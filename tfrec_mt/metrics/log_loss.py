"""Cross-entropy of predicted probabilities."""

import math

import numpy as np
from numpy.typing import ArrayLike

from tfrec_mt.metrics.inputs import as_labels, as_probabilities

# Smallest distance of a probability from 0 and 1, so that a confident mistake costs 16.1 nats
# instead of infinity; float32 sigmoids reach 1.
LOG_LOSS_EPSILON = 1e-7


def log_loss(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of `-y ln p - (1 - y) ln(1 - p)`, in nats per row; NaN without rows.

    Args:
      labels: `[B]`, 0 or 1.
      predicted: `[B]`, probabilities; clipped to `[LOG_LOSS_EPSILON, 1 - LOG_LOSS_EPSILON]`.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, or a prediction no probability.
    """
    positive = as_labels(labels)
    values = as_probabilities(predicted, positive.size)
    if not positive.size:
        return math.nan
    clipped = np.clip(values, LOG_LOSS_EPSILON, 1 - LOG_LOSS_EPSILON)
    return float(-np.where(positive, np.log(clipped), np.log1p(-clipped)).mean())
