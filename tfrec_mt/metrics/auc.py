"""Area under the ROC curve."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.inputs import as_labels, as_scores
from tfrec_mt.schema import DataError


def auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a random positive scores above a random negative, ties counting half.

    `AUC = sum_ij w_i w_j ([s_i > s_j] + [s_i = s_j] / 2) / sum_ij w_i w_j` over positives `i`
    and negatives `j`; exact, in O(B log B).

    Args:
      labels: `[B]`, 0 or 1.
      scores: `[B]`, any finite numbers.
      weights: `[B]`, not negative; None counts every row once.

    Returns:
      A number in [0, 1], or NaN where it is not defined: a class has no row, or no weight.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, a score is not finite, or a weight
        is negative.

    Example:
      >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
      0.75

    Reference: J. A. Hanley and B. J. McNeil, Radiology 143, 1982 (the Mann-Whitney form).
    """
    positive = as_labels(labels)
    values = as_scores(scores, positive.size)
    weight = np.ones(positive.size) if weights is None else as_scores(weights, positive.size)
    if np.any(weight < 0):
        raise DataError(f"weights: expected none negative, got {weight.min()}")
    # [U] distinct scores, ascending
    distinct, place = np.unique(values, return_inverse=True)
    return auc_from_counts(
        np.bincount(place, weight * positive, minlength=distinct.size),
        np.bincount(place, weight * ~positive, minlength=distinct.size),
    )


def auc_from_counts(positives: NDArray[np.number], negatives: NDArray[np.number]) -> float:
    """AUC of rows counted per score.

    Args:
      positives: `[U]` weight of positives at each distinct score, ascending by score.
      negatives: `[U]` weight of negatives at the same scores.

    Returns:
      A number in [0, 1], or NaN where one of the two is all zero.
    """
    pairs = float(positives.sum() * negatives.sum())
    if pairs == 0:
        return math.nan
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below) / pairs
