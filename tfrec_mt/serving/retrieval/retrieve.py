"""Builds the next version of an index over article vectors, and measures it."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.configs import RetrieveConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import stored_impressions
from tfrec_mt.schema import DataError
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors
from tfrec_mt.serving.retrieval.exact_search import recall_at_k
from tfrec_mt.serving.retrieval.index_module import IndexModule
from tfrec_mt.serving.retrieval.news_encoder import NewsEncoder, Vectors
from tfrec_mt.serving.versions import EXTRA, publish_version, verified_manifest

INDEX = "index"
_WARM_UP_CALLS = 3


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """An index and its measurements.

    Args:
      version: Its folder.
      articles: Articles in it.
      encoded: Titles that were encoded for it.
      recall: Share of the exact k best articles that it finds.
      latency_ms: Median of the time of one query, alone, in milliseconds.
    """

    version: Path
    articles: int
    encoded: int
    recall: float
    latency_ms: float


def retrieve(config: RetrieveConfig) -> Retrieved:
    """Encodes articles, indexes them, measures the index and publishes it.

    A refreshed index keeps the vectors it has and encodes new articles only; the encoder and the
    index that it came from are only read. The version's `assets.extra/` holds ids and vectors.

    Raises:
      DataError: The export or the index to refresh is not what is expected, they do not belong
        together, the articles cannot be read, or clients of the newest version would have to change
        and may not.
      SchemaError: What the kind of index needs is not there.
    """
    if config.refresh and not config.articles:
        raise DataError("refreshing an index needs a file of new articles")
    encoder = NewsEncoder(config.export)
    dataset = NewsDataset(config.data)
    found = _stored(config.refresh, encoder) if config.refresh else None
    new = _new_articles(config, dataset)
    encoded = ArticleVectors(tuple(new["article"]), encoder.titles(new["title"].to_list()))
    articles = found.updated(encoded) if found else encoded
    index = IndexModule(config.index, articles, config.k)
    queries = _queries(config, dataset, encoder, articles)
    recall, latency = _measured(index, queries, articles)
    version = publish_version(
        config.output,
        index,
        index.functions,
        name=INDEX,
        warm_up=[("serving_default", {"query_vectors": queries[:1]})],
        description={
            "kind": INDEX,
            "index": config.index,
            "encoder": encoder.fingerprint,
            "articles": len(articles.ids),
            "recall": recall,
            "latency_ms": latency,
        },
        extra_files=articles.files(),
        ops=index.ops,
        allow_signature_change=config.allow_signature_change,
    )
    return Retrieved(
        version=version,
        articles=len(articles.ids),
        encoded=len(encoded.ids),
        recall=recall,
        latency_ms=latency,
    )


def _stored(version: Path, encoder: NewsEncoder) -> ArticleVectors:
    manifest = verified_manifest(version)
    if manifest.get("kind") != INDEX:
        raise DataError(f"{version}: expected an index, got {manifest.get('kind')}")
    if manifest["encoder"] != encoder.fingerprint:
        raise DataError(
            f"{version}: its vectors come from another export than the one that would encode the "
            "new articles; index all articles from scratch"
        )
    return ArticleVectors.load(version / EXTRA)


def _new_articles(config: RetrieveConfig, dataset: NewsDataset) -> pl.DataFrame:
    """`article` and `title` of the articles to encode; those without a title are left out."""
    frames = [] if config.refresh else [dataset.titles()]
    if config.articles:
        frames.append(_read_articles(config.articles))
    # a new title replaces that of the data
    both = pl.concat([frame.select("article", "title") for frame in frames])
    both = both.filter(pl.col("article").is_not_null(), pl.col("title").fill_null("") != "")
    if both.is_empty():
        where = config.articles or config.data
        raise DataError(f"{where}: expected articles with a title to index, found none")
    return both.unique("article", keep="last", maintain_order=True)


def _read_articles(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
        frame = frame.select(pl.col("article", "title").cast(pl.String))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path}: expected a Parquet file with the columns article and title: {error}"
        ) from error
    twice = frame["article"].filter(frame["article"].is_duplicated())
    if len(twice):
        raise DataError(f"{path}: article {twice[0]!r} occurs twice")
    return frame


def _queries(
    config: RetrieveConfig, dataset: NewsDataset, encoder: NewsEncoder, articles: ArticleVectors
) -> Vectors:
    """Vectors of users evenly spaced in the last part, from those of their clicks in the index."""
    part = dataset.parts[-1]
    size = len(dataset.part(part))
    rows = np.linspace(0, size, min(config.queries, size), endpoint=False).astype(np.int64)
    history = stored_impressions(dataset, part, rows).history
    places = articles.places(dataset.titles()["article"].to_list())[history]
    # [Q, H, D]
    clicked = articles.vectors[places] * (places >= 0)[..., np.newaxis]
    queries = encoder.users(clicked[(places >= 0).any(axis=1)])
    # if no clicked article is indexed, articles themselves are the queries
    return queries if len(queries) else articles.vectors[: config.queries]


def _measured(
    index: IndexModule, queries: Vectors, articles: ArticleVectors
) -> tuple[float, float]:
    """Recall at k, and the median time of a query in milliseconds."""
    search: Any = index.functions["serving_default"]
    for _ in range(_WARM_UP_CALLS):
        search(tf.constant(queries[:1]))
    times, answers = [], []
    for query in queries:
        asked = tf.constant(query[np.newaxis])
        start = time.perf_counter()
        answer = search(asked)["articles"].numpy()
        times.append(1_000 * (time.perf_counter() - start))
        answers.append(answer[0])
    names = [name.decode() for answer in answers for name in answer]
    found = articles.places(names).reshape(len(answers), -1)
    return recall_at_k(found, queries, articles.vectors), statistics.median(times)
