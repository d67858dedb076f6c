"""Checks that the columns the user names hold what their role needs."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from tfrec_mt.errors import SchemaError
from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING
from tfrec_mt.schema.inference.column_content import ColumnContent, column_content
from tfrec_mt.schema.inference.column_kinds import has_line_breaks
from tfrec_mt.schema.task import Task
from tfrec_mt.tables.timestamps import seconds_since_1970

_MOST_DOMAINS = 1_000
_MILLISECONDS = 10**11
_MICROSECONDS = 10**14


def key_content(role: str, raw: pl.Series) -> ColumnContent:
    """The ids of a user, item or request column; `role` is the argument that errors name.

    Raises:
      SchemaError: A row without an item or request, or values that are no ids. A user's is not
        shown.
    """
    place = f"{role}={raw.name!r}"
    content = column_content(raw)
    if content.in_text and content.type in ("bag", "number"):
        content = content.as_text()
    missing = content.values.is_null()
    if content.type == "whole":
        missing |= (content.values == MISSING_INT).fill_null(False)
    if missing.any() and role != "user":
        got = "none" if content.values.is_null().any() else str(MISSING_INT)
        row = 1 + (missing.arg_max() or 0)
        raise SchemaError(
            f"{place}, row {row}: expected an id in every row, got {got}; "
            f"empty text and {MISSING_INT} stand for a missing id, drop such rows"
        )
    if content.type in ("whole", "text", "boolean") or (content.type == "time" and content.in_text):
        if has_line_breaks(content):
            raise SchemaError(f"{place}: ids must not contain line breaks, and some do")
        return content
    held = f"a column of type {raw.dtype}"
    if content.type == "number":
        held += " whose values have fractions, or more digits than a float holds"
    raise SchemaError(f"{place}: expected ids, whole numbers or text, got {held}")


def label_values(raw: pl.Series, task: Task) -> pl.Series:
    """A label: Boolean [n] of a binary task, Float64 [n] of a regression; null for none.

    Raises:
      SchemaError: A value that is no such label; names the row.
    """
    expected = "0, 1 or null" if task.binary else "a number or null"
    values = raw.cast(pl.String) if raw.dtype in (pl.Categorical, pl.Enum) else raw
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String, pl.Null)):
        raise SchemaError(
            f"tasks=, label {raw.name!r}: expected {expected}, got a column of type {raw.dtype}"
        )
    number = values.cast(pl.Float64, strict=False)
    missing = values.is_null() | number.is_nan().fill_null(False)
    if values.dtype == pl.String:
        missing |= (values == MISSING_STRING).fill_null(False)
    bad = ~number.is_in([0.0, 1.0]) if task.binary else ~number.is_finite()
    if task.loss == "squared_log":
        bad |= number < 0
        expected = "a number of at least 0, or null"
    bad = bad.fill_null(True) & ~missing
    if not bad.any():
        found = (number == 1) if task.binary else number
        if missing.all():
            raise SchemaError(f"tasks=, label {raw.name!r}: expected {expected}, all are missing")
        return found.set(missing, None)
    row = bad.arg_max() or 0
    value = values[row]
    hint = _label_hint(raw.name, value, number[row]) if task.binary else ""
    raise SchemaError(
        f"tasks=, label {raw.name!r}, row {row + 1}: expected {expected}, got {value!r:.40}{hint}"
    )


def _label_hint(name: str, value: Any, number: float | None) -> str:
    if str(value).lower() in ("true", "false", "yes", "no"):
        return "; text files write a label as 0 or 1"
    if number is not None:
        return f"; a number becomes a label by a limit of your choice, such as {name} >= 4"
    return ""


def check_within(outer: pl.Series, inner: pl.Series) -> None:
    """Checks that an inner label is positive only where the outer one is not 0; null is unknown.

    Raises:
      SchemaError: Names the first row where it is.
    """
    alone = (inner.cast(pl.Float64) != 0).fill_null(False) & (~outer).fill_null(False)
    if alone.any():
        row = alone.arg_max() or 0
        raise SchemaError(
            f"tasks=, row {1 + row}: {inner.name!r} is {float(inner[row]):g} where {outer.name!r} "
            f"is 0, expected it within {outer.name!r}"
        )


def time_range(raw: pl.Series) -> tuple[str, str]:
    """The first and last day of a time column.

    Raises:
      SchemaError: A value that is no time, or counts another unit than seconds; names the row.
    """
    values = raw
    if raw.dtype in (pl.Categorical, pl.Enum):
        values = raw.cast(pl.String)
    elif raw.dtype.is_float() or raw.dtype.is_decimal():
        values = raw.cast(pl.Float64).fill_nan(None)
    place = f"time={raw.name!r}"
    expected = "seconds since 1970, ISO 8601 or timestamps"
    seconds = None if raw.dtype == pl.Null else seconds_since_1970(values)
    if seconds is None:
        raise SchemaError(f"{place}: expected {expected}, got a column of type {raw.dtype}")
    if seconds.null_count():
        row = seconds.is_null().arg_max() or 0
        value = values[row]
        got = "a missing value" if value in (None, MISSING_STRING) else f"{value!r:.40}"
        raise SchemaError(f"{place}, row {row + 1}: expected {expected}, got {got}{_unit(value)}")
    return _day(seconds.min()), _day(seconds.max())


def _unit(value: Any) -> str:
    try:
        number = abs(float(value))
    except (TypeError, ValueError):
        return ""
    if number < _MILLISECONDS:
        return ""
    fine = number >= _MICROSECONDS
    unit, factor = ("a finer unit", "1,000,000") if fine else ("milliseconds", "1,000")
    return f", which looks like {unit}: divide it by {factor}"


def _day(second: Any) -> str:
    try:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError):
        return f"second {second}"


def domain_values(raw: pl.Series) -> pl.Series:
    """The distinct domains of a topic column, String.

    Raises:
      SchemaError: Not text or whole numbers, or other than 2 to 1,000 domains.
    """
    place = f"topics=, column {raw.name!r}"
    if not (raw.dtype.is_integer() or raw.dtype in _TEXTS):
        raise SchemaError(
            f"{place}: expected text or whole numbers, got a column of type {raw.dtype}"
        )
    text = raw.cast(pl.String)
    domains = text.filter(text.is_not_null() & (text != MISSING_STRING)).unique().sort()
    if not 2 <= len(domains) <= _MOST_DOMAINS:
        raise SchemaError(
            f"{place}: expected 2 to {_MOST_DOMAINS:,} different domains in the rows looked at, "
            f"got {len(domains):,}"
        )
    return domains


_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
