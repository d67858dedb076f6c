"""Size, seed and strength of domain shift of one takeout world."""

import math
from dataclasses import dataclass

from tfrec_mt.schema import SchemaError

ROWS_PER_USER = 160
ROWS_PER_ITEM = 200
ITEMS_PER_SHOP = 10
SHARD_ROWS = 100_000


@dataclass(frozen=True)
class TakeoutConfig:
    """What a takeout world is made from; equal configs give equal rows.

    Args:
      rows: Impressions in all, at least 1.
      seed: Seed of every draw, at least 0.
      shift: Strength of the domain-specific terms of both logits; 0 makes domains say nothing
        about preference, 1 is the calibrated world.
      drift: How much of what a domain likes a day replaces: from one day to the next it
        correlates by 1 - drift.
      days: Days that users act on.
      slots: Items per request, which is also the number of positions.
      short_history, long_history: Clicks that a row sees of its user; see `History`.
      processes: Processes that generate shards; the rows do not depend on it.

    Raises:
      SchemaError: A value is of the wrong type or out of range.
    """

    rows: int
    seed: int = 0
    shift: float = 1.0
    drift: float = 0.03
    days: int = 8
    slots: int = 10
    short_history: int = 50
    long_history: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        lowest = {"rows": 1, "seed": 0, "days": 1, "slots": 1, "processes": 1}
        lowest |= {"short_history": 1, "long_history": 0}
        for name, low in lowest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise SchemaError(
                    f"takeout: {name} must be a whole number of at least {low}, got {value!r}"
                )
        if self.slots > SHARD_ROWS:
            raise SchemaError(f"takeout: slots must be at most {SHARD_ROWS}, got {self.slots}")
        if not _is_number(self.shift) or not math.isfinite(self.shift) or self.shift < 0:
            raise SchemaError(
                f"takeout: shift must be a finite number of at least 0, got {self.shift!r}"
            )
        if not _is_number(self.drift) or not 0 <= self.drift <= 1:
            raise SchemaError(f"takeout: drift must be a number from 0 to 1, got {self.drift!r}")

    @property
    def requests(self) -> int:
        """Requests in all; the last one may be cut short to end at `rows`."""
        return math.ceil(self.rows / self.slots)

    @property
    def requests_per_shard(self) -> int:
        """Requests of every shard but the last, whatever the size of the world."""
        return SHARD_ROWS // self.slots

    @property
    def users_per_shard(self) -> int:
        """Users of every shard but the last; user ids of a shard are consecutive."""
        return max(1, self.requests_per_shard * self.slots // ROWS_PER_USER)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return math.ceil(self.requests / self.requests_per_shard)

    def shard_requests(self, shard: int) -> int:
        """Requests of one shard."""
        return min(self.requests_per_shard, self.requests - shard * self.requests_per_shard)

    def shard_users(self, shard: int) -> int:
        """Users of one shard."""
        rows = self.shard_requests(shard) * self.slots
        return min(self.users_per_shard, max(1, rows // ROWS_PER_USER))

    @property
    def users(self) -> int:
        """Users in all."""
        return (self.shards - 1) * self.users_per_shard + self.shard_users(self.shards - 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
