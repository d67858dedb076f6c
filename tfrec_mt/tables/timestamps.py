"""Times of a log, read as whole seconds."""

import polars as pl

from tfrec_mt.tables.notation import TimeUnit

# Date, then optionally a time (seconds and their fraction optional) and a zone: as a letter, the
# word that databases write, or hours (and minutes) ahead.
_ISO_8601 = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
    r"(?: ?(?:Z|UTC|GMT|([+-])(\d{2})(?::?(\d{2}))?))?$"
)
_DAY = 86_400
_PER_SECOND = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
# A larger count of seconds lies after the year 5000, so it is some other unit.
_LAST_SECOND = 10**11


def seconds_since_1970(
    values: pl.Series, unit: TimeUnit | None = None, text_format: str | None = None
) -> pl.Series | None:
    """Seconds since 1970-01-01 UTC, from counts of seconds, text, dates or timestamps.

    Args:
      values: Times, `[n]`.
      unit: What numbers count; None: seconds.
      text_format: How text and digits are written, in the signs of `strftime`; None: see
        `seconds_from_text`.

    Returns:
      Int64, `[n]`, fractions floored; null where a value is no time, or so large that it counts
      another unit. None where no value of that type can be a time.
    """
    if values.dtype in (pl.Date, pl.Datetime):
        seconds = values.cast(pl.Datetime("us")).dt.timestamp("us") // 1_000_000
    elif text_format is not None and (values.dtype == pl.String or values.dtype.is_integer()):
        seconds = _from_format(values.cast(pl.String), text_format)
    elif values.dtype == pl.String:
        seconds = seconds_from_text(values, unit)
    elif values.dtype.is_integer():
        seconds = _of_unit(values.cast(pl.Int64, strict=False), unit)
    elif values.dtype == pl.Float64:
        seconds = _of_unit(values, unit).floor().cast(pl.Int64, strict=False)
    else:
        return None
    return seconds.set(seconds.abs() >= _LAST_SECOND, None)


def look_like_dates(values: pl.Series) -> bool:
    """Whether all values are digits that write a day, such as 20231114, rather than seconds."""
    digits = values.drop_nulls()
    written = digits.dtype == pl.String or digits.dtype.is_integer()
    if not written or digits.is_empty() or len(str(digits[0])) != len("20231114"):
        return False
    digits = digits.cast(pl.String)
    if not digits.str.contains(r"^(19|20)\d{6}$").all():
        return False
    return digits.str.to_date("%Y%m%d", strict=False).null_count() == 0


def _of_unit(counts: pl.Series, unit: TimeUnit | None) -> pl.Series:
    per_second = _PER_SECOND.get(unit or "seconds")
    if per_second is None:
        return counts * _DAY
    return counts if per_second == 1 else counts // per_second


def _from_format(text: pl.Series, text_format: str) -> pl.Series:
    # Polars refuses a format without hours for a datetime, and one with hours for a date
    try:
        found = text.str.to_datetime(text_format, strict=False, time_unit="us")
    except pl.exceptions.ComputeError:
        found = text.str.to_date(text_format, strict=False).cast(pl.Datetime("us"))
    return found.dt.timestamp("us") // 1_000_000


def seconds_from_text(text: pl.Series, unit: TimeUnit | None = None) -> pl.Series:
    """Seconds since 1970-01-01 UTC, from a count of seconds (or `unit`) or from ISO 8601.

    A time without a zone counts as UTC, a date without a time as its midnight. Fractions of a
    second are floored. Digits alone are always a count, so a date needs its hyphens. Int64, [n];
    null where the text is neither.
    """
    counts = text.cast(pl.Float64, strict=False)
    seconds = _of_unit(counts, unit).floor().cast(pl.Int64, strict=False)
    if seconds.null_count() == text.null_count():
        return seconds
    return seconds.zip_with(seconds.is_not_null(), _from_iso_8601(text))


def _from_iso_8601(text: pl.Series) -> pl.Series:
    part = text.str.extract_groups(_ISO_8601).struct.unnest()
    date, hour, minute, second, sign, hours, minutes = (part.to_series(i) for i in range(7))
    days = date.str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    ahead = _below(hours, 24) * 3_600 + _below(minutes, 60) * 60
    ahead = ahead.zip_with((sign != "-").fill_null(True), -ahead)
    clock = _below(hour, 24) * 3_600 + _below(minute, 60) * 60 + _below(second, 60) - ahead
    return days * _DAY + clock


def _below(digits: pl.Series, limit: int) -> pl.Series:
    """The number; 0 where it is absent, null where it is too large for a clock."""
    number = digits.cast(pl.Int64).fill_null(0)
    return number.set(number >= limit, None)
