"""What rankers show in each region: specialities, signature cuisines and the top items."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.ab_test.list_gains import PER_REQUESTS, per_thousand
from tfrec_mt.data.sources.takeout.catalogue import CUISINES
from tfrec_mt.data.sources.takeout.domains import REGION
from tfrec_mt.data.sources.takeout.preferences import draw_preferences
from tfrec_mt.data.sources.takeout.sampling import Context
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, mean

KINDS = ("residents", "visitors")
WHATS = ("speciality", "signature")
CUISINE_DISTANCE = "cuisine distance"


@dataclass(frozen=True)
class Impressions:
    """Which items were shown, where and to which users.

    Args:
      world: The world.
      context: [R] where requests happened.
      groups: [R] user group of each request.
      item: [R, S] item ids shown.
    """

    world: World
    context: Context
    groups: NDArray[np.int64]
    item: NDArray[np.int64]

    def shares(self, bootstrap: ClusterBootstrap) -> dict[str, Estimate]:
        """Percent of impressions by `WHAT/REGION/KIND`, and means over regions by `WHAT/KIND`.

        Local specialities are sold in one region only; a signature cuisine is what a region is
        known for.
        """
        config, catalogue = self.world.config, self.world.catalogue
        signature = draw_preferences(config.seed, config.shift, config.days, config.drift)[0]
        own_cuisine = signature[self.context.region][:, None]
        flags = {
            "speciality": catalogue.speciality[self.item].mean(axis=1),
            "signature": (catalogue.cuisine[self.item] == own_cuisine).mean(axis=1),
        }
        found: dict[str, Estimate] = {}
        for what in WHATS:
            for kind, of_kind in zip(
                KINDS, (~self.context.visitor, self.context.visitor), strict=True
            ):
                regions = [
                    _percent(
                        per_thousand(
                            bootstrap,
                            self.groups,
                            flags[what],
                            of_kind & (self.context.region == region),
                        )
                    )
                    for region in range(len(REGION.domains))
                ]
                names = [f"{what}/{name}/{kind}" for name in REGION.domains]
                found |= {f"{what}/{kind}": mean(regions, "regions")}
                found |= dict(zip(names, regions, strict=True))
        return found

    def cuisine_distance(
        self, other: "Impressions", bootstrap: ClusterBootstrap
    ) -> dict[str, Estimate]:
        """Percent of impressions that would have to change cuisine to match another ranker.

        This is half the sum of absolute differences between the cuisines' shares, by `cuisine
        distance/REGION`, with its mean over regions.
        """
        mine, theirs = self._cuisines(bootstrap), other._cuisines(bootstrap)
        everyone = np.ones((1, bootstrap.groups))
        value = _distance(everyone, mine, theirs)[0]
        replicates = _distance(bootstrap.weights, mine, theirs)
        regions = [
            Estimate(float(value[region]), replicates[:, region])
            if np.isfinite(value[region])
            else bootstrap.undefined("no request")
            for region in range(len(REGION.domains))
        ]
        names = [f"{CUISINE_DISTANCE}/{name}" for name in REGION.domains]
        return {
            CUISINE_DISTANCE: mean(regions, "regions"),
            **dict(zip(names, regions, strict=True)),
        }

    def _cuisines(self, bootstrap: ClusterBootstrap) -> NDArray[np.float64]:
        """Impressions by user group, region and cuisine, [G, 6, C]."""
        shape = (bootstrap.groups, len(REGION.domains), len(CUISINES))
        cuisine = self.world.catalogue.cuisine[self.item]
        place = (self.groups * shape[1] + self.context.region)[:, None] * shape[2] + cuisine
        counts = np.bincount(place.ravel(), minlength=int(np.prod(shape)))
        return counts.reshape(shape).astype(np.float64)

    def counts(self, region: int) -> NDArray[np.int64]:
        """Number of times each item was shown in one region, [I]."""
        items = self.item[self.context.region == region].ravel()
        return np.bincount(items, minlength=self.world.catalogue.size)


def _percent(estimate: Estimate) -> Estimate:
    scale = 100 / PER_REQUESTS
    return Estimate(scale * estimate.value, scale * estimate.replicates, estimate.note)


def _distance(
    weights: NDArray[np.float64], mine: NDArray[np.float64], theirs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of the two mixes under each weighting [W, G] of the user groups, [W, 6]."""
    with np.errstate(invalid="ignore"):
        mixes = [
            total / total.sum(axis=-1, keepdims=True)
            for total in (np.tensordot(weights, counts, axes=1) for counts in (mine, theirs))
        ]
    distance: NDArray[np.float64] = 50 * np.abs(mixes[0] - mixes[1]).sum(axis=-1)
    return distance
