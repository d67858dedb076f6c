"""Which items are sold where, and which are local specialities."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.data.sources.takeout.config import TakeoutConfig

SIGNATURES = np.array([3, 0, 7, 1, 9, 5])


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.create(TakeoutConfig(rows=2_000_000), SIGNATURES)


@pytest.fixture(scope="module")
def sold(catalogue: Catalogue) -> NDArray[np.bool_]:
    """[6, I] whether each region sells each item."""
    table = np.zeros((6, catalogue.size), bool)
    for region in range(6):
        menu = catalogue.menu[slice(*catalogue.menu_start[region : region + 2])]
        assert (np.diff(menu) > 0).all()
        table[region, menu] = True
    return table


def test_shops_sell_all_they_have_in_each_of_their_regions(
    catalogue: Catalogue, sold: NDArray[np.bool_]
) -> None:
    assert catalogue.size == 10_000
    by_shop = sold.reshape(6, -1, 10)
    assert (by_shop == by_shop[:, :, :1]).all()
    np.testing.assert_array_equal(catalogue.shop, np.arange(10_000) // 10)


def test_most_items_are_sold_in_several_regions(sold: NDArray[np.bool_]) -> None:
    regions = sold.sum(axis=0)

    assert regions.min() >= 1
    assert 0.55 < (regions > 1).mean() < 0.65  # three of five shops are chains, few in one region
    assert regions[regions > 1].mean() == pytest.approx(3.6, abs=0.2)


def test_bigger_regions_sell_more(sold: NDArray[np.bool_]) -> None:
    items = sold.sum(axis=1)

    assert items[0] == items.max()
    assert items.max() < 1.5 * items.min()


def test_specialities_are_sold_in_one_region_only(
    catalogue: Catalogue, sold: NDArray[np.bool_]
) -> None:
    local = sold[:, catalogue.speciality]

    assert (local.sum(axis=0) == 1).all()
    signature = catalogue.cuisine[catalogue.speciality] == SIGNATURES[local.argmax(axis=0)]
    assert signature.mean() > 1.5 / 12
    share = [catalogue.speciality[sold[region]].mean() for region in range(6)]
    assert all(0.03 < s < 0.09 for s in share)


@pytest.mark.parametrize("slots", [1, 10, 25])
def test_smallest_world_has_candidates_for_every_slot(slots: int) -> None:
    small = Catalogue.create(TakeoutConfig(rows=1, slots=slots), SIGNATURES)

    assert (np.diff(small.menu_start) >= 2 * slots).all()
