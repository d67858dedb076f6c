"""Users and items that leave and are replaced from day to day."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import TakeoutConfig

_STREAM = 7
_ITEMS, _USERS = 0, 1


def item_generations(config: TakeoutConfig, items: int) -> NDArray[np.int64]:
    """How often each of `items` places on the menus has had a new item by each day: [items, days].

    0 on the first day. The item of a place and generation has the id `place + items * generation`.
    """
    return _generations(config, items, _ITEMS)


def user_generations(config: TakeoutConfig, shard: int) -> NDArray[np.int64]:
    """How often each user's place in a shard has had a new user by each day: [places, days]."""
    return _generations(config, config.shard_users(shard), _USERS, shard)


def user_ids(config: TakeoutConfig, shard: int, user: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids of users by their places in `Users.of_shard`, [R]."""
    generation, place = np.divmod(user, config.shard_users(shard))
    return shard * config.users_per_shard + place + config.users * generation


def places_of(
    config: TakeoutConfig, ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The shard of each user id, and its place in `Users.of_shard`; see `user_ids`."""
    generation, number = np.divmod(ids, config.users)
    shard, place = np.divmod(number, config.users_per_shard)
    sizes = np.array([config.shard_users(n) for n in range(config.shards)])
    return shard, place + sizes[shard] * generation


def _generations(config: TakeoutConfig, places: int, *stream: int) -> NDArray[np.int64]:
    replaced = np.zeros((places, config.days), dtype=np.int64)
    if config.churn:
        rng = np.random.default_rng([config.seed, _STREAM, *stream])
        replaced[:, 1:] = rng.random((places, config.days - 1)) < config.churn
    return replaced.cumsum(axis=1)
