"""A prepared small newsroom that the tests of reading share."""

import pytest

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource
from tfrec_mt.data.splits import SplitSpec


@pytest.fixture(scope="session")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> NewsDataset:
    source = NewsroomSource(NewsroomConfig(users=80, articles=400, impressions=1_500))
    return prepare_news(
        source,
        tmp_path_factory.mktemp("newsroom") / "data",
        split=SplitSpec.parse("train:6,fresh:1,test:1", "days"),
        learned_pieces=600,
        history_length=12,
    )
