"""`NewsroomSource`: a generated news site whose click probabilities are known."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfrec_mt.data.news.news_source import NewsLog, NewsSource
from tfrec_mt.data.news.ragged import offsets_of
from tfrec_mt.data.news.sources.newsroom.config import NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.impressions import Impressions, draw_impressions
from tfrec_mt.data.news.sources.newsroom.lexicon import SENTIMENTS
from tfrec_mt.data.news.sources.newsroom.titles import RealTitles
from tfrec_mt.data.news.sources.newsroom.world import TOPICS, World
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Topic


class NewsroomSource(NewsSource):
    """A seeded news site: readers with tastes for subjects, moods and fresh news.

    `docs/newsroom.md` states every probability. There is one log, to be divided by days. A reader's
    history holds all earlier clicks, starting six days before the first impression.

    Args:
      config: Size, seed and strength of the domain shift.
      titles: Real titles instead of generated ones; categories are then theirs, and there is no
        sentiment and no entity.

    Example:
      >>> source = NewsroomSource(NewsroomConfig(users=100, articles=500, impressions=2_000))
      >>> next(source.logs()).impressions.num_rows
      2000
    """

    def __init__(self, config: NewsroomConfig, titles: RealTitles | None = None) -> None:
        self.config = config
        self._world = World.create(config, titles)

    @property
    def topics(self) -> tuple[Topic, ...]:
        return TOPICS

    @property
    def parts(self) -> tuple[str, ...]:
        return ()

    @property
    def default_split(self) -> SplitSpec:
        """Whole days: the last is `test`, the one before it is `fresh`."""
        return SplitSpec.usual("days")

    def articles(self) -> pa.Table:
        articles = self._world.articles
        count = len(articles.titles)
        named = articles.named.astype(np.int64)
        columns = {
            "article": np.arange(1, count + 1),
            "title": pa.array(articles.titles, pa.string()),
            "category": _strings(articles.category, articles.categories),
            "entities": pa.ListArray.from_arrays(
                offsets_of(named).astype(np.int32),
                _strings(articles.entity[articles.named], articles.entities),
            ),
            "published": articles.published,
        }
        if articles.subtitles is not None:
            columns["subtitle"] = pa.array(articles.subtitles, pa.string())
        if articles.sentiment is not None:
            columns["sentiment"] = _strings(articles.sentiment, SENTIMENTS)
        return pa.table(columns)

    def logs(self) -> Iterator[NewsLog]:
        drawn = draw_impressions(self._world)
        first = len(drawn.user) - self.config.impressions
        start = drawn.offsets[first]
        offsets = (drawn.offsets[first:] - start).astype(np.int64)

        def lists(values: NDArray[np.generic]) -> pa.LargeListArray:
            return pa.LargeListArray.from_arrays(offsets, pa.array(values))

        impressions = pa.table(
            {
                "impression": np.arange(1, self.config.impressions + 1),
                "user": drawn.user[first:] + 1,
                "time": drawn.time[first:],
                "history": drawn.user[first:],
                "candidates": lists(drawn.article[start:] + 1),
                "clicked": lists(drawn.clicked[start:].astype(np.int8)),
                "truth": lists(drawn.truth[start:]),
            }
            | {
                topic.name: _strings(drawn.domains[topic.name][first:], topic.domains)
                for topic in TOPICS
            }
        )
        yield NewsLog(None, _histories(drawn, self.config.users), impressions, "newsroom")


def _histories(drawn: Impressions, users: int) -> pa.Table:
    """All clicks of each reader in order of time."""
    owner = np.repeat(np.arange(len(drawn.user)), np.diff(drawn.offsets))[drawn.clicked]
    article = drawn.article[drawn.clicked] + 1
    order = np.argsort(drawn.user[owner], kind="stable")
    clicks = np.bincount(drawn.user[owner], minlength=users)
    offsets = offsets_of(clicks)
    return pa.table(
        {
            "articles": pa.LargeListArray.from_arrays(offsets, pa.array(article[order])),
            "times": pa.LargeListArray.from_arrays(offsets, pa.array(drawn.time[owner][order])),
        }
    )


def _strings(codes: NDArray[np.generic], names: Sequence[str]) -> pa.Array:
    """The names of the codes as a plain string column."""
    values = pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), values).dictionary_decode()
