import numpy as np
import pytest
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from studies.information.kernel_correlation import (
    correlation_within,
    kernel_draws,
    pooled_correlation,
    rank_correlation,
)


def _values() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first = rng.integers(6, size=(5, 12)).astype(float)  # with ties
    return first, first + 2 * rng.normal(size=(5, 12)) - 20 * np.arange(5)[:, np.newaxis]


def test_equals_scipy() -> None:
    first, second = _values()
    expected = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected)
    draws = kernel_draws(5, 20)
    within = correlation_within(first, second, draws)
    assert within.value == pytest.approx(np.mean(expected))
    np.testing.assert_allclose(within.replicates, [np.mean(np.array(expected)[d]) for d in draws])
    pooled = pooled_correlation(first, second, draws)
    assert pooled.value == pytest.approx(spearmanr(first.ravel(), second.ravel()).statistic)
    resampled = [spearmanr(first[d].ravel(), second[d].ravel()).statistic for d in draws]
    np.testing.assert_allclose(pooled.replicates, resampled)


def test_levels_of_kernels_hide_what_happens_within_them() -> None:
    first, second = _values()
    draws = kernel_draws(5, 20)
    assert correlation_within(first, second, draws).value > 0.4
    assert abs(pooled_correlation(first, second, draws).value) < 0.3


def test_is_not_defined_where_nothing_changes() -> None:
    assert np.isnan(rank_correlation(np.ones((1, 4)), np.arange(4.0)[np.newaxis])).all()


def test_draws_are_kernels_and_the_same_each_time() -> None:
    draws = kernel_draws(5, 1000)
    assert draws.shape == (1000, 5)
    assert set(np.unique(draws)) == set(range(5))
    np.testing.assert_array_equal(draws, kernel_draws(5, 1000))
