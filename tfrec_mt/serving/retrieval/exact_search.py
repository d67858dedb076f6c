"""Recall of an index against exact search."""

import numpy as np
import numpy.typing as npt

# Tolerance for float32 products that are summed in another order.
_ROUNDING = 1e-5


def recall_at_k(
    found: npt.NDArray[np.integer],
    queries: npt.NDArray[np.floating],
    vectors: npt.NDArray[np.floating],
) -> float:
    """Share of the k best articles that was found, mean over queries.

    An article counts if it scores no less than the k-th best, so that of several articles with
    equal vectors it does not matter which is found.

    Args:
      found: Rows of articles, `[Q, k]`, distinct in each query.
      queries: `[Q, D]`.
      vectors: `[N, D]`, at least k.
    """
    k = found.shape[1]
    hits = 0
    for rows, query in zip(found, queries.astype(np.float64), strict=True):
        scores = vectors @ query
        lowest = np.partition(scores, -k)[-k]
        hits += int((scores[np.unique(rows)] >= lowest - _ROUNDING * np.abs(scores).max()).sum())
    return hits / found.size
