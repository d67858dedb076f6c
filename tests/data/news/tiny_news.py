"""A source of a few hand-written articles and impressions, to be varied by tests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tfrec_mt.data.news.news_source import NewsLog, NewsSource
from tfrec_mt.data.news.title_vocabulary import SPECIAL, TitleVocabulary
from tfrec_mt.schema import Topic

DAY = 86_400
FIRST_SECOND = 1_700_006_400  # a midnight (UTC)
VOCABULARY = TitleVocabulary(
    (*SPECIAL, "goal", "storm", "vote", "late", "big", "##s", "in", "win", "!"), lowercase=True
)


def articles(**changes: Any) -> dict[str, Any]:
    """Six articles; the last two lack a title, and most else."""
    columns: dict[str, Any] = {
        "article": [10, 20, 30, 40, 50, 60],
        "title": ["Late goal", "Storm in goals!", "big vote", "Big storm", None, "  "],
        "category": ["sport", "weather", "politics", "weather", None, ""],
        "sentiment": ["good", "bad", "bad", None, None, None],
        "entities": [["Bo"], [], ["Ann", "Bo", "Ann"], None, None, ["Unseen"]],
        "published": [FIRST_SECOND - 7_200, FIRST_SECOND, None, FIRST_SECOND + DAY, None, None],
    }
    return {**columns, **changes}


def histories(**changes: Any) -> dict[str, Any]:
    """Three clicks, none, and five clicks over two days."""
    columns: dict[str, Any] = {
        "articles": [[10, 20, 10], [], [10, 20, 30, 20, 40]],
        "times": [
            [FIRST_SECOND - 30, FIRST_SECOND - 20, FIRST_SECOND - 10],
            [],
            [FIRST_SECOND + hour * 3_600 for hour in (0, 1, 2, 26, 27)],
        ],
    }
    return {**columns, **changes}


def impressions(**changes: Any) -> dict[str, Any]:
    """Five impressions on the first day and one on the second."""
    columns: dict[str, Any] = {
        "impression": [1, 2, 3, 4, 5, 6],
        "user": [7, 8, 9, 9, 9, 7],
        "time": [FIRST_SECOND + hour * 3_600 for hour in (0, 1, 2, 3, 4, 27)],
        "history": [0, None, 2, 2, 2, 0],
        "candidates": [[20, 10, 30], [10, 50], [30, 20], [40, 10], [20, 30, 10, 60], [40, 10]],
        "clicked": [[0, 1, 0], [1, 0], [0, 0], [1, 1], [1, 0, 1, 0], [0, 1]],
        "truth": [[0.1, 0.2, 0.3], [0.5, 0.4], [0.1, 0.1], [0.9, 0.8], [0.5] * 4, [0.3, 0.6]],
        "section": ["front", "sport", None, "attic", "front", "sport"],
    }
    return {**columns, **changes}


@dataclass
class TinyNews(NewsSource):
    """One log, or one per part."""

    article_columns: dict[str, Any] = field(default_factory=articles)
    history_columns: dict[str, Any] = field(default_factory=histories)
    impression_columns: dict[str, Any] = field(default_factory=impressions)
    part_names: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[Topic, ...]:
        return (Topic(name="section", domains=("front", "sport")),)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.part_names

    def articles(self) -> pa.Table:
        return pa.table(self.article_columns)

    def logs(self) -> Iterator[NewsLog]:
        for part in self.part_names or (None,):
            columns = dict(self.impression_columns)
            if part in self.unlabelled:
                columns = {k: v for k, v in columns.items() if k not in ("clicked", "truth")}
            yield NewsLog(part, pa.table(self.history_columns), pa.table(columns), "tiny")

    def counts(self) -> dict[str, int]:
        return {"odd_things": 3}
