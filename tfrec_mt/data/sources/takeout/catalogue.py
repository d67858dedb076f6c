"""Shops and items of the takeout world, with their true properties."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import ITEMS_PER_SHOP, ROWS_PER_ITEM, TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES
from tfrec_mt.data.sources.takeout.turnover import item_generations

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
# Properties of items, whose last axis counts ids.
_OF_AN_ITEM = (
    *("shop", "cuisine", "price", "price_score"),
    *("speciality", "speciality_score", "appeal"),
)


@dataclass(frozen=True)
class Catalogue:
    """Items by id (0..I-1); those of a shop are consecutive.

    With churn, an item that leaves is replaced by another one of the same shop: the ids of each
    generation follow those of the one before.

    Args:
      menu: Places of the items sold in each region, one region after the other, ascending in each;
        without churn these are their ids.
      menu_start: [7] where each region begins in `menu`, then its length.
      shop, cuisine: [I] shop id, and code into `CUISINES`.
      price, price_score: [I] price in money, and log price with mean 0 and deviation 1 over items.
      speciality: [I] whether the item is a local speciality, sold in one region only.
      speciality_score: [I] the same as 0 or 1, less its mean over items.
      appeal: [2, I] popularity (click) and quality (order), standard normal.
      generations: [P, days] generation of the item in each of the menus' P places.
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
    generations: NDArray[np.int64]

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

        of_shops: list[NDArray[np.float64]] = []

        def mixed() -> NDArray[np.float64]:
            """Standard normal per item, half of its variance shared within a shop."""
            of_shops.append(rng.standard_normal(shops))
            return _mixed(of_shops[-1][shop], rng.standard_normal(size))

        price = _price(mixed())
        log_price = np.log(price)
        speciality = rng.random(size) < chance
        first = cls(
            menu=np.nonzero(sold)[1],
            menu_start=np.concatenate([[0], np.cumsum(sold.sum(axis=1))]),
            shop=shop,
            cuisine=cuisine,
            price=price,
            price_score=(log_price - log_price.mean()) / log_price.std(),
            speciality=speciality,
            speciality_score=speciality - speciality.mean(),
            appeal=np.stack([mixed(), mixed()]),
            generations=item_generations(config, size),
        )
        return first._with_successors(
            config, shop_cuisine[shop], local[shop], signatures[home[shop]], of_shops
        )

    def _with_successors(
        self,
        config: TakeoutConfig,
        shop_cuisine: NDArray[np.int64],
        local: NDArray[np.bool_],
        signature: NDArray[np.int64],
        of_shops: Sequence[NDArray[np.float64]],
    ) -> "Catalogue":
        """The catalogue with the items of later generations, drawn as those of the first.

        Args:
          config: Churn and seed.
          shop_cuisine: [P] cuisine of each item's shop.
          local: [P] whether the shop is in one region only.
          signature: [P] signature cuisine of the shop's home.
          of_shops: The shops' parts of price, popularity and quality.
        """
        size, log_price = len(self.shop), np.log(self.price)
        found: dict[str, list[NDArray[Any]]] = {name: [getattr(self, name)] for name in _OF_AN_ITEM}
        for generation in range(1, int(self.generations.max(initial=0)) + 1):
            rng = np.random.default_rng([config.seed, _STREAM, generation])
            own = rng.choice(len(CUISINES), size=size, p=CUISINE_SHARES)
            cuisine = np.where(rng.random(size) < _SHOP_CUISINE, shop_cuisine, own)
            chance = np.where(cuisine == signature, _SPECIALITY_SIGNATURE, _SPECIALITY_OTHER)
            speciality = rng.random(size) < local * chance
            normal = [_mixed(part[self.shop], rng.standard_normal(size)) for part in of_shops]
            price = _price(normal[0])
            drawn: dict[str, NDArray[Any]] = {
                "shop": self.shop,
                "cuisine": cuisine,
                "price": price,
                "price_score": (np.log(price) - log_price.mean()) / log_price.std(),
                "speciality": speciality,
                "speciality_score": speciality - self.speciality.mean(),
                "appeal": np.stack(normal[1:]),
            }
            for name, values in drawn.items():
                found[name].append(values)
        joined = {name: np.concatenate(parts, axis=-1) for name, parts in found.items()}
        return dataclasses.replace(self, **joined)

    def items(self, places: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the items in places [R, S] on each request's day [R]."""
        size = len(self.generations)
        return places + size * self.generations[places, day[:, np.newaxis]]


def _mixed(of_shop: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal per item from two standard normal parts."""
    total: NDArray[np.float64] = of_shop + own
    return total / math.sqrt(2)


def _price(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(25.0 * np.exp(0.5 * normal), 2)
