"""The newest clicks of each impression's history."""

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.impression_columns import ImpressionColumns


def shown_histories(
    columns: ImpressionColumns,
    rows: npt.NDArray[np.int64],
    clicks: npt.NDArray[np.int32],
    length: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Article rows of the newest clicks of impressions' histories.

    Args:
      columns: The impressions.
      rows: Which of them, `[B]`.
      clicks: Article rows of all histories, each oldest first.
      length: Most clicks to show, H.

    Returns:
      int32 `[B, H]` article rows, newest first, then 0; int32 `[B]` how many are shown.
    """
    shown = np.minimum(columns.history_length[rows], length).astype(np.int32)
    back = np.arange(length)
    if not len(clicks):
        return np.zeros((len(rows), length), np.int32), shown
    # [B, H]
    places = columns.history_end[rows][:, np.newaxis] - 1 - back
    history = np.take(clicks, places, mode="clip")
    history *= back < shown[:, np.newaxis]
    return history, shown


def age_in_hours(
    time: npt.NDArray[np.int64], published: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Hours from publication to impression; 0 where publication is unknown (0) or later."""
    hours = np.maximum(time - published, 0) / 3_600
    return np.where(published == 0, 0.0, hours).astype(np.float32)
