"""The rows of the takeout world: contract, determinism, and sampling from the stated truth."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutOracle, TakeoutSource
from tfrec_mt.schema import CategoricalFeature, Schema, SchemaError


def _rows(config: TakeoutConfig) -> pa.Table:
    return pa.concat_tables(chunk.table for chunk in TakeoutSource(config).chunks())


@pytest.fixture(scope="module")
def log() -> pa.Table:
    return _rows(TakeoutConfig(rows=200_000, seed=4))


@pytest.mark.parametrize("rows", [1, 13, 50_000, 120_007])
def test_exactly_the_wanted_rows(rows: int) -> None:
    table = _rows(TakeoutConfig(rows=rows))

    assert table.num_rows == rows
    requests, shown = np.unique(np.asarray(table["request_id"]), return_counts=True)
    np.testing.assert_array_equal(requests, np.arange(-(-rows // 10)))
    assert (shown[:-1] == 10).all() and shown[-1] == (rows % 10 or 10)


def test_a_history_is_as_long_as_asked_for() -> None:
    history = TakeoutSource(TakeoutConfig(rows=1, short_history=5, long_history=64)).schema.history
    assert history and (history.short, history.long) == (5, 64)
    with pytest.raises(SchemaError, match="long either 0 or at least short, got 50 and 49"):
        TakeoutSource(TakeoutConfig(rows=1, long_history=49))


def test_columns_fit_the_schema(log: pa.Table) -> None:
    schema = TakeoutSource(TakeoutConfig(rows=1)).schema

    assert Schema.from_json(schema.to_json()) == schema
    assert set(schema.columns) | {"speciality", "visitor"} == set(log.column_names)
    assert all(log[name].null_count == 0 for name in log.column_names)
    types = {"string": pa.string(), "int64": pa.int64()}
    for feature in schema.features:
        if isinstance(feature, CategoricalFeature):
            dtype = schema.vocabulary(feature.vocabulary).dtype
            assert log.schema.field(feature.name).type == types[dtype]
    for topic in schema.topics:
        assert set(log[topic.name].unique().to_pylist()) == set(topic.domains)
    assert min(log["price"].to_pylist()) > 0


def test_an_item_or_user_looks_the_same_in_every_row(log: pa.Table) -> None:
    for key, names in (
        ("item_id", ["shop_id", "cuisine", "price", "speciality"]),
        ("user_id", ["user_segment"]),
        ("request_id", ["user_id", "timestamp", "scene", "period", "region", "visitor"]),
    ):
        seen = log.select([key, *names]).group_by([key, *names]).aggregate([])
        assert seen.num_rows == len(log[key].unique())


def test_same_rows_on_every_call_and_for_any_number_of_processes() -> None:
    alone = TakeoutSource(TakeoutConfig(rows=130_005, seed=9))
    together = TakeoutSource(TakeoutConfig(rows=130_005, seed=9, processes=2))

    first = list(alone.chunks())
    assert [c.table.num_rows for c in first] == [100_000, 30_005]
    assert len({c.file for c in first}) == 2
    for other in (alone, together):
        for a, b in zip(first, other.chunks(), strict=True):
            assert (a.file, a.first_row) == (b.file, b.first_row)
            assert a.table.equals(b.table)


def test_seeds_differ_and_shift_changes_labels_only() -> None:
    base = _rows(TakeoutConfig(rows=20_000, seed=1))
    other = _rows(TakeoutConfig(rows=20_000, seed=2))
    calm = _rows(TakeoutConfig(rows=20_000, seed=1, shift=0.0))

    assert not base["item_id"].equals(other["item_id"])
    exposure = [n for n in base.column_names if n not in ("click", "order") and "true" not in n]
    assert base.select(exposure).equals(calm.select(exposure))
    assert not base["true_ctr"].equals(calm["true_ctr"])


def test_first_shard_of_a_huge_world_is_small() -> None:
    source = TakeoutSource(TakeoutConfig(rows=20_000_000, processes=1))
    chunks = list(itertools.islice(source.chunks(), 2))

    assert [c.table.num_rows for c in chunks] == [100_000, 100_000]
    assert max(chunks[1].table["user_id"].to_pylist()) < 2_500


@pytest.mark.parametrize("shift", [0.0, 1.0, 1.5])
def test_rates_do_not_depend_on_shift(shift: float) -> None:
    log = _rows(TakeoutConfig(rows=100_000, seed=3, shift=shift))
    click, order = np.asarray(log["click"]), np.asarray(log["order"])

    assert click.mean() == pytest.approx(0.06, abs=0.004)
    assert order.mean() == pytest.approx(0.0085, abs=0.0015)
    assert ((order == 0) | (click == 1)).all()


def test_labels_are_drawn_from_the_truth(log: pa.Table) -> None:
    config = TakeoutConfig(rows=200_000, seed=4)
    click, order = np.asarray(log["click"]), np.asarray(log["order"])
    z, o = TakeoutOracle(config).logits(log)
    effect = TakeoutSource(config).position_effect[np.asarray(log["position"]) - 1]
    chance = 1 / (1 + np.exp(-(z + effect)))
    order_chance = chance / (1 + np.exp(-o))

    for label, p in ((click, chance), (order, order_chance)):
        # Ten equal groups by probability, and the ten positions: sums within 4.5 deviations.
        by_chance = np.argsort(np.argsort(p)) * 10 // len(p)
        for group in (by_chance, np.asarray(log["position"]) - 1):
            expected = np.bincount(group, p)
            deviation = np.sqrt(np.bincount(group, p * (1 - p)))
            assert (np.abs(np.bincount(group, label) - expected) < 4.5 * deviation).all()


def test_true_ctr_does_not_move_with_position(log: pa.Table) -> None:
    z, o = TakeoutOracle(TakeoutConfig(rows=200_000, seed=4)).logits(log)
    ctr = np.mean([1 / (1 + np.exp(-(z - 0.5 * np.log(k)))) for k in range(1, 11)], axis=0)

    np.testing.assert_allclose(np.asarray(log["true_ctr"]), ctr, rtol=1e-9)
    np.testing.assert_allclose(np.asarray(log["true_ctcvr"]), ctr / (1 + np.exp(-o)), rtol=1e-9)
