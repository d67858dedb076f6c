"""Sources of real news by their name in flags and studies; each is a folder of files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.sources.eb_nerd import EbNerdSource
from tfrec_mt.data.news.sources.mind import MindSource

NEWS_FOLDERS: Mapping[str, Callable[[Path], NewsSource]] = {
    "eb_nerd": EbNerdSource,
    "mind": MindSource,
}
