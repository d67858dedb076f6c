"""The four metrics of news recommendation, per impression."""

from numpy import float64
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.impression_auc import impression_auc
from tfrec_mt.metrics.ndcg import ndcg
from tfrec_mt.metrics.ranked_impressions import RankedImpressions
from tfrec_mt.metrics.reciprocal_rank import reciprocal_rank

IMPRESSION_METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")


def impression_metrics(
    clicked: ArrayLike, scores: ArrayLike, offsets: ArrayLike
) -> dict[str, NDArray[float64]]:
    """AUC, MRR, nDCG@5 and nDCG@10 of every impression.

    A table of results is the plain mean of each over the impressions where it is defined: AUC needs
    a clicked and an unclicked candidate, the others a click.

    Args:
      clicked: `[N]`, 0 or 1, the candidates of one impression after those of the other.
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
        "auc": impression_auc(ranked),
        "mrr": reciprocal_rank(ranked),
        "ndcg@5": ndcg(ranked, 5),
        "ndcg@10": ndcg(ranked, 10),
    }
