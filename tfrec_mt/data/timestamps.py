"""Times as text, read as whole seconds."""

import polars as pl

# Date, then optionally a time (seconds and their fraction optional) and a zone.
_ISO_8601 = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?$"
)
_DAY = 86_400


def seconds_from_text(text: pl.Series) -> pl.Series:
    """Seconds since 1970-01-01 UTC, from a number of seconds or from ISO 8601.

    A time without a zone counts as UTC, a date without a time as its midnight. Fractions of a
    second are floored. Digits alone are always seconds, so a date needs its hyphens.

    Args:
      text: String series, [n].

    Returns:
      Int64 series, [n]; null where the text is neither.
    """
    seconds = text.cast(pl.Float64, strict=False).floor().cast(pl.Int64, strict=False)
    if seconds.null_count() == text.null_count():
        return seconds
    return seconds.zip_with(seconds.is_not_null(), _from_iso_8601(text))


def _from_iso_8601(text: pl.Series) -> pl.Series:
    part = text.str.extract_groups(_ISO_8601).struct.unnest()
    date, hour, minute, second, zone = (part.to_series(i) for i in range(5))
    days = date.str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    clock = _below(hour, 24) * 3_600 + _below(minute, 60) * 60 + _below(second, 60) - _offset(zone)
    return days * _DAY + clock


def _below(digits: pl.Series, limit: int) -> pl.Series:
    """The number; 0 where it is absent, null where it is too large for a clock."""
    number = digits.cast(pl.Int64).fill_null(0)
    return number.set(number >= limit, None)


def _offset(zone: pl.Series) -> pl.Series:
    """How many seconds a zone such as `+02:00` is ahead of UTC."""
    ahead = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0) * 3_600
    ahead = ahead + zone.str.slice(-2).cast(pl.Int64, strict=False).fill_null(0) * 60
    return ahead.zip_with(~zone.str.starts_with("-").fill_null(False), -ahead)
