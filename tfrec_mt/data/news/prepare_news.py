"""Prepares a news source as a dataset on disk."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from absl import logging

from tfrec_mt.configs.bounds import AtLeast, Count, Whole
from tfrec_mt.data.manifest import MANIFEST_FILE, SplitRecord
from tfrec_mt.data.news.article_columns import encode_articles
from tfrec_mt.data.news.article_index import ArticleIndex
from tfrec_mt.data.news.encode_log import encode_log
from tfrec_mt.data.news.impression_columns import ImpressionColumns
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_manifest import NewsManifest, PartRecord
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.news_spec import VOCABULARY_FILE, NewsSpec, TextFields
from tfrec_mt.data.news.shown_articles import shown_articles
from tfrec_mt.data.news.title_tokens import tokenize_titles
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.data.splits import Split, SplitSpec, chronological_split
from tfrec_mt.schema import DataError, SchemaError
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files

_OPTIONAL: dict[str, Any] = {
    "subtitle": pl.String,
    "category": pl.String,
    "sentiment": pl.String,
    "entities": pl.List(pl.String),
    "published": pl.Int64,
}
_RESERVED = ("articles", "histories")


def prepare_news(
    source: NewsSource,
    output_dir: str | Path,
    *,
    split: SplitSpec | None = None,
    vocabulary: TitleVocabulary | None = None,
    learned_pieces: Annotated[int, AtLeast(6)] = 8_000,
    lowercase: bool = True,
    text: TextFields = "title",
    max_title_length: Annotated[int, AtLeast(3)] = 64,
    history_length: Count = 50,
    max_entities: Whole = 100,
    seed: int = 0,
    description: Mapping[str, Any] | None = None,
) -> NewsDataset:
    """Writes the dataset that training and evaluation of news models read.

    Each title is cut into word pieces once, and each history is stored once. Categories,
    sentiments, entities and a learned vocabulary come from the articles of the first part (shown,
    or in a history there). Articles without a title, and ids that no article describes, get the
    empty title; both are counted in the manifest, with a warning. The folder appears only when it
    is complete, and equal arguments give equal files.

    Args:
      source: Articles and impressions.
      output_dir: Folder to make.
      split: How impressions are divided into parts, by default the source's `default_split`.
      vocabulary: Word pieces of the model that will read the titles; None learns some.
      learned_pieces: Most word pieces to learn.
      lowercase: Whether a learned vocabulary is of lowercased text.
      text: What is read as an article's title.
      max_title_length: Most word pieces of a title, [CLS] and [SEP] among them.
      history_length: Clicks of history that a reader shows by default; all are stored.
      max_entities: How many of the most frequent entities are known.
      seed: Seed of a random split.
      description: JSON-able account of the source for the manifest.

    Raises:
      FileExistsError: `output_dir` exists.
      SchemaError: A divided source with another split, or one log with the split `given`.
      DataError: Articles or impressions break the contract of `NewsSource`, or a part is empty.
    """
    split = split or source.default_split
    _check_split(source, split)
    record = json.loads(json.dumps(dict(description or {})))
    with published_folder(Path(output_dir)) as folder:
        counts: Counter[str] = Counter()
        articles = _read_articles(source.articles())
        index = ArticleIndex(articles["article"])
        parts, histories, made = _write_logs(source, split, seed, index, folder, counts)
        articles = _with_only_ids(articles, index)
        counts["articles_that_are_only_ids"] = len(index.only_ids)
        first = ImpressionColumns.open(
            folder / next(iter(parts)), next(iter(parts.values())), [t.name for t in source.topics]
        )
        seen = shown_articles(first, histories, index.rows)
        columns = encode_articles(articles, seen, max_entities)

        titles = _texts(articles, text)
        without = sum(not title for title in titles[1:])
        counts["articles_without_title"] = without - len(index.only_ids)
        if vocabulary is None:
            of_first = [title for title, there in zip(titles, seen, strict=True) if there]
            vocabulary = TitleVocabulary.learned(of_first, learned_pieces, lowercase)
        tokens = tokenize_titles(vocabulary, titles, max_title_length)
        spec = NewsSpec(
            vocabulary_size=len(vocabulary.pieces),
            lowercase=vocabulary.lowercase,
            max_title_length=max_title_length,
            history_length=history_length,
            text=text,
            categories=columns.categories,
            sentiments=columns.sentiments,
            entities=columns.known_entities,
            topics=source.topics,
        )
        (folder / "spec.json").write_text(spec.to_json(), encoding="utf-8")
        vocabulary.save(folder / VOCABULARY_FILE)
        (folder / "articles").mkdir()
        stored: dict[str, Any] = {"tokens": tokens.ids, "token_offsets": tokens.offsets}
        for name, values in (stored | vars(columns)).items():
            if isinstance(values, np.ndarray):
                np.save(folder / "articles" / f"{name}.npy", values)
        names = {"article": articles["article"].cast(pl.String), "title": titles}
        pl.DataFrame(names).write_parquet(folder / "articles" / "titles.parquet")
        counts.update(source.counts())
        for name in ("articles_that_are_only_ids", "articles_without_title"):
            if counts[name]:
                what = name.replace("_", " ")
                logging.warning("%d %s: each gets the empty title", counts[name], what)
        manifest = NewsManifest(
            source=record,
            split=made,
            articles=index.rows,
            history_clicks=len(histories),
            parts=parts,
            counts={name: count for name, count in sorted(counts.items()) if count},
            files=hash_files(folder),
        )
        (folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    return NewsDataset(output_dir)


def _check_split(source: NewsSource, split: SplitSpec) -> None:
    if source.parts and (split.kind, split.names) != ("given", source.parts):
        raise SchemaError(
            f"the source comes divided into {', '.join(source.parts)}; expected no other split, "
            f"got {split} by {split.kind!r}"
        )
    if not source.parts and split.kind == "given":
        raise SchemaError(f"the source is one log; expected a split of it, got {split} by 'given'")
    if split.kind == "request":
        raise SchemaError(
            "split 'request': an impression of news is never divided; use 'random' instead"
        )
    for name in split.names:
        if name in _RESERVED:
            raise SchemaError(f"part name {name!r} is taken; expected none of {_RESERVED}")


def _read_articles(table: pa.Table) -> pl.DataFrame:
    for name in ("article", "title"):
        if name not in table.column_names:
            raise DataError(f"articles: expected the column {name!r}, got {table.column_names}")
    frame = pl.DataFrame(table)
    optional = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _OPTIONAL.items()
    ]
    frame = frame.with_columns(*optional, pl.col("title").cast(pl.String))
    return frame.select("article", "title", *_OPTIONAL).with_columns(
        pl.when(pl.col(name).str.strip_chars() == "").then(None).otherwise(pl.col(name)).alias(name)
        for name in ("category", "sentiment")
    )


def _write_logs(
    source: NewsSource,
    spec: SplitSpec,
    seed: int,
    index: ArticleIndex,
    folder: Path,
    counts: Counter[str],
) -> tuple[dict[str, PartRecord], npt.NDArray[np.int32], SplitRecord | None]:
    """Encodes and writes every part; also returns the clicks of all histories."""
    parts: dict[str, PartRecord] = {}
    histories: list[npt.NDArray[np.int32]] = []
    clicks = 0
    made = None
    for log in source.logs():
        columns, shown = encode_log(log, index, source.topics, clicks, counts)
        histories.append(shown)
        clicks += len(shown)
        if log.part is not None:
            divided = {log.part: columns}
        else:
            split = Split(spec, seed)
            if spec.chronological:
                seconds, rows = np.unique(columns.time, return_counts=True)
                split = chronological_split(spec, seconds, rows, seed)
            made = SplitRecord(spec.kind, str(split.spec), seed, split.cuts)
            divided = _divide(columns, split)
        for name, part in divided.items():
            part.save(folder / name)
            parts[name] = part.record
            _count_clicks(part, counts)
    everything = np.concatenate(histories) if histories else np.zeros(0, np.int32)
    (folder / "histories").mkdir()
    np.save(folder / "histories" / "articles.npy", everything)
    return parts, everything, made


def _divide(columns: ImpressionColumns, split: Split) -> dict[str, ImpressionColumns]:
    keys = columns.time if split.spec.chronological else np.arange(len(columns))
    parts = split.assign(keys)
    rows = {name: np.flatnonzero(parts == n) for n, name in enumerate(split.spec.names)}
    sizes = {name: len(found) for name, found in rows.items()}
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        raise DataError(
            f"split {split.spec} by {split.spec.kind!r} leaves part {empty[0]!r} empty; "
            f"impressions per part: {sizes}"
        )
    return {name: columns.take(found) for name, found in rows.items()}


def _count_clicks(part: ImpressionColumns, counts: Counter[str]) -> None:
    if part.clicked is None:
        counts["impressions_without_labels"] += len(part)
        return
    clicks = np.add.reduceat(part.clicked.astype(np.int64), part.offsets[:-1])
    counts["impressions_without_click"] += int((clicks == 0).sum())
    every = clicks == np.diff(part.offsets)
    counts["impressions_with_every_candidate_clicked"] += int(every.sum())


def _with_only_ids(articles: pl.DataFrame, index: ArticleIndex) -> pl.DataFrame:
    """All rows: the empty article, the described ones, then those that are only ids."""
    dtype = articles["article"].dtype
    empty, ids = (
        pl.DataFrame({"article": x}, {"article": dtype}) for x in ([None], index.only_ids)
    )
    return pl.concat([empty, articles, ids], how="diagonal")


def _texts(articles: pl.DataFrame, text: TextFields) -> Sequence[str]:
    names = ("title", "subtitle") if text == "title_and_subtitle" else ("title",)
    parts = [pl.col(name).fill_null("").str.strip_chars() for name in names]
    joined = pl.concat_str(parts, separator=" ").str.strip_chars()
    return articles.select(joined).to_series().to_list()
