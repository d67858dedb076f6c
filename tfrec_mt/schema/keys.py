"""`Keys`: which columns identify a row."""

from dataclasses import dataclass
from typing import get_args

from tfrec_mt.errors import SchemaError
from tfrec_mt.tables.notation import TimeUnit


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Columns that identify a row: user, item and, where known, request and time.

    Histories, chronological splits and element ages need the timestamp.

    Args:
      user: Column of users. A row without one is scored without a history.
      item: Column of items.
      request: Column that the rows of one request share.
      weight: Column of how much a row counts in losses, metrics and intervals, at least 0; None: 1.
      timestamp: Column of times: numbers, ISO 8601, or what `time_format` says.
      time_unit: What the numbers of that column count since 1970; None: seconds.
      time_format: How its text or digits are written, such as `%Y%m%d` or `%d/%m/%Y %H:%M`.

    Raises:
      SchemaError: A unit or format without a timestamp, or both.
    """

    user: str
    item: str
    request: str | None = None
    weight: str | None = None
    timestamp: str | None = None
    time_unit: TimeUnit | None = None
    time_format: str | None = None

    def __post_init__(self) -> None:
        if self.time_unit is not None and self.time_unit not in get_args(TimeUnit):
            raise SchemaError(
                f"keys: time_unit must be one of {get_args(TimeUnit)}, got {self.time_unit!r}"
            )
        if self.timestamp is None and (self.time_unit or self.time_format):
            raise SchemaError("keys: time_unit and time_format need a timestamp")
        if self.time_unit and self.time_format:
            raise SchemaError("keys: expected time_unit or time_format, got both")
