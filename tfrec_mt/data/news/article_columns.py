"""The stored columns of articles besides their titles: classes, entities and times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.news.ragged import offsets_of

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ArticleColumns:
    """Codes of `A` articles, row 0 being the empty one.

    Args:
      category, sentiment: int32 `[A]` codes, 0 = missing or unknown.
      published: int64 `[A]` seconds since 1970, 0 = unknown.
      entity_offsets: int64 `[A + 1]` where the entities of each article begin.
      entities: int32 `[N]` columns of `NewsBatch.entities`.
      categories, sentiments, known_entities: Names in code order.
    """

    category: Int32s
    sentiment: Int32s
    published: npt.NDArray[np.int64]
    entity_offsets: npt.NDArray[np.int64]
    entities: Int32s
    categories: tuple[str, ...]
    sentiments: tuple[str, ...]
    known_entities: tuple[str, ...]


def encode_articles(
    articles: pl.DataFrame, seen: npt.NDArray[np.bool_], max_entities: int
) -> ArticleColumns:
    """Learns classes and entities from the articles of the first part, and encodes all articles.

    Args:
      articles: `category`, `sentiment`, `entities` and `published` of every row, `[A]`; nulls for
        row 0 and undescribed articles.
      seen: bool `[A]`, whether the article occurs in the first part.
      max_entities: How many of the most frequent entities are known.
    """
    first = articles.filter(pl.Series(seen))
    categories = by_count(first["category"])
    sentiments = by_count(first["sentiment"])
    entities = by_count(first["entities"].list.unique().explode())[:max_entities]
    columns = {name: place for place, name in enumerate(entities)}
    found = (
        articles["entities"]
        .list.unique(maintain_order=True)
        .list.eval(pl.element().replace_strict(columns, default=None, return_dtype=pl.Int32))
        .list.drop_nulls()
        .fill_null([])
    )
    return ArticleColumns(
        category=_codes(articles["category"], categories),
        sentiment=_codes(articles["sentiment"], sentiments),
        published=articles["published"].fill_null(0).to_numpy().astype(np.int64),
        entity_offsets=offsets_of(found.list.len().to_numpy()),
        entities=found.explode(empty_as_null=False).to_numpy().astype(np.int32),
        categories=categories,
        sentiments=sentiments,
        known_entities=entities,
    )


def by_count(names: pl.Series) -> tuple[str, ...]:
    """Distinct names, the most frequent first, ties in alphabetical order."""
    counted = names.drop_nulls().rename("name").value_counts()
    return tuple(counted.sort(["count", "name"], descending=[True, False])["name"])


def _codes(names: pl.Series, known: Sequence[str]) -> Int32s:
    codes = {name: code for code, name in enumerate(known, start=1)}
    found = names.replace_strict(codes, default=0, return_dtype=pl.Int32)
    return found.fill_null(0).to_numpy()
