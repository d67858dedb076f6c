"""AUC inside every impression."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.metrics.ranked_impressions import RankedImpressions


def impression_auc(ranked: RankedImpressions) -> NDArray[np.float64]:
    """How often a clicked candidate scores above an unclicked one, ties counting half.

    As scikit-learn's `roc_auc_score` of each impression.

    Returns:
      `[n]`, NaN where every candidate or none was clicked.
    """
    n = ranked.sizes.size
    unclicked = ranked.sizes - ranked.clicks
    run_unclicked = ranked.run_sizes - ranked.run_clicks
    # Unclicked candidates of the impression above each run: over all runs before, less those of
    # earlier impressions.
    before = np.cumsum(run_unclicked) - run_unclicked
    above = before - (np.cumsum(unclicked) - unclicked)[ranked.impression]
    below = unclicked[ranked.impression] - above - run_unclicked
    wins = np.bincount(ranked.impression, ranked.run_clicks * (below + run_unclicked / 2), n)
    pairs = (ranked.clicks * unclicked).astype(np.float64)
    return np.divide(wins, pairs, out=np.full(n, np.nan), where=pairs > 0)
