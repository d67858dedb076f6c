"""Finds the articles that the impressions of a part show."""

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.impression_columns import ImpressionColumns


def shown_articles(
    columns: ImpressionColumns, clicks: npt.NDArray[np.int32], articles: int
) -> npt.NDArray[np.bool_]:
    """Whether each article is a candidate, or in a history that an impression sees: bool `[A]`.

    Args:
      columns: The impressions.
      clicks: Article rows of all histories, each oldest first.
      articles: Rows of articles, A.
    """
    shown = np.zeros(articles, bool)
    shown[columns.candidates] = True
    # +1 where a slice of the clicks begins, -1 where it ends: sums inside a slice are above 0
    depth = np.zeros(len(clicks) + 1, np.int64)
    np.add.at(depth, columns.history_end - columns.history_length, 1)
    np.add.at(depth, columns.history_end, -1)
    shown[clicks[np.cumsum(depth[:-1]) > 0]] = True
    return shown
