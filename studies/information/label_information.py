"""How much many columns tell about a label at the least: what a linear reader finds."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit  # type: ignore[import-untyped]

from studies.information.mutual_information import as_points, standardised
from tfrec_mt.metrics.inputs import as_groups, as_labels
from tfrec_mt.schema import DataError

_STEPS = 25
# Largest change of a coefficient with which Newton's steps end.
_SETTLED = 1e-4


def label_information(
    code: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    folds: int = 5,
    penalty: float = 100.0,
) -> float:
    """Mean of `label_gains`: nats by which a code tells a label, at the least."""
    return float(label_gains(code, labels, groups, folds, penalty).mean())


def label_gains(
    code: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    folds: int = 5,
    penalty: float = 100.0,
) -> NDArray[np.float64]:
    """By how much a linear reader of the code predicts each row's label better than its rate does.

    `ln q(y | code) - ln q(y)`, both fitted to the other folds: q(y | code) a ridge logistic
    regression, q(y) the rate. As no q predicts better than the truth does, the expectation is at
    most `I(code; y)`: a bound from below, which rare labels do not turn into an overestimate, as a
    count of cells or neighbours in many columns may. It misses what is not linear in the code, and
    what a fit to so few rows costs, about `d / (2 n)` without penalty.

    Args:
      code: `[n, d]` or `[n]`.
      labels: `[n]`, 0 or 1.
      groups: `[n]` integers; the rows of a group are never divided between fit and measurement,
        such as those of a user. None: each row by itself.
      folds: Into how many parts the groups are dealt.
      penalty: Half of it times the square of each coefficient is added to the sum of losses, with
        columns of deviation 1. 100 expects a column to move the log-odds by about 0.1.

    Returns:
      `[n]` nats; their mean may be below 0 where there is nothing to find.

    Raises:
      DataError: Another shape, a value that is not finite, a label that is not 0 or 1, groups that
        are no integers, a penalty that is not positive, or rows outside a fold that lack a label.
    """
    points = as_points(code, "code")
    positive = as_labels(labels)
    of = as_groups(np.arange(positive.size) if groups is None else groups, positive.size)
    if len(points) != positive.size:
        raise DataError(f"code: expected {positive.size} rows, one per label, got {len(points)}")
    if not np.issubdtype(of.dtype, np.integer):
        raise DataError(f"groups: expected integers, got {of.dtype}")
    if folds < 2 or not penalty > 0:
        raise DataError(f"expected 2 folds or more and a positive penalty, got {folds}, {penalty}")
    scaled, fold = standardised(points), _folds(of, folds)
    gains = np.zeros(positive.size)
    for number in range(folds):
        held, rest = fold == number, fold != number
        rate = positive[rest].mean() if rest.any() else 0.0
        if not 0 < rate < 1:
            raise DataError(f"labels: expected both 0 and 1 outside fold {number}, got only one")
        prior = np.log(rate / (1 - rate))
        weights = _fit(scaled[rest], positive[rest], penalty, prior)
        chance = scaled[held] @ weights[1:] + weights[0]
        gains[held] = _log_chance(chance, positive[held]) - _log_chance(
            np.full(chance.shape, prior), positive[held]
        )
    return gains


def _folds(groups: NDArray[np.generic], folds: int) -> NDArray[np.int64]:
    """`[n]` fold of each row: groups are dealt at random, as logs have periods of their own."""
    distinct, place = np.unique(groups, return_inverse=True)
    return np.random.default_rng(0).permutation(len(distinct))[place] % folds


def _fit(
    columns: NDArray[np.float64], positive: NDArray[np.bool_], penalty: float, prior: float
) -> NDArray[np.float64]:
    """Intercept and coefficients by Newton's method, from the rate without columns.

    A step that does not lower the loss is halved until it does.
    """
    design = np.column_stack([np.ones(len(columns)), columns])
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 1e-9  # the rate is free
    weights = np.zeros(design.shape[1])
    weights[0] = prior

    def loss(at: NDArray[np.float64]) -> float:
        return float(0.5 * ridge @ at**2 - _log_chance(design @ at, positive).sum())

    before = loss(weights)
    for _ in range(_STEPS):
        chance = expit(design @ weights)
        gradient = design.T @ (chance - positive) + ridge * weights
        curvature = (design * (chance * (1 - chance))[:, np.newaxis]).T @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        while (after := loss(weights - step)) > before and np.abs(step).max() > _SETTLED:
            step = step / 2
        weights, before = weights - step, after
        if np.abs(step).max() <= _SETTLED:
            break
    return weights


def _log_chance(logit: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    return -np.logaddexp(0.0, np.where(positive, -logit, logit))
