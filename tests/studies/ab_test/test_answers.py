"""Candidates, their truth and what users answer, against plain loops over a small world."""

import math
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from studies.ab_test.answers import (
    Answers,
    expected_answers,
    sampled_answers,
    top_places,
)
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutOracle
from tfrec_mt.data.sources.takeout.domains import TOPICS
from tfrec_mt.data.sources.takeout.offers import Offers, draw_offers
from tfrec_mt.data.sources.takeout.recall import recall
from tfrec_mt.data.sources.takeout.sampling import draw_exposures
from tfrec_mt.data.sources.takeout.users import Users
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.schema import DataError, SchemaError

# two shards, so that requests come from both
CONFIG = TakeoutConfig(rows=104_000, seed=3)
REQUESTS = np.array([10_120, 3, 10_003, 9_999, 57])
CANDIDATES = 25


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(CONFIG)


@pytest.fixture(scope="module")
def offers(world: World) -> Offers:
    return draw_offers(world, REQUESTS, CANDIDATES)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_recall_is_that_of_the_log(world: World) -> None:
    users = Users.of_shard(CONFIG, 0)
    shown = draw_exposures(CONFIG, world.catalogue, users, 400, rng := np.random.default_rng(8))
    # a generator that stands where the log's stood before it recalled
    again = np.random.default_rng(8)
    again.multinomial(400, users.activity)
    again.integers(CONFIG.days, size=400)
    shape = (len(users.home), CONFIG.days)
    again.choice(6, size=shape, p=np.full(6, 1 / 6))
    again.random(shape)
    again.choice(2, size=400, p=[0.5, 0.5])
    period = again.choice(3, size=400, p=[0.11, 0.45, 0.44])
    again.integers(np.array([14_400, 12_600, 16_200])[period])
    recalled = recall(world.catalogue, shown.context.region, shown.context.day, 20, again)
    again.standard_normal(recalled.shape)

    for items, candidates in zip(shown.item, recalled, strict=True):
        assert set(items) <= set(candidates)
    assert rng.random() == again.random()


def test_candidates_are_distinct_items_of_the_region(world: World) -> None:
    region = np.repeat(np.arange(6), 300)
    smallest = int(np.diff(world.catalogue.menu_start).min())
    item = recall(world.catalogue, region, 0 * region, smallest, np.random.default_rng(0))

    assert all(len(set(row)) == smallest for row in item)
    for code in range(6):
        first, stop = world.catalogue.menu_start[code : code + 2]
        assert set(item[region == code].ravel()) == set(world.catalogue.menu[first:stop])


@pytest.mark.parametrize("count", [0, 10_000])
def test_recall_refuses_what_a_region_cannot_give(world: World, count: int) -> None:
    with pytest.raises(SchemaError, match=f"expected 1 to .* candidates .* got {count}"):
        recall(world.catalogue, np.array([0]), np.array([0]), count, np.random.default_rng(0))


def test_truth_of_offers_is_the_oracles(world: World, offers: Offers) -> None:
    context = offers.context
    rows = pa.table(
        {
            "user_id": np.repeat(offers.user, CANDIDATES),
            "item_id": offers.item.ravel(),
            "timestamp": np.repeat(offers.timestamp, CANDIDATES),
            **{
                topic.name: np.array(topic.domains)[
                    np.repeat(getattr(context, topic.name), CANDIDATES)
                ].tolist()
                for topic in TOPICS
            },
        }
    )
    click, order = TakeoutOracle(CONFIG).logits(rows)

    np.testing.assert_allclose(offers.click_logit.ravel(), click, rtol=1e-10)
    expected = [_sigmoid(x) for x in order]
    np.testing.assert_allclose(offers.order_given_click.ravel(), expected, rtol=1e-10)


def test_an_offer_does_not_depend_on_the_others(world: World, offers: Offers) -> None:
    for place in (0, 3):
        alone = draw_offers(world, REQUESTS[place : place + 1], CANDIDATES)
        for field in fields(Offers):
            if field.name != "context":
                np.testing.assert_array_equal(
                    getattr(alone, field.name)[0], getattr(offers, field.name)[place]
                )
        assert alone.context.day[0] == offers.context.day[place]
        assert alone.context.region[0] == offers.context.region[place]


@pytest.mark.parametrize("wrong", [-1, 10_400])
def test_offers_refuse_requests_of_no_log(world: World, wrong: int) -> None:
    with pytest.raises(DataError, match=f"0 to 10399, got {wrong} at place 1"):
        draw_offers(world, np.array([4, wrong]), CANDIDATES)


def _plain(offers: Offers, scores: NDArray[np.float64], slots: int) -> tuple[list[float], ...]:
    """Clicks and orders expected of each request, one item at a time."""
    clicks, orders = [], []
    for request in range(len(scores)):
        left = list(range(scores.shape[1]))
        click = order = 0.0
        for position in range(1, slots + 1):
            best = max(left, key=lambda place: scores[request, place])
            left.remove(best)
            chance = _sigmoid(offers.click_logit[request, best] - 0.5 * math.log(position))
            click += chance
            order += chance * offers.order_given_click[request, best]
        clicks.append(click)
        orders.append(order)
    return clicks, orders


def test_expected_answers_are_those_of_a_plain_loop(world: World, offers: Offers) -> None:
    scores = np.random.default_rng(1).random(offers.item.shape)
    places = top_places(scores, CONFIG.slots)
    answers = expected_answers(offers, places, world.position_effect)
    clicks, orders = _plain(offers, scores, CONFIG.slots)

    np.testing.assert_allclose(answers.click.sum(axis=1), clicks, rtol=1e-12)
    np.testing.assert_allclose(answers.order.sum(axis=1), orders, rtol=1e-12)


def test_samples_average_to_what_is_expected() -> None:
    rng = np.random.default_rng(5)
    click = rng.random((3, 4))
    expected = Answers(click, click * rng.random((3, 4)))
    draws = 20_000
    samples = [sampled_answers(expected, rng) for _ in range(draws)]
    for name in ("click", "order"):
        p, found = getattr(expected, name), np.mean([getattr(s, name) for s in samples], axis=0)
        assert (abs(found - p) < 4 * np.sqrt(p * (1 - p) / draws)).all()
    assert all((s.order <= s.click).all() for s in samples)
    assert set(np.unique([s.click for s in samples])) == {0.0, 1.0}


def test_samples_of_different_items_are_independent() -> None:
    expected = Answers(np.full((20_000, 2), 0.5), np.full((20_000, 2), 0.25))
    clicks = sampled_answers(expected, np.random.default_rng(2)).click
    assert abs(np.asarray(np.corrcoef(clicks.T))[0, 1]) < 4 / math.sqrt(20_000)


def test_top_places_prefers_the_first_of_equal_scores() -> None:
    np.testing.assert_array_equal(top_places(np.array([[1.0, 3.0, 1.0, 3.0]]), 3), [[1, 3, 0]])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 9)), r"at least 10 candidates, \[R, N\], got \[2, 9\]"),
        (np.full((2, 12), np.nan), "finite scores, got nan"),
    ],
)
def test_top_places_refuses_bad_scores(scores: NDArray[np.float64], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        top_places(scores, 10)
