"""`Keys`: which columns identify a row."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Columns that identify a row: user, item and, where known, request and time.

    `timestamp` counts seconds; histories, chronological splits and element ages need it.
    """

    user: str
    item: str
    request: str | None = None
    timestamp: str | None = None
