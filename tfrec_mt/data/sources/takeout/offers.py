"""`Offers`: requests of a log with items other than those shown, and their true probabilities."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.probabilities import sigmoid
from tfrec_mt.data.sources.takeout.recall import recall
from tfrec_mt.data.sources.takeout.sampling import Context
from tfrec_mt.data.sources.takeout.turnover import user_ids
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.schema import DataError

Array = NDArray[np.float64]

_STREAM = 5


@dataclass(frozen=True)
class Offers:
    """`R` requests with `N` recalled items each.

    Args:
      user: [R] user ids.
      context: Day and domains of each request.
      timestamp: [R] seconds since 1970.
      item: [R, N] item ids, all sold in the request's region.
      click_logit: [R, N] log-odds of a click without the position's.
      order_given_click: [R, N] probability of an order of an item that was clicked.
    """

    user: NDArray[np.int64]
    context: Context
    timestamp: NDArray[np.int64]
    item: NDArray[np.int64]
    click_logit: Array
    order_given_click: Array


def draw_offers(world: World, requests: NDArray[np.int64], candidates: int) -> Offers:
    """Recalls `N` candidates for requests [R] of the log, in any order.

    The candidates of a request depend on the world, the request and `N` alone.

    Raises:
      DataError: An id that is no request of this world.
      SchemaError: More candidates than a region sells.
    """
    config = world.config
    wrong = np.flatnonzero((requests < 0) | (requests >= config.requests))
    if len(wrong):
        raise DataError(
            f"takeout offers: expected request ids of this world, 0 to {config.requests - 1}, got "
            f"{requests[wrong[0]]} at place {wrong[0]}"
        )
    shards = requests // config.requests_per_shard
    drawn = np.unique(shards) if len(requests) else np.zeros(1, np.int64)
    parts = [_of_shard(world, int(n), requests[shards == n], candidates) for n in drawn]
    back = np.argsort(np.argsort(shards, kind="stable"), kind="stable")
    columns = {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}
    context = Context(**{f.name: columns.pop(f.name) for f in fields(Context)})
    return Offers(context=context, **columns)


def _of_shard(
    world: World, shard: int, requests: NDArray[np.int64], candidates: int
) -> dict[str, NDArray[Any]]:
    config = world.config
    users, exposures, _ = world.shard(shard)
    rng = np.random.default_rng([config.seed, _STREAM, shard])
    context = exposures.context
    recalled = recall(world.catalogue, context.region, context.day, candidates, rng)
    place = requests - shard * config.requests_per_shard
    user, item = exposures.user[place], recalled[place]
    of_context = {f.name: getattr(exposures.context, f.name)[place] for f in fields(Context)}
    click, order = world.logits(users.take(user), Context(**of_context), item)
    return {
        **of_context,
        "user": user_ids(config, shard, user),
        "timestamp": exposures.timestamp[place],
        "item": item,
        "click_logit": click,
        "order_given_click": sigmoid(order),
    }
