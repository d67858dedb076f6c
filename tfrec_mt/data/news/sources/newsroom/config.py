"""Size, seed and strength of domain shift of one newsroom."""

from dataclasses import dataclass
from typing import Annotated

from tfrec_mt.configs.bounds import AtLeast, Count, Weight, Whole, check

# Days before the first impression that only fill the histories.
WARM_UP_DAYS = 6


@dataclass(frozen=True, kw_only=True)
class NewsroomConfig:
    """Settings of a newsroom; equal configs give equal rows.

    Args:
      users: Readers.
      articles: Articles, published over the days and some before.
      impressions: Impressions in all, without those of the days before, which only fill histories.
      days: Days with impressions.
      seed: Seed of every draw.
      shift: Strength of what sections and devices add to preference; 0 removes it, 1 is the
        calibrated world.

    Raises:
      SchemaError: A value is of the wrong type or out of range.
    """

    users: Count = 5_000
    articles: Annotated[int, AtLeast(100)] = 10_000
    impressions: Count = 100_000
    days: Count = 8
    seed: Whole = 0
    shift: Weight = 1.0

    def __post_init__(self) -> None:
        check(self, "newsroom: ")

    @property
    def all_impressions(self) -> int:
        """All impressions, including those that only fill histories, at the same daily rate."""
        return self.impressions + round(self.impressions * WARM_UP_DAYS / self.days)
