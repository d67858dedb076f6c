"""The true traits of the users of one shard."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES

SEGMENTS: Final = ("student", "family", "worker", "manager")
TASTE_FACTORS: Final = 4

_ACTIVITY_DEVIATION = 1.0
_SEGMENT_NOISE = 1.0
_STREAM = 2


@dataclass(frozen=True)
class Users:
    """Latent traits of `U` users, drawn from (seed, shard) so that none need be stored.

    Args:
      home: [U] code of the home region.
      activity: [U] share of the shard's requests, summing to 1.
      taste: [U, K] standard normal cuisine tastes.
      price_taste: [U] standard normal; positive prefers expensive items.
      segment: [U] code into `SEGMENTS`, a noisy reading of `price_taste`.
      bias: [U, 2] standard normal inclination to click and, having clicked, to order.
    """

    home: NDArray[np.int64]
    activity: NDArray[np.float64]
    taste: NDArray[np.float64]
    price_taste: NDArray[np.float64]
    segment: NDArray[np.int64]
    bias: NDArray[np.float64]

    @classmethod
    def of_shard(cls, config: TakeoutConfig, shard: int) -> "Users":
        """Draws the users of one shard; ids count on from `shard * config.users_per_shard`."""
        size = config.shard_users(shard)
        rng = np.random.default_rng([config.seed, _STREAM, shard])
        activity = np.exp(_ACTIVITY_DEVIATION * rng.standard_normal(size))
        price_taste = rng.standard_normal(size)
        reading = price_taste + _SEGMENT_NOISE * rng.standard_normal(size)
        quarter = 0.6745 * np.sqrt(1 + _SEGMENT_NOISE**2)
        return cls(
            home=rng.choice(len(REGION.domains), size=size, p=SHARES[REGION.name]),
            activity=activity / activity.sum(),
            taste=rng.standard_normal((size, TASTE_FACTORS)),
            price_taste=price_taste,
            segment=np.searchsorted([-quarter, 0.0, quarter], reading),
            bias=rng.standard_normal((size, 2)),
        )

    def take(self, rows: NDArray[np.int64]) -> "Users":
        """The users at the given places, in the order given, with repeats."""
        return Users(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def concatenate(cls, parts: Sequence["Users"]) -> "Users":
        """All users of the parts, in order."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )
