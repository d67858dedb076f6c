"""Reads whole impressions of a part once, in stored order."""

from collections.abc import Iterator

import numpy as np

from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.impression_columns import ImpressionColumns
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.shown_histories import age_in_hours, shown_histories


def scan_impressions(
    dataset: NewsDataset, part: str, batch_size: int, history_length: int | None = None
) -> Iterator[ImpressionBatch]:
    """Yields all impressions of a part with all their candidates; the last batch may be shorter.

    Batches hold article rows, so that a title can be encoded once for the whole part.

    Args:
      dataset: The dataset.
      part: Name of the part.
      batch_size: Impressions per batch, at least 1.
      history_length: Clicks of history to show; by default the spec's.

    Raises:
      DataError: An unknown part.
      ValueError: A number below 1.
    """
    length = dataset.schema.history_length if history_length is None else history_length
    if batch_size < 1 or length < 1:
        raise ValueError(
            f"batch_size and history_length must be at least 1, got {batch_size} and {length}"
        )
    columns = dataset.part(part)
    for start in range(0, len(columns), batch_size):
        rows = np.arange(start, min(start + batch_size, len(columns)))
        yield impressions_of(dataset, columns.take(rows), length)


def impressions_of(
    dataset: NewsDataset, columns: ImpressionColumns, history_length: int
) -> ImpressionBatch:
    """One batch of impressions of a dataset's part, with `history_length` clicks of history."""
    rows = np.arange(len(columns))
    history, shown = shown_histories(columns, rows, dataset.history_articles, history_length)
    candidates = np.array(columns.candidates)
    time = np.repeat(columns.time, np.diff(columns.offsets))
    return ImpressionBatch(
        history=history,
        history_length=shown,
        offsets=np.array(columns.offsets),
        candidates=candidates,
        clicked=None if columns.clicked is None else np.array(columns.clicked),
        truth=None if columns.truth is None else np.array(columns.truth),
        age_hours=age_in_hours(time, dataset.published[candidates]),
        domains={name: np.array(codes) for name, codes in columns.domains.items()},
        user=np.array(columns.user),
        impression=np.array(columns.impression),
        time=np.array(columns.time),
    )
