"""Sources for `mt.prepare`: generated data, and public data as distributed.

Example:
  >>> log = mt.prepare(mt.sources.takeout(rows=100_000), output="runs/takeout/data")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.source import Source
from tfrec_mt.schema import Schema


def takeout(rows: int = 1_000_000, **settings: Any) -> Source:
    """Clicks and orders on a generated food platform whose true probabilities are known.

    Args:
      rows: Impressions in all, over eight days.
      settings: See `TakeoutConfig`: `seed`, `shift`, `drift`, `short_history` and others.

    Raises:
      SchemaError: A setting is out of range.

    Example:
      >>> mt.sources.takeout(rows=50_000, seed=1).schema.task_names
      ('ctr', 'ctcvr')
    """
    from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource

    return TakeoutSource(TakeoutConfig(rows=rows, **settings))


def newsroom(impressions: int = 100_000, **settings: Any) -> NewsSource:
    """Impressions of generated news, in sections and on devices.

    Args:
      impressions: Impressions in all, over eight days.
      settings: See `NewsroomConfig`: `articles`, `users`, `seed`, `shift` and others.

    Raises:
      SchemaError: A setting is out of range.

    Example:
      >>> [topic.name for topic in mt.sources.newsroom(impressions=1_000).topics]
      ['section', 'device']
    """
    from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource

    return NewsroomSource(NewsroomConfig(impressions=impressions, **settings))


def movielens(
    folder: str | Path, variant: Literal["1m", "100k"] = "1m", history: bool = True
) -> Source:
    """MovieLens as distributed; a click is a rating above 3, an order a rating of 5.

    Args:
      folder: Folder of its files.
      variant: Which of the two.
      history: Whether rows see what their user clicked in training rows.

    Raises:
      DataError: A file is not there.

    Example:
      >>> mt.sources.movielens("ml-1m")
    """
    from tfrec_mt.data.sources.movielens import MovieLensSource

    return MovieLensSource(folder, variant, history=history)


def hillstrom(folder: str | Path) -> Source:
    """Hillstrom's e-mail challenge: visits, and conversions among them.

    Args:
      folder: Folder of `hillstrom.csv`.

    Raises:
      DataError: The file is not there.

    Example:
      >>> mt.sources.hillstrom("hillstrom_email")
    """
    from tfrec_mt.data.sources.hillstrom import HillstromSource

    return HillstromSource(Path(folder))


def table(
    name: Literal["ali_express", "ali_ccp", "census_income", "kuai_rand"], folder: str | Path
) -> Source:
    """A public table from the multi-task and multi-domain literature.

    Args:
      name: Which.
      folder: Folder of its files, as they are distributed.

    Raises:
      DataError: A part has no file, or a file lacks a column.
      SchemaError: An unknown name.

    Example:
      >>> mt.sources.table("ali_express", "AliExpress_NL")
    """
    from tfrec_mt.data.sources.tables import TABLES, TableSource
    from tfrec_mt.errors import SchemaError, nearest

    if name not in TABLES:
        raise SchemaError(f"table {name!r}: unknown; {nearest(name, TABLES)}")
    return TableSource(TABLES[name], folder)


def tfds(
    name: str,
    schema: Schema,
    split: str = "train",
    folder: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """A data set from TensorFlow Datasets.

    Args:
      name: Its name there.
      schema: What its columns are.
      split: Split to read.
      folder: Where it is, or will be downloaded to.
      columns: Expressions of columns that are made, such as `{"click": "user_rating > 3"}`.

    Raises:
      DataError: It lacks a column.

    Example:
      >>> mt.sources.tfds("movielens/1m-ratings", schema)
    """
    from tfrec_mt.data.sources.tfds import TfdsSource

    return TfdsSource(name, schema, split, folder, columns)


def mind(folder: str | Path) -> NewsSource:
    """MIND as distributed: impressions of news with titles.

    Args:
      folder: Folder of `news.tsv` and `behaviors.tsv`, or of the divided data.

    Raises:
      DataError: A file is not there.

    Example:
      >>> mt.sources.mind("MINDsmall_train")
    """
    from tfrec_mt.data.news.sources.mind import MindSource

    return MindSource(Path(folder))


def eb_nerd(folder: str | Path) -> NewsSource:
    """EB-NeRD as distributed: impressions of Danish news.

    Args:
      folder: Folder of its Parquet files.

    Raises:
      DataError: A file is not there.

    Example:
      >>> mt.sources.eb_nerd("ebnerd_small")
    """
    from tfrec_mt.data.news.sources.eb_nerd import EbNerdSource

    return EbNerdSource(Path(folder))
