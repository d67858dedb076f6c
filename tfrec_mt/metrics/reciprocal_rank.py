"""Mean reciprocal rank inside every impression."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.metrics.ranked_impressions import RankedImpressions


def reciprocal_rank(ranked: RankedImpressions) -> NDArray[np.float64]:
    """Mean over the clicked candidates of `1 / rank`, ranks counted from 1.

    The convention of the MIND script: with several clicks it is the mean over all of them, not the
    reciprocal of the first one's rank. The script breaks ties by the order of the rows; here it is
    the mean over all orders.

    Returns:
      `[n]`, NaN where nothing was clicked.

    Reference: Wu et al., MIND: A Large-scale Dataset for News Recommendation, 2020.
    """
    places = np.arange(1, int(ranked.sizes.max(initial=0)) + 1)
    gained = ranked.discounted(1.0 / places)
    clicks = ranked.clicks.astype(np.float64)
    return np.divide(gained, clicks, out=np.full(clicks.size, np.nan), where=clicks > 0)
