"""Exposures: who sees what where, and that popularity and position are confounded."""

import numpy as np
import pytest

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import SHARES
from tfrec_mt.data.sources.takeout.preferences import draw_preferences
from tfrec_mt.data.sources.takeout.sampling import FIRST_SECOND, Exposures, draw_exposures
from tfrec_mt.data.sources.takeout.users import Users

CONFIG = TakeoutConfig(rows=200_000, days=5)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.create(CONFIG, draw_preferences(CONFIG.seed, 1.0, 1, 0.0)[0])


@pytest.fixture(scope="module")
def users() -> Users:
    return Users.of_shard(CONFIG, 0)


@pytest.fixture(scope="module")
def exposures(catalogue: Catalogue, users: Users) -> Exposures:
    return draw_exposures(CONFIG, catalogue, users, 10_000, np.random.default_rng(1))


def test_a_request_shows_distinct_items_of_its_regions_menu(
    catalogue: Catalogue, exposures: Exposures
) -> None:
    assert exposures.item.shape == (10_000, 10)
    for region in range(6):
        shown = np.unique(exposures.item[exposures.context.region == region])
        menu = catalogue.menu[slice(*catalogue.menu_start[region : region + 2])]
        assert np.isin(shown, menu).all()
        assert len(shown) > 0.9 * len(menu)
    assert all(len(set(row)) == 10 for row in exposures.item[:500].tolist())


def test_smallest_world_still_has_enough_items() -> None:
    config = TakeoutConfig(rows=1, slots=25)
    small = Catalogue.create(config, np.arange(6))
    shown = draw_exposures(config, small, Users.of_shard(config, 0), 50, np.random.default_rng(0))

    assert all(len(set(row)) == 25 for row in shown.item.tolist())


def test_shares_of_domains(exposures: Exposures) -> None:
    context = exposures.context
    for codes, topic in ((context.scene, "scene"), (context.period, "period")):
        share = np.bincount(codes) / len(codes)
        np.testing.assert_allclose(share, SHARES[topic], atol=0.02)
    # Users stay in a region, so fewer independent draws stand behind its shares.
    region = np.bincount(context.region) / len(context.region)
    np.testing.assert_allclose(region, SHARES["region"], atol=0.06)


def test_visitors_are_away_from_home(users: Users, exposures: Exposures) -> None:
    away = users.home[exposures.user] != exposures.context.region

    np.testing.assert_array_equal(exposures.context.visitor, away)
    assert away.mean() == pytest.approx(0.113, abs=0.03)


def test_requests_are_in_time_order_within_meal_hours(exposures: Exposures) -> None:
    assert (np.diff(exposures.timestamp) >= 0).all()
    day, second = np.divmod(exposures.timestamp - FIRST_SECOND, 86_400)
    assert set(day.tolist()) == set(range(5))
    for period, (first, last) in enumerate([(6, 10), (10.5, 14), (16.5, 21)]):
        hour = second[exposures.context.period == period] / 3600
        assert hour.min() >= first and hour.max() < last


def test_logging_policy_confounds_position_with_popularity(
    catalogue: Catalogue, exposures: Exposures
) -> None:
    by_position = catalogue.appeal[0, exposures.item].mean(axis=0)

    assert (np.diff(by_position) < 0).all()
    assert by_position[0] - by_position[-1] > 0.8


def test_activity_is_heavy_tailed(exposures: Exposures) -> None:
    requests = np.sort(np.bincount(exposures.user))[::-1]

    assert requests[:125].sum() > 0.3 * requests.sum()


def test_segment_says_a_little_about_price_taste(users: Users) -> None:
    by_segment = [users.price_taste[users.segment == s].mean() for s in range(4)]

    assert (np.diff(by_segment) > 0).all()
    assert 0.5 < np.corrcoef(users.segment, users.price_taste)[0, 1] < 0.8
    assert np.bincount(users.segment).min() > 100
