"""Floors of news: recent clicks of articles, and click rates of sections."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset

RECENT_CLICKS, SECTION_RATES = "recent_clicks", "section_rates"

_HOURS = 6
_TIME_BITS = 34  # of seconds since 1970, until the year 2514


class RecentClicks:
    """How often an article was clicked in the hours before an impression, in any part.

    Clicks are counted as in a newsroom that serves: those of the measured part count as soon as
    they have happened.

    Args:
      dataset: The news.
      hours: How far back clicks count.
    """

    def __init__(self, dataset: NewsDataset, hours: float = _HOURS) -> None:
        self._seconds = int(hours * 3600)
        clicks = [np.zeros(0, np.int64)]
        for part in dataset.parts:
            columns = dataset.part(part)
            if columns.clicked is not None:
                chosen = np.flatnonzero(columns.clicked)
                times = np.repeat(columns.time, np.diff(columns.offsets))[chosen]
                clicks.append(_key(columns.candidates[chosen], times))
        self._clicks = np.sort(np.concatenate(clicks))

    def __call__(self, batch: ImpressionBatch) -> NDArray[np.float32]:
        """Clicks of each candidate before its impression, `[N]`."""
        times = np.repeat(batch.time, np.diff(batch.offsets))
        start = np.maximum(times - self._seconds, 0)
        first, end = (
            np.searchsorted(self._clicks, _key(batch.candidates, of)) for of in (start, times)
        )
        return (end - first).astype(np.float32)


class SectionRates:
    """Smoothed share of a section's candidates that were clicked.

    Args:
      dataset: The news.
      part: Part to count.
      strength: Candidates that the rate of all counts for.
    """

    def __init__(self, dataset: NewsDataset, part: str, strength: float = 20.0) -> None:
        self._section = dataset.category
        columns = dataset.part(part)
        assert columns.clicked is not None
        sections = self._section[columns.candidates]
        size = int(self._section.max()) + 1
        shown = np.bincount(sections, minlength=size)
        clicks = np.bincount(sections[np.flatnonzero(columns.clicked)], minlength=size)
        rate = clicks.sum() / max(shown.sum(), 1)
        self._rates = ((clicks + strength * rate) / (shown + strength)).astype(np.float32)

    def __call__(self, batch: ImpressionBatch) -> NDArray[np.float32]:
        """The rate of each candidate's section, `[N]`."""
        return self._rates[self._section[batch.candidates]]


def _key(articles: NDArray[np.int32], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers that sort by article, then time."""
    return (articles.astype(np.int64) << _TIME_BITS) | times.astype(np.int64)
