"""Users and items that come and go at the stated rate."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutOracle, TakeoutSource
from tfrec_mt.data.sources.takeout.catalogue import CUISINE_SHARES
from tfrec_mt.data.sources.takeout.sampling import DAY, FIRST_SECOND
from tfrec_mt.data.sources.takeout.turnover import (
    item_generations,
    places_of,
    user_generations,
    user_ids,
)
from tfrec_mt.data.sources.takeout.world import World

CHURN, DAYS = 0.1, 10
CONFIG = TakeoutConfig(rows=230_000, days=DAYS, churn=CHURN)


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(CONFIG)


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    table = pa.concat_tables(chunk.table for chunk in TakeoutSource(CONFIG).chunks())
    day = (pl.col("timestamp") - FIRST_SECOND) // DAY
    frame = pl.DataFrame(table)
    return frame.with_columns(day.alias("day"))


def test_the_share_that_is_left_falls_by_the_churn_each_day() -> None:
    for generations in (item_generations(CONFIG, 20_000), user_generations(CONFIG, 0)):
        left = (generations == 0).mean(axis=0)
        expected = (1 - CHURN) ** np.arange(DAYS)
        np.testing.assert_allclose(left, expected, atol=3 * np.sqrt(0.25 / len(generations)))
        assert (np.diff(generations, axis=1) >= 0).all()


def test_without_churn_nothing_leaves() -> None:
    still = TakeoutConfig(rows=230_000)
    assert not item_generations(still, 100).any()
    assert not user_generations(still, 0).any()
    assert World.create(still).catalogue.size == len(item_generations(still, 1150))


def test_ids_tell_shard_and_place_and_back() -> None:
    for shard in range(CONFIG.shards):
        places = np.arange(4 * CONFIG.shard_users(shard))
        ids = user_ids(CONFIG, shard, places)
        assert len(np.unique(ids)) == len(ids)
        found, back = places_of(CONFIG, ids)
        np.testing.assert_array_equal(found, shard)
        np.testing.assert_array_equal(back, places)


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_what_has_left_does_not_come_back(column: str, log: pl.DataFrame) -> None:
    """The ids of one place follow one another and never overlap in time."""
    places = CONFIG.users if column == "user_id" else len(item_generations(CONFIG, 1150))
    spans = log.group_by(column).agg(
        pl.col("day").min().alias("first"), pl.col("day").max().alias("last")
    )
    spans = spans.with_columns((pl.col(column) % places).alias("place"))
    spans = spans.sort("place", column)
    same = spans["place"].to_numpy()[1:] == spans["place"].to_numpy()[:-1]
    assert same.sum() > 500
    assert (spans["first"].to_numpy()[1:] > spans["last"].to_numpy()[:-1])[same].all()


def test_the_oracle_knows_who_came_later(log: pl.DataFrame) -> None:
    late = log.filter(pl.col("day") == DAYS - 1)
    assert (late["user_id"].to_numpy() >= CONFIG.users).mean() > 0.4
    found = TakeoutOracle(CONFIG).probabilities(late.to_arrow())
    for task in ("ctr", "ctcvr"):
        np.testing.assert_array_equal(found[task], late[f"true_{task}"])


def test_rates_and_menus_stay_as_they_were(log: pl.DataFrame) -> None:
    assert log["click"].mean() == pytest.approx(0.06, abs=0.003)
    by_day = log.group_by("day").agg(pl.col("item_id").n_unique(), pl.col("user_id").n_unique())
    for column in ("item_id", "user_id"):
        counts = by_day[column].to_numpy()
        assert counts.max() < 1.15 * counts.min()


def test_successors_are_drawn_like_the_first_items(world: World) -> None:
    catalogue = world.catalogue
    places = len(catalogue.generations)
    assert catalogue.size % places == 0 and catalogue.size > 3 * places
    later = slice(places, None)
    shops = catalogue.shop.reshape(-1, places)
    np.testing.assert_array_equal(shops, np.broadcast_to(shops[0], shops.shape))
    shares = np.bincount(catalogue.cuisine[later], minlength=12) / len(catalogue.cuisine[later])
    np.testing.assert_allclose(shares, CUISINE_SHARES, atol=0.05)
    assert catalogue.appeal[:, later].std() == pytest.approx(1.0, abs=0.1)
    assert catalogue.price_score[later].std() == pytest.approx(1.0, abs=0.1)
    assert catalogue.speciality[later].mean() == pytest.approx(
        catalogue.speciality[:places].mean(), abs=0.03
    )
    # half of the variance is the shop's
    of_place = np.corrcoef(catalogue.appeal[0, :places], catalogue.appeal[0, places : 2 * places])
    assert of_place[0, 1] == pytest.approx(0.5, abs=0.12)
