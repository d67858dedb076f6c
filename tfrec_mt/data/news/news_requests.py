"""A sample of impressions in raw form, as a client would send them to be scored."""

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import impressions_of
from tfrec_mt.schema.features import MISSING_STRING
from tfrec_mt.tables.bags import cut_bags

ROW_COLUMN = "row"
# Stands for a title that is not known; empty text would be padding.
NO_TITLE = " "


def news_requests(dataset: NewsDataset, part: str, most: int) -> pl.DataFrame:
    """Picks at most `most` impressions, one from each of equal stretches of a part.

    Returns:
      `row` (place in the part), `history` (titles, newest first), `candidates` (titles),
      `age_hours` (of each candidate, 0 if unknown), and the domain of each topic ("" if unknown).

    Raises:
      DataError: An unknown part.
    """
    columns = dataset.part(part)
    rows = np.linspace(0, len(columns), min(most, len(columns)), endpoint=False).astype(np.int64)
    batch = stored_impressions(dataset, part, rows)
    titles = dataset.titles()["title"].replace("", NO_TITLE)
    shown = np.arange(batch.history.shape[1]) < batch.history_length[:, np.newaxis]
    domains = {
        topic.name: pl.Series([MISSING_STRING, *topic.domains])[batch.domains[topic.name]]
        for topic in dataset.schema.topics
    }
    sizes = np.diff(batch.offsets)
    return pl.DataFrame(
        {
            ROW_COLUMN: rows,
            "history": cut_bags(titles[batch.history[shown]], batch.history_length),
            "candidates": cut_bags(titles[batch.candidates], sizes),
            "age_hours": cut_bags(pl.Series(batch.age_hours), sizes),
            **domains,
        }
    )


def stored_impressions(
    dataset: NewsDataset, part: str, rows: npt.NDArray[np.int64]
) -> ImpressionBatch:
    """The impressions of the given rows of a part, in one batch.

    Raises:
      DataError: An unknown part.
    """
    columns = dataset.part(part).take(rows)
    return impressions_of(dataset, columns, dataset.schema.history_length)
