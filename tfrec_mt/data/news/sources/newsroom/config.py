"""Size, seed and strength of domain shift of one newsroom."""

import math
from dataclasses import dataclass

from tfrec_mt.schema import SchemaError

# Days before the first impression that only fill the histories.
WARM_UP_DAYS = 6


@dataclass(frozen=True, kw_only=True)
class NewsroomConfig:
    """What a newsroom is made from; equal configs give equal rows.

    Args:
      users: Readers.
      articles: Articles, published over the days and some before.
      impressions: Impressions in all; those of the days before, which only fill the histories,
        come on top.
      days: Days with impressions.
      seed: Seed of every draw, at least 0.
      shift: Strength of what sections and devices add to preference; 0 makes them say nothing, 1
        is the calibrated world.

    Raises:
      SchemaError: A value is of the wrong type or out of range.
    """

    users: int = 5_000
    articles: int = 10_000
    impressions: int = 100_000
    days: int = 8
    seed: int = 0
    shift: float = 1.0

    def __post_init__(self) -> None:
        lowest = {"users": 1, "articles": 100, "impressions": 1, "days": 1, "seed": 0}
        for name, low in lowest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise SchemaError(
                    f"newsroom: {name} must be a whole number of at least {low}, got {value!r}"
                )
        number = isinstance(self.shift, int | float) and not isinstance(self.shift, bool)
        if not number or not math.isfinite(self.shift) or self.shift < 0:
            raise SchemaError(
                f"newsroom: shift must be a finite number of at least 0, got {self.shift!r}"
            )

    @property
    def all_impressions(self) -> int:
        """Impressions with those that only fill the histories, at the same rate per day."""
        return self.impressions + round(self.impressions * WARM_UP_DAYS / self.days)
