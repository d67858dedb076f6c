"""`World`: everything that is fixed before the first request is drawn."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.preferences import Preferences, draw_preferences
from tfrec_mt.data.sources.takeout.probabilities import (
    linear_predictor,
    position_effect,
    sigmoid,
)
from tfrec_mt.data.sources.takeout.sampling import Context, Exposures, draw_exposures
from tfrec_mt.data.sources.takeout.turnover import user_generations
from tfrec_mt.data.sources.takeout.users import Users

CLICK_RATE: Final = 0.06
ORDER_RATE: Final = 0.0085

_STREAM = 3


@dataclass(frozen=True)
class World:
    """Items, coefficients and intercepts; its size does not depend on the number of users.

    `intercepts` of the two logits give clicks and orders the rates `CLICK_RATE` and `ORDER_RATE` in
    the first shard, whatever the shift; `position_effect` [S] is what each position adds to the
    log-odds of a click.
    """

    config: TakeoutConfig
    catalogue: Catalogue
    preferences: tuple[Preferences, Preferences]
    intercepts: tuple[float, float]
    position_effect: NDArray[np.float64]

    @classmethod
    def create(cls, config: TakeoutConfig) -> "World":
        """Draws the world of a config."""
        signatures, preferences = draw_preferences(
            config.seed, config.shift, config.days, config.drift
        )
        world = cls(
            config=config,
            catalogue=Catalogue.create(config, signatures),
            preferences=preferences,
            intercepts=(0.0, 0.0),
            position_effect=position_effect(config.slots),
        )
        users, exposures, _ = world.shard(0)
        click, order = world.logits(users.take(exposures.user), exposures.context, exposures.item)
        click_intercept = _solve(
            lambda a: float(sigmoid(a + click + world.position_effect).mean()), CLICK_RATE
        )
        clicked = sigmoid(click_intercept + click + world.position_effect)
        order_intercept = _solve(lambda a: float((clicked * sigmoid(a + order)).mean()), ORDER_RATE)
        return dataclasses.replace(world, intercepts=(click_intercept, order_intercept))

    def shard(self, shard: int) -> tuple[Users, Exposures, np.random.Generator]:
        """Users and exposures of a shard, and the generator to draw their clicks from."""
        users = Users.of_shard(self.config, shard)
        rng = np.random.default_rng([self.config.seed, _STREAM, shard])
        requests = self.config.shard_requests(shard)
        generations = user_generations(self.config, shard)
        exposures = draw_exposures(self.config, self.catalogue, users, requests, rng, generations)
        return users, exposures, rng

    def logits(
        self, users: Users, context: Context, item: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Click logit (without position) and order logit, both [R, S].

        `users` [R] has the user of each request, `item` [R, S] the item ids.
        """
        click, order = (
            self.intercepts[task]
            + linear_predictor(self.preferences[task], task, self.catalogue, users, context, item)
            for task in (0, 1)
        )
        return click, order


def _solve(rate: Callable[[float], float], wanted: float) -> float:
    """The intercept at which an increasing `rate` takes the wanted value, by bisection."""
    low, high = -20.0, 20.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if rate(middle) < wanted else (low, middle)
    return (low + high) / 2
