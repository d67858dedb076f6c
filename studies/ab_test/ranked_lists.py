"""`RankedLists`: the lists that one ranker shows in a takeout world, and what they earn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.ab_test.answers import (
    Answers,
    expected_answers,
    sampled_answers,
    top_places,
)
from studies.ab_test.list_gains import ListGains
from tfrec_mt.data.sources.takeout.offers import Offers
from tfrec_mt.data.sources.takeout.world import World


@dataclass(frozen=True)
class RankedLists:
    """The best `S` candidates of each request, by one ranker's scores.

    Args:
      item: [R, S] item ids at positions 1..S.
      price: [R, S] their prices.
      answers: Probabilities of what users answer.
    """

    item: NDArray[np.int64]
    price: NDArray[np.float64]
    answers: Answers

    @classmethod
    def of(cls, world: World, offers: Offers, scores: NDArray[np.floating]) -> "RankedLists":
        """Builds lists with as many items as a request in the world's log shows.

        Raises:
          SchemaError: Fewer candidates than slots, or a score that is not finite.
        """
        effect = world.position_effect
        places = top_places(scores, len(effect))
        item = np.take_along_axis(offers.item, places, axis=1)
        return cls(item, world.catalogue.price[item], expected_answers(offers, places, effect))

    def expected_gains(self) -> ListGains:
        """Expected gains of the lists."""
        return ListGains.of(self.answers, self.price)

    def sampled_gains(self, rng: np.random.Generator) -> ListGains:
        """Gains of the lists with sampled answers."""
        return ListGains.of(sampled_answers(self.answers, rng), self.price)
