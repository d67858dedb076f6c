"""AUC, MRR and nDCG of news recommendation, per impression."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.ranked_impressions import RankedImpressions
from tfrec_mt.schema import SchemaError

IMPRESSION_METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")


def impression_metrics(
    clicked: ArrayLike, scores: ArrayLike, offsets: ArrayLike
) -> dict[str, NDArray[np.float64]]:
    """AUC, MRR, nDCG@5 and nDCG@10 of every impression.

    Published tables give the plain mean over the impressions where a metric is defined: AUC needs
    a clicked and an unclicked candidate, the others a click.

    Args:
      clicked: `[N]`, 0 or 1, impression after impression.
      scores: `[N]`, any finite numbers, higher is better.
      offsets: `[n + 1]` where each impression begins, and N.

    Returns:
      By metric name, `[n]`; NaN where it is not defined.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, a score is not finite, or the offsets
        do not ascend from 0 to N.

    Example:
      >>> impression_metrics([0, 1, 1, 0], [0.2, 0.9, 0.3, 0.7], [0, 2, 4])["auc"]
      array([1., 0.])
    """
    ranked = RankedImpressions.create(clicked, scores, offsets)
    return {
        "auc": _auc(ranked),
        "mrr": _reciprocal_rank(ranked),
        "ndcg@5": ndcg(ranked, 5),
        "ndcg@10": ndcg(ranked, 10),
    }


def ndcg(ranked: RankedImpressions, k: int) -> NDArray[np.float64]:
    """`DCG@k / ideal DCG@k` with a gain of 1 per click and a discount of `1 / log2(1 + rank)`.

    Equals scikit-learn's `ndcg_score(..., k=k)` of each impression, with ties averaged. The MIND
    script differs only in ties, which it breaks by the order of the rows.

    Returns:
      `[n]`, NaN where nothing was clicked (scikit-learn gives 0, the MIND script fails).

    Raises:
      SchemaError: `k` is below 1.

    Reference: Järvelin and Kekäläinen, Cumulated Gain-based Evaluation of IR Techniques, 2002.
    """
    if k < 1:
        raise SchemaError(f"ndcg: k must be at least 1, got {k}")
    places = np.arange(1, max(int(ranked.sizes.max(initial=0)), k) + 1)
    discounts = np.where(places <= k, 1.0 / np.log2(1.0 + places), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[ranked.clicks]
    return _where_defined(ranked.discounted(discounts), ideal)


def _reciprocal_rank(ranked: RankedImpressions) -> NDArray[np.float64]:
    """Mean over the clicked candidates of `1 / rank`, ranks from 1, ties averaged.

    The MIND script (Wu et al. 2020) also averages over all clicks rather than taking the first
    one's rank, but breaks ties by the order of the rows.
    """
    places = np.arange(1, int(ranked.sizes.max(initial=0)) + 1)
    return _where_defined(ranked.discounted(1.0 / places), ranked.clicks.astype(np.float64))


def _auc(ranked: RankedImpressions) -> NDArray[np.float64]:
    """AUC of each impression, equal to scikit-learn's `roc_auc_score`."""
    n = ranked.sizes.size
    unclicked = ranked.sizes - ranked.clicks
    run_unclicked = ranked.run_sizes - ranked.run_clicks
    # Unclicked candidates of the impression above each run: those of all earlier runs, less those
    # of earlier impressions.
    before = np.cumsum(run_unclicked) - run_unclicked
    above = before - (np.cumsum(unclicked) - unclicked)[ranked.impression]
    below = unclicked[ranked.impression] - above - run_unclicked
    wins = np.bincount(ranked.impression, ranked.run_clicks * (below + run_unclicked / 2), n)
    return _where_defined(wins, (ranked.clicks * unclicked).astype(np.float64))


def _where_defined(over: NDArray[np.number], under: NDArray[np.float64]) -> NDArray[np.float64]:
    """`over / under`, NaN where `under` is 0."""
    return np.divide(over, under, out=np.full(under.size, np.nan), where=under > 0)
