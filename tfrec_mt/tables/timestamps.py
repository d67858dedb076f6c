"""Times of a log, read as whole seconds."""

import polars as pl

# Date, then optionally a time (seconds and their fraction optional) and a zone.
_ISO_8601 = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?$"
)
_DAY = 86_400
# A larger count of seconds lies after the year 5000, so it is some other unit.
_LAST_SECOND = 10**11


def seconds_since_1970(values: pl.Series) -> pl.Series | None:
    """Seconds since 1970-01-01 UTC, from numbers of seconds, text, dates or timestamps.

    Int64, [n], fractions floored; null where a value is no time, or so large that it counts another
    unit. None where no value of that type can be a time.
    """
    if values.dtype == pl.String:
        seconds = seconds_from_text(values)
    elif values.dtype.is_integer():
        seconds = values.cast(pl.Int64, strict=False)
    elif values.dtype == pl.Float64:
        seconds = values.floor().cast(pl.Int64, strict=False)
    elif values.dtype in (pl.Date, pl.Datetime):
        seconds = values.cast(pl.Datetime("us")).dt.timestamp("us") // 1_000_000
    else:
        return None
    return seconds.set(seconds.abs() >= _LAST_SECOND, None)


def seconds_from_text(text: pl.Series) -> pl.Series:
    """Seconds since 1970-01-01 UTC, from a number of seconds or from ISO 8601.

    A time without a zone counts as UTC, a date without a time as its midnight. Fractions of a
    second are floored. Digits alone are always seconds, so a date needs its hyphens. Int64, [n];
    null where the text is neither.
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
