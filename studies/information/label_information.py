"""A lower bound on the information of many columns about a label, from a linear model."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit  # type: ignore[import-untyped]

from studies.information.mutual_information import as_points, standardised
from tfrec_mt.metrics.inputs import as_groups, as_labels
from tfrec_mt.schema import DataError

_STEPS = 25
# Newton's method stops once no coefficient changes by more than this.
_SETTLED = 1e-4


def label_information(
    code: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    folds: int = 5,
    penalty: float = 100.0,
) -> float:
    """Lower bound, in nats, on what a code tells about a label: the mean of `label_gains`."""
    return float(label_gains(code, labels, groups, folds, penalty).mean())


def label_gains(
    code: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    folds: int = 5,
    penalty: float = 100.0,
) -> NDArray[np.float64]:
    """Gain of a linear model of the code over the label's rate, for each row, in nats.

    The gain is `ln q(y | code) - ln q(y)`, both fitted to the other folds: q(y | code) is a ridge
    logistic regression, q(y) the rate. As no q predicts better than the truth, the expected gain is
    at most `I(code; y)`. Rare labels do not turn this lower bound into an overestimate, as they may
    with counts of cells or neighbours in many columns. It misses what is not linear in the code,
    and what fitting so few rows costs, about `d / (2 n)` without penalty.

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
    """Fold of each row, `[n]`; groups are dealt at random, as logs may be periodic."""
    distinct, place = np.unique(groups, return_inverse=True)
    return np.random.default_rng(0).permutation(len(distinct))[place] % folds


def _fit(
    columns: NDArray[np.float64], positive: NDArray[np.bool_], penalty: float, prior: float
) -> NDArray[np.float64]:
    """Fits intercept and coefficients by Newton's method, starting from the rate alone.

    A step that does not lower the loss is halved until it does.
    """
    design = np.column_stack([np.ones(len(columns)), columns])
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 1e-9  # the intercept is not penalised
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
