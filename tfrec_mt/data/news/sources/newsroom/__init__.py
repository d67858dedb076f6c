"""A generated news site whose click probabilities are known."""

from tfrec_mt.data.news.sources.newsroom.config import NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.source import NewsroomSource
from tfrec_mt.data.news.sources.newsroom.titles import RealTitles

__all__ = ["NewsroomConfig", "NewsroomSource", "RealTitles"]
