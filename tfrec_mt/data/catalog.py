"""All sources by their name in flags, with the settings of each."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.configs.bounds import is_setting
from tfrec_mt.configs.described import Setting, described
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.sources.catalog import NEWS_FOLDERS
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource, RealTitles
from tfrec_mt.data.source import Source, chosen_split
from tfrec_mt.data.sources.factored_ratings import FactoredRatings
from tfrec_mt.data.sources.hillstrom import HillstromSource
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.sources.movielens import MovieLensSource
from tfrec_mt.data.sources.public_folder import public_folder
from tfrec_mt.data.sources.registered import REGISTERED_SOURCES
from tfrec_mt.data.sources.tables import TABLES, TableSource
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.sources.tfds import TfdsSource
from tfrec_mt.data.splits import SplitKind
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema import Schema
from tfrec_mt.tables.notation import Quoting

# Settings that say how rows are divided, not what they are.
DIVISION = ("split", "split_parts")
_TFDS = "tfds"


@dataclass(frozen=True)
class Named:
    """A source that a flag can name.

    Args:
      make: Makes it from its settings.
      described_by: Callables that have the settings; those that a command line can express become
        flags.
      folder: Its folder below `$TFREC_MT_DATA`, given the settings, or None.
      without: Settings that are no flags.
    """

    make: Callable[..., Source | NewsSource]
    described_by: tuple[Callable[..., Any], ...]
    folder: Callable[[Mapping[str, Any]], str] | None = None
    without: tuple[str, ...] = ()

    @functools.cached_property
    def settings(self) -> dict[str, Setting]:
        """The settings by name."""
        return {
            name: setting
            for source in reversed(self.described_by)
            for name, setting in described(source).items()
            if is_setting(setting.hint) and name not in self.without
        }


def all_sources() -> dict[str, Named]:
    """The sources by name; registered ones last."""
    registered = {name: Named(kind, (kind,)) for name, kind in REGISTERED_SOURCES.items()}
    return SOURCES | registered


def named_source(name: str) -> Named:
    """The source named `name`: one of `all_sources`, or `tfds:NAME`.

    Raises:
      SchemaError: An unknown source.
    """
    kind, _, of = name.partition(":")
    sources = all_sources()
    if kind not in sources or bool(of) != (kind == _TFDS):
        known = [f"{one}:" if one == _TFDS else one for one in sources]
        raise SchemaError(f"--source={name}: unknown source; {nearest(name, known)}")
    return sources[kind]


def make_source(name: str, given: Mapping[str, Any]) -> Source | NewsSource:
    """Makes the named source with those settings in `given` that it has.

    Raises:
      SchemaError: An unknown source, or one that lacks a setting it needs.
      DataError: There is no such data.
    """
    named = named_source(name)
    found = {n: value for n, value in given.items() if n in named.settings}
    if name.startswith(f"{_TFDS}:"):
        found["name"] = name.partition(":")[2]
    for need, setting in named.settings.items():
        if need not in found and setting.default is setting.REQUIRED:
            if need != "data_dir" or not named.folder:
                raise SchemaError(f"--source={name} needs --{need}")
            try:
                found[need] = public_folder(named.folder(found))
            except SchemaError as error:
                raise SchemaError(
                    f"--source={name} needs --data_dir, or a folder of public data: {error}"
                ) from error
    return named.make(**found)


def as_json(value: Any) -> Any:
    """A setting as a manifest and `run.json` store it."""
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _takeout(**settings: Any) -> Source:
    return TakeoutSource(TakeoutConfig(**settings))


def _movielens(
    *,
    expected_rating: bool = False,
    split: SplitKind | None = None,
    split_parts: str | None = None,
    seed: int = 0,
    **settings: Any,
) -> Source:
    """MovieLens.

    Args:
      expected_rating: Whether rows have the rating that a factorisation of training rows predicts.
      split: How rows are divided, as in `prepare`.
      split_parts: The parts.
      seed: Seed of the split.
      settings: See `MovieLensSource`.
    """
    source = MovieLensSource(**settings, ratings=expected_rating)
    if not expected_rating:
        return source
    return FactoredRatings(source, chosen_split(source, split, split_parts), seed)


def _newsroom(*, real_titles: Path | None = None, **settings: Any) -> NewsSource:
    """The newsroom.

    Args:
      real_titles: Folder of MIND whose titles and categories it takes.
      settings: See `NewsroomConfig`.
    """
    titles = RealTitles.of_articles(MindSource(real_titles).articles()) if real_titles else None
    return NewsroomSource(NewsroomConfig(**settings), titles)


def _logs(
    files: Sequence[str],
    schema: Path,
    null_words: Sequence[str] | None = None,
    quoting: Quoting | None = None,
) -> Source:
    """Your own log.

    Args:
      files: Files, folders or patterns.
      schema: JSON file of the schema.
      null_words: Words of text files that stand for a missing value, instead of the schema's.
      quoting: How fields of text files are quoted, instead of what the schema says.
    """
    known = Schema.load(schema)
    if null_words is not None:
        known = dataclasses.replace(known, null_words=tuple(null_words))
    return LogsSource(list(files), dataclasses.replace(known, quoting=quoting or known.quoting))


def _tfds(*, schema: Path, tfds_split: str = "train", **settings: Any) -> Source:
    """A data set of TensorFlow Datasets.

    Args:
      schema: JSON file of the schema.
      tfds_split: Split to read, also a part of one: `train[:10%]`.
      settings: See `TfdsSource`.
    """
    return TfdsSource(schema=Schema.load(schema), split=tfds_split, **settings)


def _of_name(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _: name


SOURCES: dict[str, Named] = {
    "takeout": Named(_takeout, (TakeoutConfig,)),
    "movielens": Named(
        _movielens,
        (_movielens, MovieLensSource),
        lambda given: f"movielens_{given.get('variant', '1m')}",
        ("ratings",),
    ),
    "hillstrom": Named(HillstromSource, (HillstromSource,), _of_name("hillstrom_email")),
    **{
        name: Named(functools.partial(TableSource, table), (TableSource,), _of_name(name))
        for name, table in TABLES.items()
    },
    "logs": Named(_logs, (_logs,)),
    _TFDS: Named(_tfds, (_tfds, TfdsSource), None, ("name", "split")),
    "newsroom": Named(_newsroom, (_newsroom, NewsroomConfig)),
    **{name: Named(source, (source,)) for name, source in NEWS_FOLDERS.items()},
}
