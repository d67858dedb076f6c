"""The true traits of the users of one shard."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES
from tfrec_mt.data.sources.takeout.turnover import user_generations

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
      activity: [U] share of the shard's requests, summing to 1 in each generation.
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
        """Draws the users of one shard, those of later generations after those of earlier ones.

        Users of one place are as active as each other; see `user_ids` for their ids.
        """
        first = cls._drawn(config, shard, 0)
        latest = int(user_generations(config, shard).max(initial=0))
        later = [cls._drawn(config, shard, generation) for generation in range(1, latest + 1)]
        return cls.concatenate([first, *(replace(of, activity=first.activity) for of in later)])

    @classmethod
    def _drawn(cls, config: TakeoutConfig, shard: int, generation: int) -> "Users":
        size = config.shard_users(shard)
        more = [generation] if generation else []
        rng = np.random.default_rng([config.seed, _STREAM, shard, *more])
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
