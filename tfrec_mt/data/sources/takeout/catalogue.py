"""Shops and items of the takeout world, and what is true about them."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import ITEMS_PER_SHOP, ROWS_PER_ITEM, TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES

CUISINES: Final = (
    "rice",
    "noodles",
    "barbecue",
    "dumplings",
    "burgers",
    "hotpot",
    "drinks",
    "seafood",
    "pizza",
    "soup",
    "dessert",
    "salad",
)
CUISINE_SHARES: Final[NDArray[np.float64]] = np.linspace(2.0, 1.0, len(CUISINES)) / 18.0

# Candidates that the logging policy recalls for each slot it fills.
CANDIDATES_PER_SLOT: Final = 2

_SHOP_CUISINE = 0.7
_SPECIALITY_SIGNATURE = 0.6
_SPECIALITY_OTHER = 0.05
_STREAM = 1


@dataclass(frozen=True)
class Catalogue:
    """Items by id (0..I-1); the items of a region, and those of a shop, are consecutive.

    Args:
      region_start: [7] first item id of each region, then I.
      shop: [I] shop id.
      cuisine: [I] code into `CUISINES`.
      price: [I] price as shown, in money.
      price_score: [I] log price with mean 0 and deviation 1 over items.
      speciality: [I] whether the item is a speciality of its region.
      speciality_score: [I] the same as 0 or 1, less its mean over items.
      appeal: [2, I] popularity (click) and quality (order), standard normal.
    """

    region_start: NDArray[np.int64]
    shop: NDArray[np.int64]
    cuisine: NDArray[np.int64]
    price: NDArray[np.float64]
    price_score: NDArray[np.float64]
    speciality: NDArray[np.bool_]
    speciality_score: NDArray[np.float64]
    appeal: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.shop)

    @classmethod
    def create(cls, config: TakeoutConfig, signatures: NDArray[np.int64]) -> "Catalogue":
        """Draws the items of a world.

        Args:
          config: Gives the number of items and the seed.
          signatures: [6] the cuisine each region is known for; most specialities are of it.
        """
        rng = np.random.default_rng([config.seed, _STREAM])
        fewest = max(CANDIDATES_PER_SLOT * config.slots, 2 * ITEMS_PER_SHOP)
        wanted = np.round(SHARES[REGION.name] * (config.rows // ROWS_PER_ITEM)).astype(np.int64)
        items = np.maximum(wanted, fewest)
        start = np.concatenate([[0], np.cumsum(items)])
        shops = -(-items // ITEMS_PER_SHOP)
        shop_start = np.concatenate([[0], np.cumsum(shops)])

        region = np.repeat(np.arange(len(items)), items)
        size = len(region)
        shop = shop_start[region] + (np.arange(size) - start[region]) // ITEMS_PER_SHOP
        shop_cuisine = rng.choice(len(CUISINES), size=shop_start[-1], p=CUISINE_SHARES)
        own_cuisine = rng.choice(len(CUISINES), size=size, p=CUISINE_SHARES)
        cuisine = np.where(rng.random(size) < _SHOP_CUISINE, shop_cuisine[shop], own_cuisine)
        signature = cuisine == signatures[region]
        chance = np.where(signature, _SPECIALITY_SIGNATURE, _SPECIALITY_OTHER)

        def mixed() -> NDArray[np.float64]:
            """Standard normal per item, half of its variance shared within a shop."""
            of_shop = rng.standard_normal(shop_start[-1])
            total: NDArray[np.float64] = of_shop[shop] + rng.standard_normal(size)
            return total / math.sqrt(2)

        price = np.round(25.0 * np.exp(0.5 * mixed()), 2)
        log_price = np.log(price)
        speciality = rng.random(size) < chance
        return cls(
            region_start=start,
            shop=shop,
            cuisine=cuisine,
            price=price,
            price_score=(log_price - log_price.mean()) / log_price.std(),
            speciality=speciality,
            speciality_score=speciality - speciality.mean(),
            appeal=np.stack([mixed(), mixed()]),
        )
