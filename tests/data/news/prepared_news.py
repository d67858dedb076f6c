"""Small news, prepared."""

from pathlib import Path
from typing import Any

from tests.data.news.tiny_news import VOCABULARY, TinyNews
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.splits import SplitSpec

DAYS = SplitSpec.parse("train:1,test:1", "days")


def prepared(folder: Path, source: TinyNews | None = None, **options: Any) -> NewsDataset:
    source = source or TinyNews()
    settings: dict[str, Any] = {
        "split": None if source.parts else DAYS,
        "vocabulary": VOCABULARY,
        **options,
    }
    return prepare_news(source, folder / "data", **settings)
