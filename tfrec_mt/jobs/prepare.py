"""`prepare`: turns rows of any source into the dataset that training and evaluation read."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

from absl import logging

from tfrec_mt.configs.bounds import Whole
from tfrec_mt.configs.settings import arguments_of, check_numbers, sort_settings
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import GrowthRecord
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.title_vocabulary import LEARN, MINILM, TitleVocabulary
from tfrec_mt.data.preparation.prepare import prepare as prepare_log
from tfrec_mt.data.preparation.validation import UnknownDomains
from tfrec_mt.data.source import Source, chosen_split
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.splits import SplitKind, SplitSpec
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.schema import Schema
from tfrec_mt.tables.frames import is_frame
from tfrec_mt.training.progress import say

_OWN = ("source", "output", "output_dir", "split", "seed")
Folder = str | Path
Log = PreparedDataset | NewsDataset


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
    seed: Whole = 0,
    like: PreparedDataset | Folder | None = None,
    unknown_domains: UnknownDomains = "error",
    **settings: Any,
) -> PreparedDataset: ...


def prepare(
    data: Any,
    schema: Schema | Folder | None = None,
    output: Folder | None = None,
    *,
    split: SplitKind | None = None,
    split_parts: str | None = None,
    seed: Whole = 0,
    like: PreparedDataset | Folder | None = None,
    unknown_domains: UnknownDomains = "error",
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
      like: Earlier click data to continue, such as those of the day before: ids keep their codes,
        new ones get rows of those that have left, and histories go on. The schema is theirs unless
        you give one, which may add domains and change `min_count`, `max_size` and `evict_after`.
      unknown_domains: Whether a domain that the schema does not list is an error, scored by the
        base alone, or added to the topic.
      settings: Of click logs `folds`, and see `prepare_clicks`; of news `vocabulary` (see
        `prepare_titles`) and what `prepare_news` takes: `max_title_length`, `history_length` and
        others.

    Returns:
      The dataset, opened: `PreparedDataset` of a click log, `NewsDataset` of news. What is doubtful
      about a click log is said in a table and kept in `log.manifest.doubts`.

    Raises:
      FileExistsError: The output exists.
      SchemaError: No schema for a log, or one that the split contradicts; an unknown setting.
      DataError: A row breaks the schema: names file, row and column. Or the rows are not later than
        those that they are to continue.

    Example:
      >>> log = mt.prepare("clicks/*.parquet", schema, "runs/shop/data", split="days")
      >>> log.parts
      ('train', 'fresh', 'test')
    """
    if output is None:
        raise SchemaError("output: expected a folder to make")
    make: Callable[..., Log]
    writes: Callable[..., Log]
    source: Any
    if isinstance(data, NewsSource):
        if schema is not None or like is not None:
            name = "schema" if like is None else "like"
            raise SchemaError(f"{name}: news bring their own description; leave it out")
        step, make, writes = "prepare of news", prepare_titles, prepare_news
        source, description = data, {"source": type(data).__name__}
    else:
        step, make, writes = "prepare", prepare_clicks, prepare_log
        if like is not None:
            settings["like"] = like = open_clicks(like)
        source, description = _source(data, schema, like)
    if unknown_domains != "error":
        settings["unknown_domains"] = unknown_domains
    sort_settings(step, settings, {"all": arguments_of(writes, *_OWN) | arguments_of(make, *_OWN)})
    check_numbers({**settings, "seed": seed}, prepare, make, writes)
    log = make(
        source,
        output,
        chosen_split(source, split, split_parts),
        seed=seed,
        **{"description": description, **settings},
    )
    if isinstance(log, PreparedDataset) and log.manifest.like:
        say(growth_table(log))
    doubts = log.manifest.doubts if isinstance(log, PreparedDataset) else ()
    if doubts:
        width = max(len(doubt.column) for doubt in doubts)
        lines = [f"  {doubt.column:{width}}  {doubt.what}" for doubt in doubts]
        logging.warning("%s: check what is doubtful:\n%s", log.path, "\n".join(lines))
    return log


def open_clicks(data: PreparedDataset | Folder) -> PreparedDataset:
    """A prepared click log to continue.

    Raises:
      DataError: It is none.
    """
    if isinstance(data, PreparedDataset):
        return data
    return PreparedDataset(data)


def growth_table(log: PreparedDataset) -> str:
    """What has changed since the data that a log continues, as a table of ids by vocabulary."""
    like = log.manifest.like
    if like is None:
        return ""
    columns = [field.name for field in dataclasses.fields(GrowthRecord)]
    rows = [["ids", *columns, "table rows"]]
    for name, record in like.grown.items():
        counts = [f"{getattr(record, column):,}" for column in columns]
        rows.append([name, *counts, f"{log.schema.vocabulary(name).rows:,}"])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    new = [f"{topic}: new: {', '.join(names)}" for topic, names in like.domains.items() if names]
    return "\n  ".join([f"{log.path} continues {like.path}", *lines, *new])


def _source(
    data: Any, schema: Schema | Folder | None, like: PreparedDataset | None
) -> tuple[Source, dict[str, Any]]:
    if isinstance(data, Source):
        if schema is not None:
            raise SchemaError("schema: a source brings its own; leave it out")
        return data, {"source": type(data).__name__}
    if not (is_frame(data) or isinstance(data, str | Path | Sequence)):
        raise DataError(f"data: expected a frame, paths or a source, got {type(data).__name__}")
    if schema is None and like is not None:
        schema = like.schema
    if schema is None:
        raise SchemaError("schema: expected one for your log; `mt.Schema.infer` proposes one")
    known = schema if isinstance(schema, Schema) else Schema.load(schema)
    if is_frame(data):
        return LogsSource(data, known), {"source": "frame"}
    paths = [data] if isinstance(data, str | Path) else list(data)
    return LogsSource(paths, known), {"source": "logs", "files": [str(path) for path in paths]}


def prepare_clicks(
    source: Source,
    output: Folder,
    split: SplitSpec,
    *,
    cross_topics: Sequence[str] = (),
    examples: Folder | None = None,
    **settings: Any,
) -> PreparedDataset:
    """Prepares a click log.

    Args:
      source: The raw rows.
      output: Folder to make.
      split: How rows are divided.
      cross_topics: Topics to add whose domains are pairs of others', such as `scene+region`, which
        becomes the topic `scene_region`.
      examples: Folder to make with each part as tf.Example TFRecord files as well.
      settings: See `data.preparation.prepare`.
    """
    if cross_topics:
        source = CrossedTopics(source, [cross.split("+") for cross in cross_topics])
    dataset = prepare_log(source, output, split, **settings)
    if examples is not None:
        from tfrec_mt.data.reading.tf_examples import write_examples  # needs TensorFlow

        for part in dataset.parts:
            write_examples(dataset, part, Path(examples) / part)
    return dataset


def prepare_titles(
    source: NewsSource,
    output: Folder,
    split: SplitSpec,
    *,
    vocabulary: str | TitleVocabulary = MINILM,
    **settings: Any,
) -> NewsDataset:
    """Prepares news.

    Args:
      source: Articles and impressions.
      output: Folder to make.
      split: How impressions are divided.
      vocabulary: Word pieces of the title encoder: `minilm`, a vocabulary file (*.txt), a keras_hub
        preset or Hugging Face folder of a BERT, or `learn` (from the titles of the first part).
      settings: See `prepare_news`.

    Raises:
      SchemaError: There is no such vocabulary, or a setting is not for it.
    """
    found: TitleVocabulary | None
    if isinstance(vocabulary, str):
        if "learned_pieces" in settings and vocabulary != LEARN:
            raise SchemaError(f"learned_pieces goes with vocabulary={LEARN!r}, got {vocabulary!r}")
        if "lowercase" in settings and not (vocabulary == LEARN or vocabulary.endswith(".txt")):
            raise SchemaError(
                f"lowercase: {vocabulary} says itself whether it is lowercased; leave it out"
            )
        found = TitleVocabulary.named(vocabulary, settings.get("lowercase", True))
    else:
        found = vocabulary
    return prepare_news(source, output, split=split, vocabulary=found, **settings)
