"""Normalised discounted cumulative gain inside every impression."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.metrics.ranked_impressions import RankedImpressions
from tfrec_mt.schema import SchemaError


def ndcg(ranked: RankedImpressions, k: int) -> NDArray[np.float64]:
    """`DCG@k / ideal DCG@k` with a gain of 1 per click and a discount of `1 / log2(1 + rank)`.

    As scikit-learn's `ndcg_score(..., k=k)` of each impression, ties averaged; the MIND script
    differs in ties only, which it breaks by the order of the rows.

    Args:
      ranked: The impressions.
      k: Places that count, at least 1.

    Returns:
      `[n]`, NaN where nothing was clicked (scikit-learn says 0, the MIND script fails).

    Raises:
      SchemaError: `k` is below 1.

    Reference: Järvelin and Kekäläinen, Cumulated Gain-based Evaluation of IR Techniques, 2002.
    """
    if k < 1:
        raise SchemaError(f"ndcg: k must be at least 1, got {k}")
    places = np.arange(1, max(int(ranked.sizes.max(initial=0)), k) + 1)
    discounts = np.where(places <= k, 1.0 / np.log2(1.0 + places), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[ranked.clicks]
    gained = ranked.discounted(discounts)
    return np.divide(gained, ideal, out=np.full(ideal.size, np.nan), where=ideal > 0)
