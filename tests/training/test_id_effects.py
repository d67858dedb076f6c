"""Effects of ids against a plain dense fit, and the variances they are drawn with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tfrec_mt.training.id_effects import Effects, Ids, Slopes, fit_effects

ROWS, USERS, ITEMS = 1_500, 20, 15


def _design(codes: NDArray[Any], size: int) -> NDArray[np.float64]:
    """The dense matrix `[n, size]` that `Ids` stands for."""
    if codes.ndim == 1:
        return np.eye(size)[codes]
    held = codes > 0
    found = np.zeros((len(codes), size))
    for row, (of_row, filled) in enumerate(zip(codes, held, strict=True)):
        for code in of_row[filled]:
            found[row, code] += 1 / filled.sum()
    return found


def _world(binary: bool, seed: int = 0) -> tuple[NDArray[np.float64], list[NDArray[Any]]]:
    rng = np.random.default_rng(seed)
    users = rng.integers(0, USERS, ROWS)
    bags = rng.integers(0, ITEMS, (ROWS, 3))
    logits = -1 + rng.normal(size=USERS)[users] + _design(bags, ITEMS) @ rng.normal(size=ITEMS)
    noise = rng.normal(size=ROWS)
    labels = (rng.random(ROWS) < 1 / (1 + np.exp(-logits))) if binary else logits + 0.5 * noise
    return labels.astype(np.float64), [users, bags]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("offset", [True, False])
def test_a_fit_is_the_most_probable_one(binary: bool, offset: bool) -> None:
    labels, codes = _world(binary)
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 3, ROWS).astype(np.float64)
    offsets = rng.normal(size=ROWS) if offset else None
    sizes, variances = (USERS, ITEMS), (0.8, 0.3)
    found = fit_effects(
        labels,
        [Ids(of, size) for of, size in zip(codes, sizes, strict=True)],
        binary=binary,
        weights=weights,
        offsets=offsets,
        variances=variances,
        sweeps=300,
    )
    columns = [_design(of, size) for of, size in zip(codes, sizes, strict=True)]
    expected = _dense(labels, columns, variances, binary, weights, offsets)
    kinds = [Ids(of, size) for of, size in zip(codes, sizes, strict=True)]
    # sweeps stop where a row's logit moves less than a thousandth
    np.testing.assert_allclose(found(kinds), expected, atol=0.02)


@pytest.mark.parametrize("binary", [True, False])
def test_slopes_are_the_most_probable_ones(binary: bool) -> None:
    labels, (users, bags) = _world(binary)
    rng = np.random.default_rng(2)
    along = rng.normal(size=(2, ROWS))
    labels = np.where(along[0] * rng.normal(size=USERS)[users] > 1, 1.0, labels)
    variances = (0.8, 0.3, 0.5, 0.2)
    kinds = [Ids(users, USERS), Ids(bags, ITEMS), *(Slopes(users, USERS, z) for z in along)]
    found = fit_effects(labels, kinds, binary=binary, variances=variances, sweeps=300)
    design = [np.eye(USERS)[users], _design(bags, ITEMS)]
    design += [np.eye(USERS)[users] * z[:, np.newaxis] for z in along]
    expected = _dense(labels, design, variances, binary)
    np.testing.assert_allclose(found(kinds), expected, atol=0.02)


def test_slopes_that_are_noise_vanish_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    users, along = rng.integers(0, USERS, 8 * ROWS), rng.normal(size=(2, 8 * ROWS))
    slopes = 0.7 * rng.normal(size=USERS)
    labels = (rng.random(8 * ROWS) < 1 / (1 + np.exp(-along[0] * slopes[users]))).astype(float)
    found = fit_effects(labels, [Slopes(users, USERS, z) for z in along])
    assert found.variances[0] == pytest.approx(np.mean(slopes**2), rel=0.3)
    assert found.variances[1] < 0.02
    assert np.corrcoef(found.values[0], slopes)[0, 1] > 0.95


def _dense(
    labels: NDArray[np.float64],
    columns: Sequence[NDArray[np.float64]],
    variances: Sequence[float],
    binary: bool,
    weights: Any = None,
    offsets: Any = None,
) -> NDArray[np.float64]:
    """Logits by Newton's method in all effects at once, of design matrices of kinds of ids."""
    weights = np.ones(ROWS) if weights is None else weights
    x = np.concatenate([np.ones((ROWS, 1)) * (offsets is None), *columns], axis=1)
    precision = np.concatenate(
        [
            [float(offsets is not None)],
            *(
                np.full(n, 1 / v)
                for n, v in zip((c.shape[1] for c in columns), variances, strict=True)
            ),
        ]
    )
    found = np.zeros(x.shape[1])
    for _ in range(12):
        logits = x @ found + (0 if offsets is None else offsets)
        if binary:
            chance = 1 / (1 + np.exp(-logits))
            slope, curvature = weights * (labels - chance), weights * chance * (1 - chance)
        else:
            noise = np.average((labels - logits) ** 2, weights=weights)
            slope, curvature = weights * (labels - logits) / noise, weights / noise
        hessian = (x * curvature[:, None]).T @ x + np.diag(precision)
        found += np.linalg.solve(hessian, x.T @ slope - precision * found)
    return np.asarray(x @ found)


def test_a_weight_is_that_many_rows() -> None:
    labels, (users, _) = _world(binary=True)
    counts = np.random.default_rng(2).integers(0, 3, ROWS)
    weighted = fit_effects(labels, [Ids(users, USERS)], weights=counts.astype(np.float64))
    repeated = fit_effects(labels.repeat(counts), [Ids(users.repeat(counts), USERS)])
    np.testing.assert_allclose(weighted.values[0], repeated.values[0], atol=1e-9)
    assert weighted.variances == pytest.approx(repeated.variances)


def test_variances_are_those_of_the_world_and_0_where_ids_say_nothing() -> None:
    rng = np.random.default_rng(3)
    rows, size = 60_000, 300
    codes = [rng.integers(0, size, rows) for _ in range(3)]
    true = [np.sqrt(of) * rng.normal(size=size) for of in (0.5, 0.1, 0.0)]
    logits = -1 + sum(of[c] for of, c in zip(true, codes, strict=True))
    labels = (rng.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    found = fit_effects(labels, [Ids(of, size) for of in codes])
    assert found.variances[0] == pytest.approx(0.5, rel=0.25)
    assert found.variances[1] == pytest.approx(0.1, rel=0.35)
    assert found.variances[2] < 0.01
    assert np.corrcoef(found.values[0], true[0])[0, 1] > 0.95


def test_few_rows_of_one_class_do_not_run_away() -> None:
    for labels in (np.ones(5), np.zeros(5)):
        found = fit_effects(labels, [Ids(np.arange(5), 6)])
        assert np.isfinite(found.mean) and abs(found.mean) < 10
        assert np.isfinite(found.values[0]).all()
        assert found.values[0][5] == 0


def test_effects_of_other_rows() -> None:
    effects = Effects(0.5, [np.array([0.0, 1.0, 2.0]), np.array([0.0, 4.0, 8.0])], [1.0, 1.0])
    bags = np.array([[1, 2], [2, 0], [0, 0]])
    found = effects([Ids(np.array([2, 1, 0]), 3), Ids(bags, 3)])
    assert found.tolist() == [0.5 + 2 + 6, 0.5 + 1 + 8, 0.5]
