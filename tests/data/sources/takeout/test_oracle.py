"""The oracle: truth of any row, the topic-blind scores, and bad rows."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutOracle, TakeoutSource
from tfrec_mt.data.sources.takeout.users import Users
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.schema import DataError, SchemaError

CONFIG = TakeoutConfig(rows=250_000, seed=2)
SHARES = {
    "scene": {"homepage": 0.735, "channel": 0.265},
    "period": {"breakfast": 0.11, "lunch": 0.45, "dinner": 0.44},
}


@pytest.fixture(scope="module")
def log() -> pa.Table:
    return pa.concat_tables(chunk.table for chunk in TakeoutSource(CONFIG).chunks())


@pytest.fixture(scope="module")
def oracle() -> TakeoutOracle:
    return TakeoutOracle(CONFIG)


def _auc(label: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve from ranks; scores are continuous, so ties do not matter."""
    rank = np.empty(len(score))
    rank[np.argsort(score)] = np.arange(1, len(score) + 1)
    hits = int(label.sum())
    return float((rank[label == 1].sum() - hits * (hits + 1) / 2) / (hits * (len(label) - hits)))


def _in_domain(rows: pa.Table, topic: str, domain: str) -> pa.Table:
    place = rows.column_names.index(topic)
    return rows.set_column(place, topic, pa.array([domain] * rows.num_rows))


def test_truth_columns_are_found_again_in_any_order(log: pa.Table, oracle: TakeoutOracle) -> None:
    rows = log.take(np.random.default_rng(0).permutation(log.num_rows)[:60_000])
    found = oracle.probabilities(rows)

    np.testing.assert_allclose(found["ctr"], np.asarray(rows["true_ctr"]), rtol=1e-12)
    np.testing.assert_allclose(found["ctcvr"], np.asarray(rows["true_ctcvr"]), rtol=1e-12)


@pytest.mark.parametrize("topic", ["scene", "period"])
def test_blind_score_is_the_share_weighted_truth(
    log: pa.Table, oracle: TakeoutOracle, topic: str
) -> None:
    rows = log.slice(99_000, 2_000)
    blind = oracle.topic_blind(rows, [topic, topic])

    for task in ("ctr", "ctcvr"):
        expected = sum(
            share * oracle.probabilities(_in_domain(rows, topic, domain))[task]
            for domain, share in SHARES[topic].items()
        )
        np.testing.assert_allclose(blind[task], expected)


def test_region_blind_score_averages_over_trips(log: pa.Table, oracle: TakeoutOracle) -> None:
    rows = log.slice(0, 1_000)  # of the first shard
    home = Users.of_shard(CONFIG, 0).home[np.asarray(rows["user_id"])]
    speciality = World.create(CONFIG).catalogue.speciality_score[np.asarray(rows["item_id"])]
    share = np.array([718, 284, 343, 142, 146, 129]) / 1762

    expected = np.zeros(rows.num_rows)
    for region in range(6):
        z, _ = oracle.logits(_in_domain(rows, "region", f"region{region + 1}"))
        away = 0.15 * (1 - share[region])
        for visitor, chance in ((1.0, away), (0.0, 1 - away)):
            known = z + 0.5 * (visitor - (home != region)) * speciality
            ctr = np.mean([1 / (1 + np.exp(-(known - 0.5 * np.log(k)))) for k in range(1, 11)], 0)
            expected += share[region] * chance * ctr

    np.testing.assert_allclose(oracle.topic_blind(rows, ["region"])["ctr"], expected)


def test_zero_shift_means_zero_gain() -> None:
    config = TakeoutConfig(rows=30_000, shift=0.0)
    rows = next(iter(TakeoutSource(config).chunks())).table
    blind = TakeoutOracle(config).topic_blind(rows, ["scene", "period", "region"])

    np.testing.assert_allclose(blind["ctr"], np.asarray(rows["true_ctr"]), rtol=1e-12)
    np.testing.assert_allclose(blind["ctcvr"], np.asarray(rows["true_ctcvr"]), rtol=1e-12)


@pytest.mark.parametrize(("topic", "least"), [("scene", 0.005), ("period", 0.02), ("region", 0.02)])
def test_every_topic_is_worth_knowing(
    log: pa.Table, oracle: TakeoutOracle, topic: str, least: float
) -> None:
    click = np.asarray(log["click"])
    best = _auc(click, np.asarray(log["true_ctr"]))
    blind = _auc(click, oracle.topic_blind(log, [topic])["ctr"])

    assert 0.78 < best < 0.84
    assert best - blind > least


def test_popularity_is_clearly_below_the_oracle(log: pa.Table) -> None:
    click, item = np.asarray(log["click"]), np.asarray(log["item_id"])
    day = np.asarray(log["timestamp"]) // 86_400
    train, test = day < day.min() + 6, day == day.max()
    shown = np.bincount(item[train], minlength=item.max() + 1)
    hits = np.bincount(item[train], click[train], minlength=item.max() + 1)
    popularity = ((hits + 1) / (shown + 1 / 0.06))[item]

    low = _auc(click[test], popularity[test] + 1e-9 * np.arange(test.sum()))
    assert 0.53 < low < _auc(click[test], np.asarray(log["true_ctr"])[test]) - 0.08


def test_no_rows(log: pa.Table, oracle: TakeoutOracle) -> None:
    assert oracle.probabilities(log.slice(0, 0))["ctr"].shape == (0,)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("user_id", 10**9, "row 3, column 'user_id': expected an id of this world"),
        ("item_id", -1, "row 3, column 'item_id'"),
        ("item_id", None, "row 3, column 'item_id'"),
        ("period", "brunch", "row 3, column 'period': expected one of breakfast, lunch, dinner"),
        ("region", None, "row 3, column 'region'"),
        ("timestamp", 0, "row 3, column 'timestamp': expected a second of this world, 1690848000"),
        ("timestamp", None, "row 3, column 'timestamp'"),
    ],
)
def test_a_value_of_another_world_is_named(
    log: pa.Table, oracle: TakeoutOracle, column: str, value: object, message: str
) -> None:
    rows = log.slice(0, 5)
    values = rows[column].to_pylist()
    values[2] = value
    place = rows.column_names.index(column)
    broken = rows.set_column(place, column, pa.array(values, rows[column].type))

    with pytest.raises(DataError, match=message):
        oracle.probabilities(broken)


def test_missing_columns_wrong_types_and_unknown_topics_are_named(
    log: pa.Table, oracle: TakeoutOracle
) -> None:
    rows = log.slice(0, 5)
    with pytest.raises(DataError, match="no column 'scene'"):
        oracle.probabilities(rows.drop_columns(["scene"]))
    text = rows.set_column(0, "user_id", pa.array(["a"] * 5))
    with pytest.raises(DataError, match="column 'user_id': expected whole numbers, got string"):
        oracle.probabilities(text)
    with pytest.raises(SchemaError, match=r"no topic 'meal'; known: period, region, scene"):
        oracle.topic_blind(rows, ["meal"])
