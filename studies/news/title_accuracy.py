"""Accuracy of a news model's heads on titles."""

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer


def title_accuracy(
    model: NewsRecommender,
    score: NewsScorer,
    dataset: NewsDataset,
    rows: npt.NDArray[np.integer],
) -> dict[str, float]:
    """Share of titles whose class a head predicts correctly, for heads with one class per title.

    Args:
      model: Its heads are asked.
      score: Gives the titles' vectors.
      dataset: Knows the classes.
      rows: Articles to ask about; those without a class of the head do not count.

    Returns:
      By head (`category`, `sentiment`); without those for which no article counts.
    """
    found: dict[str, float] = {}
    for name, classes in (("category", dataset.category), ("sentiment", dataset.sentiment)):
        known = rows[classes[rows] > 0]
        if name in model.heads and known.size:
            logits = np.asarray(model.heads[name](score.vectors(known)))
            # code 0 is missing, so class 0 has code 1
            found[name] = float(np.mean(logits.argmax(axis=-1) + 1 == classes[known]))
    return found
