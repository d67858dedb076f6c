"""`Keys`: which columns identify a row."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Columns that identify a row: who, what, and where known in which request and when.

    `timestamp` counts seconds; histories, chronological splits and element ages need it.
    """

    user: str
    item: str
    request: str | None = None
    timestamp: str | None = None
