"""Draws which user sees which items where: requests and the logging policy, but no clicks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import CANDIDATES_PER_SLOT, Catalogue
from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import (
    MEAL_LENGTH,
    MEAL_START,
    REGION,
    SHARES,
    TRIP_CHANCE,
)
from tfrec_mt.data.sources.takeout.recall import recall
from tfrec_mt.data.sources.takeout.users import Users

FIRST_SECOND = 1_690_848_000  # 2023-08-01 00:00:00 UTC, so that days are whole UTC days
DAY = 86_400

_RANKER_NOISE = 1.0


@dataclass(frozen=True)
class Context:
    """Context of `R` requests: [R] day, scene, period and region codes, [R] whether on a trip."""

    day: NDArray[np.int64]
    scene: NDArray[np.int64]
    period: NDArray[np.int64]
    region: NDArray[np.int64]
    visitor: NDArray[np.bool_]


@dataclass(frozen=True)
class Exposures:
    """`R` requests of one shard in time order, with the `S` items each showed.

    `user` [R] is the place of the user in `Users.of_shard`, `timestamp` [R] seconds since 1970,
    `item` [R, S] the item ids in the order shown, all sold in the request's region.
    """

    user: NDArray[np.int64]
    context: Context
    timestamp: NDArray[np.int64]
    item: NDArray[np.int64]


def draw_exposures(
    config: TakeoutConfig,
    catalogue: Catalogue,
    users: Users,
    requests: int,
    rng: np.random.Generator,
    generations: NDArray[np.int64] | None = None,
) -> Exposures:
    """Draws a number of requests of these users, spread over all days.

    Args:
      config: Of the world.
      catalogue: Its items.
      users: Users of a shard, of all generations.
      requests: How many.
      rng: Where draws come from.
      generations: [places, days] generation of the user in each place, by default the first.
    """
    if generations is None:
        generations = np.zeros((len(users.home), config.days), dtype=np.int64)
    places = len(generations)
    active = np.repeat(np.arange(places), rng.multinomial(requests, users.activity[:places]))
    day = rng.integers(config.days, size=requests)
    shape = (places, config.days)
    user = np.arange(places)[:, np.newaxis] + places * generations
    destination = rng.choice(len(REGION.domains), size=shape, p=SHARES[REGION.name])
    where = np.where(rng.random(shape) < TRIP_CHANCE, destination, users.home[user])
    scene = rng.choice(len(SHARES["scene"]), size=requests, p=SHARES["scene"])
    period = rng.choice(len(SHARES["period"]), size=requests, p=SHARES["period"])
    second = MEAL_START[period] + rng.integers(MEAL_LENGTH[period])
    timestamp = FIRST_SECOND + day * DAY + second

    region, who = where[active, day], user[active, day]
    order = np.argsort(timestamp, kind="stable")
    return Exposures(
        user=who[order],
        context=Context(
            day=day[order],
            scene=scene[order],
            period=period[order],
            region=region[order],
            visitor=(region != users.home[who])[order],
        ),
        timestamp=timestamp[order],
        item=_show(catalogue, region[order], day[order], config.slots, rng),
    )


def _show(
    catalogue: Catalogue,
    region: NDArray[np.int64],
    day: NDArray[np.int64],
    slots: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    candidate = recall(catalogue, region, day, CANDIDATES_PER_SLOT * slots, rng)
    popularity = catalogue.appeal[0, candidate]
    score = popularity + _RANKER_NOISE * rng.standard_normal(candidate.shape)
    best = np.argsort(-score, axis=1)[:, :slots]
    return np.take_along_axis(candidate, best, axis=1)
