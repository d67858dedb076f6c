import numpy as np
import pytest

from tfrec_mt.layers.domain_rows import DomainGroups

COUNT = 5


def codes_of(kind: str, rows: int) -> np.ndarray:
    rng = np.random.default_rng(rows)
    if kind == "one":
        return np.full(rows, 3, np.int32)
    if kind == "none":
        return np.zeros(rows, np.int32)
    some = [0, 2, 5] if kind == "some" else range(COUNT + 1)
    return rng.choice(np.array(some, np.int32), rows)


@pytest.mark.parametrize("kind", ["one", "none", "some", "all"])
@pytest.mark.parametrize("rows", [0, 1, 7, 32, 33, 1000])
def test_every_row_lies_in_a_block_of_its_own_domain(kind: str, rows: int) -> None:
    codes = codes_of(kind, rows)
    groups = DomainGroups.of(codes, COUNT)
    values = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    blocks = groups.spread(values)
    np.testing.assert_array_equal(groups.collect(blocks).numpy(), values)
    # the domain of each block, laid over its slots and taken out again, is the row's own
    domain = np.broadcast_to(np.reshape(groups.domain, (-1, 1, 1)), (*blocks.shape[:2], 1))
    np.testing.assert_array_equal(groups.collect(domain).numpy()[:, 0], codes)


def test_cost_follows_rows_not_kernels() -> None:
    one = DomainGroups.of(np.full(500, 2, np.int32), 1000)
    assert one.domain.numpy().tolist() == [2]
    mixed = DomainGroups.of(np.arange(500, dtype=np.int32) % 10, 1000, block_rows=32)
    assert mixed.domain.shape[0] == 10 * 2  # 50 rows fill two blocks of 32


def test_each_block_meets_its_own_domains_weights() -> None:
    rng = np.random.default_rng(0)
    codes, values = codes_of("all", 200), rng.normal(size=(200, 3))
    kernel, bias = rng.normal(size=(COUNT, 3, 4)), rng.normal(size=(COUNT, 4))
    groups = DomainGroups.of(codes, COUNT)
    plain = groups.collect(groups.dense(groups.spread(values), kernel, bias)).numpy()
    for row in np.flatnonzero(codes):
        own = codes[row] - 1
        np.testing.assert_allclose(plain[row], values[row] @ kernel[own] + bias[own])
