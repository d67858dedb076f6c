"""`prepare`: rows of any source as the dataset that training and evaluation read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, overload

from tfrec_mt.configs.settings import arguments_of, sort_settings
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.title_vocabulary import MINILM, TitleVocabulary
from tfrec_mt.data.prepare import prepare as prepare_log
from tfrec_mt.data.source import Source, chosen_split
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.splits import SplitKind
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.jobs.opened import Folder, Log
from tfrec_mt.schema import Schema
from tfrec_mt.tables.frames import is_frame

_OWN = ("source", "output_dir", "split", "seed", "description")


@overload
def prepare(data: NewsSource, *, output: Folder, **settings: Any) -> NewsDataset: ...


@overload
def prepare(
    data: Any,
    schema: Schema | Folder | None = None,
    output: Folder | None = None,
    *,
    split: SplitKind | None = None,
    split_parts: str | None = None,
    seed: int = 0,
    unknown_domains: Literal["error", "fallback"] = "error",
    **settings: Any,
) -> PreparedDataset: ...


def prepare(
    data: Any,
    schema: Schema | Folder | None = None,
    output: Folder | None = None,
    *,
    split: SplitKind | None = None,
    split_parts: str | None = None,
    seed: int = 0,
    unknown_domains: Literal["error", "fallback"] = "error",
    **settings: Any,
) -> Log:
    """Writes the dataset that training and evaluation read: codes, histories, parts.

    Args:
      data: Your log: a pandas, Polars or Arrow frame, columns by name, a path, a folder, a pattern
        or a list of them (CSV, TSV, Parquet). Or a source of `mt.sources`.
      schema: Describes your log: a `Schema` or its JSON file; sources bring their own.
      output: Folder to make.
      split: How rows are divided: `days`, `time`, `random`, `request`, or `given` as the source
        comes. By default in order of time, if there is one.
      split_parts: Parts with their days or shares, such as `train:6,fresh:1,test:1` or, of days,
        `train:*,fresh:1,test:1`. Vocabularies are learned from the first; kernels learn from
        `fresh` and are measured on `test` unless told otherwise.
      seed: Seed of a random split and of samples.
      unknown_domains: Whether a domain that the schema does not list is an error, or scored by the
        base alone.
      settings: Of click logs `folds`; of news see `prepare_news`: `max_title_length`,
        `history_length` and others, and `vocabulary`, the word pieces of the title encoder: that of
        `minilm` by default, `learn`, a file or the preset of a BERT.

    Returns:
      The dataset, opened: `PreparedDataset` of a click log, `NewsDataset` of news.

    Raises:
      FileExistsError: The output exists.
      SchemaError: No schema for a log, or one that the split contradicts; an unknown setting.
      DataError: A row breaks the schema: names file, row and column.

    Example:
      >>> log = mt.prepare("clicks/*.parquet", schema, "runs/shop/data", split="days")
      >>> log.parts
      ('train', 'fresh', 'test')
    """
    if output is None:
        raise SchemaError("output: expected a folder to make")
    if isinstance(data, NewsSource):
        if schema is not None:
            raise SchemaError("schema: news bring their own description; leave it out")
        return _prepare_news(data, output, split, split_parts, seed, settings)
    source, description = _source(data, schema)
    sort_settings("prepare", settings, {"log": ("folds", "description")})
    return prepare_log(
        source,
        output,
        chosen_split(source, split, split_parts),
        seed=seed,
        unknown_domains=unknown_domains,
        **{"description": description, **settings},
    )


def _source(data: Any, schema: Schema | Folder | None) -> tuple[Source, dict[str, Any]]:
    if isinstance(data, Source):
        if schema is not None:
            raise SchemaError("schema: a source brings its own; leave it out")
        return data, {"source": type(data).__name__}
    if not (is_frame(data) or isinstance(data, str | Path | Sequence)):
        raise DataError(f"data: expected a frame, paths or a source, got {type(data).__name__}")
    if schema is None:
        raise SchemaError("schema: expected one for your log; `mt.Schema.infer` proposes one")
    known = schema if isinstance(schema, Schema) else Schema.load(schema)
    if is_frame(data):
        return LogsSource(data, known), {"source": "frame"}
    paths = [data] if isinstance(data, str | Path) else list(data)
    return LogsSource(paths, known), {"source": "logs", "files": [str(path) for path in paths]}


def _prepare_news(
    source: NewsSource,
    output: Folder,
    split: SplitKind | None,
    split_parts: str | None,
    seed: int,
    settings: dict[str, Any],
) -> NewsDataset:
    known = arguments_of(prepare_news, *_OWN[:-1])
    sort_settings("prepare of news", settings, {"news": known})
    vocabulary = settings.get("vocabulary", MINILM)
    if isinstance(vocabulary, str):
        lowercase = settings.get("lowercase", True)
        settings = settings | {"vocabulary": TitleVocabulary.named(vocabulary, lowercase)}
    return prepare_news(
        source,
        output,
        split=chosen_split(source, split, split_parts),
        seed=seed,
        **{"description": {"source": type(source).__name__}, **settings},
    )
