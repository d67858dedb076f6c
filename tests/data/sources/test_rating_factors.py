"""Factors of ratings against regressions solved one id at a time."""

import numpy as np
import pytest

from tfrec_mt.data.sources import rating_factors
from tfrec_mt.data.sources.rating_factors import FactorSettings, RatingFactors

USERS, ITEMS = 40, 30


def _log(
    seed: int, rows: int = 600, noise: float = 0.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratings of two tastes and biases; the last user and item have none."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice((USERS - 1) * (ITEMS - 1), rows, replace=False)
    users, items = pairs // (ITEMS - 1), pairs % (ITEMS - 1)
    p, q = rng.normal(size=(USERS, 2)), rng.normal(size=(ITEMS, 2))
    level = 3 + 0.5 * rng.normal(size=USERS)[users] + 0.5 * rng.normal(size=ITEMS)[items]
    ratings = level + (p[users] * q[items]).sum(axis=1) + noise * rng.normal(size=rows)
    return users, items, ratings.astype(np.float32)


def test_a_sweep_is_a_ridge_regression_for_every_id() -> None:
    users, items, ratings = _log(0)
    settings = FactorSettings(width=3, taste_penalty=2.0, bias_penalty=0.5, sweeps=1, seed=5)
    factors = RatingFactors(users, items, ratings, USERS, ITEMS, settings)
    start = np.random.default_rng(5).normal(0, 0.1, (USERS, 3))
    targets = ratings.astype(np.float64) - ratings.mean(dtype=np.float64)
    penalties = np.diag([2.0, 2.0, 2.0, 0.5])
    tastes, biases = np.zeros((ITEMS, 3)), np.zeros(ITEMS)
    for item in range(ITEMS):
        rows = items == item
        x = np.column_stack([start[users[rows]], np.ones(rows.sum())])
        found = np.linalg.solve(x.T @ x + penalties, x.T @ targets[rows])
        tastes[item], biases[item] = found[:3], found[3]
    np.testing.assert_allclose(factors.item_tastes, tastes, atol=1e-5)
    np.testing.assert_allclose(factors.item_biases, biases, atol=1e-5)
    for user in range(USERS):
        rows = users == user
        x = np.column_stack([tastes[items[rows]], np.ones(rows.sum())])
        left = targets[rows] - biases[items[rows]]
        found = np.linalg.solve(x.T @ x + penalties, x.T @ left)
        np.testing.assert_allclose(factors.user_tastes[user], found[:3], atol=1e-4)
        np.testing.assert_allclose(factors.user_biases[user], found[3], atol=1e-4)


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    log = _log(1)
    whole = RatingFactors(*log, USERS, ITEMS, FactorSettings(width=2, sweeps=3))
    monkeypatch.setattr(rating_factors, "_BLOCK_NUMBERS", 100)
    pieces = RatingFactors(*log, USERS, ITEMS, FactorSettings(width=2, sweeps=3))
    np.testing.assert_allclose(pieces.rating(*log[:2]), whole.rating(*log[:2]), atol=1e-5)


def test_tastes_are_found_again_in_ratings_that_were_not_seen() -> None:
    users, items, ratings = _log(2, rows=900)
    seen = np.arange(900) < 700
    settings = FactorSettings(width=2, taste_penalty=0.1, bias_penalty=0.1, sweeps=20)
    factors = RatingFactors(users[seen], items[seen], ratings[seen], USERS, ITEMS, settings)
    error = factors.rating(users[~seen], items[~seen]) - ratings[~seen]
    assert np.sqrt(np.mean(error**2)) < 0.3 * ratings.std()


def test_who_has_no_ratings_gets_the_mean_and_the_other_sides_bias() -> None:
    users, items, ratings = _log(3)
    factors = RatingFactors(users, items, ratings, USERS, ITEMS, FactorSettings(width=2))
    nobody, nothing = np.array([USERS - 1]), np.array([ITEMS - 1])
    assert factors.rating(nobody, nothing)[0] == pytest.approx(ratings.mean(), rel=1e-5)
    expected = ratings.mean() + factors.item_biases[4]
    assert factors.rating(nobody, np.array([4]))[0] == pytest.approx(expected, rel=1e-5)


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="width and sweeps must be at least 1, got 0 and 12"):
        FactorSettings(width=0)
    with pytest.raises(ValueError, match=r"penalties must be positive.*got 0\.0 and 3\.0"):
        FactorSettings(taste_penalty=0.0)
    none = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="expected ratings to factorise, got none"):
        RatingFactors(none, none, none.astype(np.float32), 1, 1)
