"""Sizes of a world, and what is refused."""

import pytest

from tfrec_mt.data.sources.takeout import TakeoutConfig
from tfrec_mt.schema import SchemaError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 0),
        ("rows", 1e6),
        ("rows", True),
        ("seed", -1),
        ("days", 0),
        ("slots", 0),
        ("slots", 100_001),
        ("processes", 0),
        ("short_history", 0),
        ("long_history", -1),
        ("shift", -0.1),
        ("shift", float("nan")),
        ("shift", float("inf")),
        ("shift", "1"),
        ("drift", -0.1),
        ("drift", 1.1),
        ("drift", float("nan")),
    ],
)
def test_bad_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SchemaError, match=f"{name} must be .* got {value!r}"):
        TakeoutConfig(**{"rows": 1000, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [1, 79, 50_000, 100_000, 100_001, 350_123])
@pytest.mark.parametrize("slots", [1, 7, 10])
def test_shards_add_up_to_the_whole(rows: int, slots: int) -> None:
    config = TakeoutConfig(rows=rows, slots=slots)
    shards = range(config.shards)

    assert sum(config.shard_requests(s) for s in shards) == config.requests
    assert config.requests * slots >= rows > (config.requests - 1) * slots
    assert sum(config.shard_users(s) for s in shards) == config.users
    assert all(config.shard_users(s) >= 1 and config.shard_requests(s) >= 1 for s in shards)


def test_shard_size_does_not_grow_with_the_world() -> None:
    small, large = TakeoutConfig(rows=500_000), TakeoutConfig(rows=100_000_000)

    assert small.shard_requests(0) == large.shard_requests(0) == 10_000
    assert small.shard_users(0) == large.shard_users(0) == 625
    assert large.users == 625_000
