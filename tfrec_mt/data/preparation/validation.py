"""Checks raw rows against the schema before anything is learned from them."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import EXPECTED, Place, raw_columns
from tfrec_mt.data.source import Chunk
from tfrec_mt.data.vocabulary import is_missing, missing_id
from tfrec_mt.errors import nearest
from tfrec_mt.schema import CategoricalFeature, DataError, NumericFeature, Schema
from tfrec_mt.schema.features import MISSING_STRING

UnknownDomains = Literal["error", "fallback", "admit"]


def check_columns(found: list[str], schema: Schema, file: str) -> None:
    """Refuses missing and duplicate columns of a file; columns outside the schema are allowed.

    Raises:
      DataError: Names the columns, the file, the columns found and the nearest of them.
    """
    twice = sorted(name for name, count in Counter(found).items() if count > 1)
    if twice:
        raise DataError(f"{file}: column names must be distinct; given more than once: {twice}")
    missing = [name for name in schema.columns if name not in found]
    if missing:
        hints = "; ".join(f"{name!r}: {nearest(name, found)}" for name in missing)
        raise DataError(
            f"{file}: the schema's columns {missing} are missing ({hints}); found: {found}"
        )


def check_chunk(
    chunk: Chunk,
    schema: Schema,
    unknown_domains: UnknownDomains = "error",
    words: Counter[tuple[str, str]] | None = None,
) -> pl.DataFrame:
    """Checks one chunk of raw rows and gives it canonical types.

    The types are Int64 or String for ids (null or the vocabulary's missing value for none), lists
    of them for bags, Float32 for numbers (null for missing) and true probabilities, String for
    topics, UInt8 or Float32 for labels (null for none), Int64 or String for user (null for none),
    item and request, and Int64 seconds for the timestamp.

    Args:
      chunk: Raw rows.
      schema: Describes the rows.
      unknown_domains: Whether a domain that the schema does not list is an error. Topics without
        listed domains accept every domain.
      words: Counts what `Place.words` does.

    Returns:
      The columns of `schema.columns` in that order, [rows].

    Raises:
      DataError: Missing or duplicate columns; a value of the wrong type; a label that is no such
        label, or positive where that of the task it is within is 0; a missing key or true
        probability; a missing number whose feature does not impute, or an infinite one; a bag
        longer than its `max_values`; an unknown domain. Names file, row, column and value.
    """
    check_columns(chunk.table.column_names, schema, chunk.file)
    columns = raw_columns(schema)
    place = Place(chunk.file, chunk.first_row, words)
    raw = pl.DataFrame(chunk.table.select(list(schema.columns)))
    frame = pl.DataFrame([cast_column(raw[name], columns[name], place) for name in schema.columns])

    def refuse(name: str, bad: pl.Series, expected: str) -> None:
        place.refuse(bad, frame[name], columns[name], expected)

    _check_keys_and_labels(frame, schema, refuse)
    for feature in schema.features:
        values = frame[feature.name]
        if isinstance(feature, NumericFeature) and feature.missing == "error":
            refuse(feature.name, values.is_null(), "a number (the feature does not impute missing)")
        elif isinstance(feature, CategoricalFeature) and feature.max_values > 1:
            too_long = (values.list.len() > feature.max_values).fill_null(False)
            refuse(feature.name, too_long, f"at most {feature.max_values} values")
    for topic in schema.topics:
        if topic.domains and unknown_domains == "error":
            known = frame[topic.name].is_in([*topic.domains, MISSING_STRING])
            expected = f"one of the schema's domains {list(topic.domains)}"
            refuse(topic.name, ~known.fill_null(True), expected)
    for name in schema.truth.values():
        refuse(name, ~frame[name].is_between(0, 1).fill_null(False), "a probability")
    return frame


def _check_keys_and_labels(
    frame: pl.DataFrame, schema: Schema, refuse: Callable[[str, pl.Series, str], None]
) -> None:
    keys = schema.keys
    for name in (keys.item, keys.request):
        if name:
            missing = missing_id(frame[name])
            refuse(
                name, is_missing(frame[name]), f"an id (and {missing!r} stands for a missing one)"
            )
    if keys.timestamp:
        refuse(keys.timestamp, frame[keys.timestamp].is_null(), EXPECTED["timestamp"])
    if keys.weight:
        counts = frame[keys.weight].is_finite() & (frame[keys.weight] >= 0)
        refuse(keys.weight, ~counts.fill_null(False), "a weight of at least 0")
    columns = {task.name: task.column for task in schema.tasks}
    for task in schema.tasks:
        label = frame[task.column]
        if task.loss == "squared_log":
            refuse(task.column, (label < 0).fill_null(False), "a number of at least 0")
        if task.within:
            outer = columns[task.within]
            alone = (label != 0).fill_null(False) & (frame[outer] == 0).fill_null(False)
            refuse(task.column, alone, f"0 or null where {outer!r} is 0")
