"""A generated news site whose click probabilities are known."""

from tfrec_mt.data.news.sources.newsroom.config import NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.source import NewsroomSource

__all__ = ["NewsroomConfig", "NewsroomSource"]
