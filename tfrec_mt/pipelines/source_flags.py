"""Flags that name a data source, and the source they name."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from absl import flags

from tfrec_mt.data.source import Source
from tfrec_mt.data.sources.factored_ratings import FactoredRatings
from tfrec_mt.data.sources.hillstrom import HillstromSource
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.sources.movielens import MovieLensSource
from tfrec_mt.data.sources.movielens.files import Variant
from tfrec_mt.data.sources.public_folder import public_folder
from tfrec_mt.data.sources.tables import TABLES, TableSource
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.sources.tfds import TfdsSource
from tfrec_mt.errors import nearest
from tfrec_mt.pipelines.flag_types import pairs_of
from tfrec_mt.schema import Schema, SchemaError

_TFDS = "tfds:"
NEWS = ("newsroom", "eb_nerd", "mind")

SOURCE = flags.DEFINE_string(
    "source",
    "takeout",
    "takeout (generated), movielens, hillstrom, ali_express, ali_ccp, census_income, kuai_rand, "
    "logs (your CSV or Parquet files), or tfds:NAME; of "
    "news: newsroom (generated), eb_nerd, mind.",
)
SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of a generated world, of the split and of training.", lower_bound=0
)
_ROWS = flags.DEFINE_integer("rows", 1_000_000, "takeout: impressions.", lower_bound=1)
SHIFT = flags.DEFINE_float(
    "shift", 1.0, "takeout, newsroom: strength of the domain shift; 0 is none.", lower_bound=0.0
)
_DRIFT = flags.DEFINE_float(
    "drift",
    0.03,
    "takeout: how much of what a domain likes each day replaces.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_SHORT_HISTORY = flags.DEFINE_integer(
    "short_history", 50, "takeout: clicks of a row's recent history.", lower_bound=1
)
_LONG_HISTORY = flags.DEFINE_integer(
    "long_history", 0, "takeout: clicks of its long history; 0 for none.", lower_bound=0
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "takeout: generating processes.", lower_bound=1)
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of the files of public data; default of those that are not news nor tfds: a folder "
    "below $TFREC_MT_DATA, movielens_*, hillstrom_email or the name of the source.",
)
_VARIANT = flags.DEFINE_enum("variant", "1m", ["1m", "100k"], "movielens: which of the two.")
_HISTORY = flags.DEFINE_bool(
    "history", True, "movielens: whether rows see what their user clicked in training rows."
)
_EXPECTED_RATING = flags.DEFINE_bool(
    "expected_rating",
    False,
    "movielens: whether rows are told the rating that a factorisation of training rows expects.",
)
FILES = flags.DEFINE_list("files", [], "logs: files, folders or patterns.")
SCHEMA = flags.DEFINE_string("schema", None, "logs, tfds: schema JSON file.")
_TFDS_SPLIT = flags.DEFINE_string("tfds_split", "train", "tfds: split to read.")
_COLUMNS = flags.DEFINE_list(
    "columns", [], "tfds: column=path pairs, such as 'click=user_rating > 3'."
)


def make_source() -> Source:
    """The source that the flags name.

    Raises:
      SchemaError: An unknown source, or one that lacks a flag it needs.
    """
    name = SOURCE.value
    if name.startswith(_TFDS):
        return _tfds(name.removeprefix(_TFDS))
    if name in NEWS:
        raise SchemaError(f"--source={name}: expected a click log, got news")
    if name not in _SOURCES:
        known = [*_SOURCES, *NEWS, _TFDS]
        raise SchemaError(f"--source={name}: unknown source; {nearest(name, known)}")
    return _SOURCES[name]()


def source_settings() -> dict[str, Any]:
    """What the flags say about the source, as JSON values."""
    own = flags.FLAGS.get_flags_for_module(__name__)
    return {flag.name: flag.value for flag in own if flag.present or flag.name == "source"}


def _takeout() -> Source:
    return TakeoutSource(
        TakeoutConfig(
            rows=_ROWS.value,
            seed=SEED.value,
            shift=SHIFT.value,
            drift=_DRIFT.value,
            short_history=_SHORT_HISTORY.value,
            long_history=_LONG_HISTORY.value,
            processes=_PROCESSES.value,
        )
    )


def _movielens() -> Source:
    variant = cast(Variant, _VARIANT.value)
    told = _EXPECTED_RATING.value
    folder = _data_folder(f"movielens_{variant}")
    source = MovieLensSource(folder, variant, history=_HISTORY.value, ratings=told)
    if not told:
        return source
    # binaries that make a source have these flags, others that know a source's seed do not
    from tfrec_mt.pipelines.split_flags import split_spec

    return FactoredRatings(source, split_spec(source), SEED.value)


def _hillstrom() -> Source:
    return HillstromSource(_data_folder("hillstrom_email"))


def _table(name: str) -> Source:
    return TableSource(TABLES[name], _data_folder(name))


def _data_folder(name: str) -> Path:
    if DATA_DIR.value:
        return Path(DATA_DIR.value)
    try:
        return public_folder(name)
    except SchemaError as error:
        raise SchemaError(
            f"--source={SOURCE.value} needs --data_dir, or a folder of public data: {error}"
        ) from error


def _logs() -> Source:
    if not FILES.value:
        raise SchemaError("--source=logs needs --files")
    return LogsSource(FILES.value, _schema())


def _tfds(name: str) -> Source:
    columns = pairs_of(_COLUMNS, "path")
    return TfdsSource(name, _schema(), _TFDS_SPLIT.value, DATA_DIR.value, columns)


def _schema() -> Schema:
    if not SCHEMA.value:
        raise SchemaError(f"--source={SOURCE.value} needs --schema")
    return Schema.load(SCHEMA.value)


_SOURCES: dict[str, Callable[[], Source]] = {
    "takeout": _takeout,
    "movielens": _movielens,
    **{name: functools.partial(_table, name) for name in TABLES},
    "hillstrom": _hillstrom,
    "logs": _logs,
}
