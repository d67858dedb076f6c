"""Size, seed and strength of domain shift of one takeout world."""

import math
from dataclasses import dataclass
from typing import Annotated

from tfrec_mt.configs.bounds import Count, Share, Weight, Whole, Within, check

ROWS_PER_USER = 160
ROWS_PER_ITEM = 200
ITEMS_PER_SHOP = 10
SHARD_ROWS = 100_000


@dataclass(frozen=True)
class TakeoutConfig:
    """Settings of a takeout world; equal configs give equal rows.

    Args:
      rows: Impressions in all.
      seed: Seed of every draw.
      shift: Strength of the domain-specific terms of both logits; 0 makes domains say nothing
        about preference, 1 is the calibrated world.
      drift: Share of a domain's preferences that changes in a day: consecutive days correlate by
        1 - drift.
      days: Days that users act on.
      churn: Share of users, and of items, that leave each day for good; as many new ones come.
      evict_after: Days without a row after which `prepare(like=)` evicts a user or an item; None
        never does.
      slots: Items per request, which is also the number of positions.
      short_history: Newest clicks of its user that a row sees; see `History`.
      long_history: Clicks before them that it sees; 0 for none.
      processes: Processes that generate shards; the rows do not depend on it.

    Raises:
      SchemaError: A value is of the wrong type or out of range.
    """

    rows: Count = 1_000_000
    seed: Whole = 0
    shift: Weight = 1.0
    drift: Share = 0.03
    days: Count = 8
    churn: Share = 0.0
    evict_after: Count | None = None
    slots: Annotated[int, Within(1, SHARD_ROWS)] = 10
    short_history: Count = 50
    long_history: Whole = 0
    processes: Count = 1

    def __post_init__(self) -> None:
        check(self, "takeout: ")

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
