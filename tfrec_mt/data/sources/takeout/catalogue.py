"""Shops and items of the takeout world, with their true properties."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import ITEMS_PER_SHOP, ROWS_PER_ITEM, TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES

_NAMES = "rice noodles barbecue dumplings burgers hotpot drinks seafood pizza soup dessert salad"
CUISINES: Final = tuple(_NAMES.split())
CUISINE_SHARES: Final[NDArray[np.float64]] = np.linspace(2.0, 1.0, len(CUISINES)) / 18.0

# Candidates that the logging policy recalls for each slot it fills.
CANDIDATES_PER_SLOT: Final = 2

# Share of the shops that are in one region only, and the chance that a chain is also in a given
# region other than its home.
_LOCAL_SHARE = 0.4
_BRANCH_CHANCE = 0.5
_SHOP_CUISINE = 0.7
_SPECIALITY_SIGNATURE = 0.9
_SPECIALITY_OTHER = 0.3
_STREAM = 1


@dataclass(frozen=True)
class Catalogue:
    """Items by id (0..I-1); those of a shop are consecutive.

    Args:
      menu: Ids of the items sold in each region, one region after the other, ascending in each.
      menu_start: [7] where each region begins in `menu`, then its length.
      shop, cuisine: [I] shop id, and code into `CUISINES`.
      price, price_score: [I] price in money, and log price with mean 0 and deviation 1 over items.
      speciality: [I] whether the item is a local speciality, sold in one region only.
      speciality_score: [I] the same as 0 or 1, less its mean over items.
      appeal: [2, I] popularity (click) and quality (order), standard normal.
    """

    menu: NDArray[np.int64]
    menu_start: NDArray[np.int64]
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
          config: Number of items and seed.
          signatures: [6] the cuisine each region is known for; its local shops make most of their
            specialities of it.
        """
        rng = np.random.default_rng([config.seed, _STREAM])
        regions = len(REGION.domains)
        wanted = config.rows // (ROWS_PER_ITEM * ITEMS_PER_SHOP)
        fewest = math.ceil(CANDIDATES_PER_SLOT * config.slots / ITEMS_PER_SHOP)
        local_shops = regions * max(fewest, round(_LOCAL_SHARE * wanted / regions))
        shops = max(local_shops, wanted)
        local = np.arange(shops) < local_shops
        home = np.where(
            local, np.arange(shops) % regions, rng.choice(regions, shops, p=SHARES[REGION.name])
        )
        branches = ~local[:, None] & (rng.random((shops, regions)) < _BRANCH_CHANCE)
        branches[np.arange(shops), home] = True

        size = shops * ITEMS_PER_SHOP
        shop = np.repeat(np.arange(shops), ITEMS_PER_SHOP)
        sold = branches[shop].T  # [6, I]
        shop_cuisine = rng.choice(len(CUISINES), size=shops, p=CUISINE_SHARES)
        own_cuisine = rng.choice(len(CUISINES), size=size, p=CUISINE_SHARES)
        cuisine = np.where(rng.random(size) < _SHOP_CUISINE, shop_cuisine[shop], own_cuisine)
        signature = cuisine == signatures[home[shop]]
        chance = local[shop] * np.where(signature, _SPECIALITY_SIGNATURE, _SPECIALITY_OTHER)

        def mixed() -> NDArray[np.float64]:
            """Standard normal per item, half of its variance shared within a shop."""
            of_shop = rng.standard_normal(shops)
            total: NDArray[np.float64] = of_shop[shop] + rng.standard_normal(size)
            return total / math.sqrt(2)

        price = np.round(25.0 * np.exp(0.5 * mixed()), 2)
        log_price = np.log(price)
        speciality = rng.random(size) < chance
        return cls(
            menu=np.nonzero(sold)[1],
            menu_start=np.concatenate([[0], np.cumsum(sold.sum(axis=1))]),
            shop=shop,
            cuisine=cuisine,
            price=price,
            price_score=(log_price - log_price.mean()) / log_price.std(),
            speciality=speciality,
            speciality_score=speciality - speciality.mean(),
            appeal=np.stack([mixed(), mixed()]),
        )
