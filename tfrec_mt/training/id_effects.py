"""Effects of ids on a label: a generalised linear model with one shrunk number per id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SWEEPS = 30
# The most that an effect may move in a sweep: further away, the curvature is no guide.
_LONGEST_STEP = 1.0
# Effects with a standard deviation below a hundredth of a logit are dropped.
_LEAST_VARIANCE = 1e-4
# Sweeps before variances are learned: earlier, effects have not settled.
_WARM_UP = 2
# Mean movement of a row's logit in a sweep below which a fit has converged.
_STILL = 1e-3


class Ids:
    """One kind of id in `[n]` rows, each with one or, in a bag, several.

    A bag's effect is the mean of its ids' effects.

    Args:
      codes: `[n]`, or `[n, m]` where 0 is an empty place.
      size: Number of codes.
    """

    def __init__(self, codes: NDArray[Any], size: int) -> None:
        self.size = size
        self._codes = codes
        self._rows: NDArray[np.int64] | None = None
        if codes.ndim == 2:
            held = codes > 0
            self._rows = np.flatnonzero(held.any(axis=1)).repeat(held.sum(axis=1)[held.any(axis=1)])
            self._codes = codes[held]
            self._shares = (1.0 / held.sum(axis=1).clip(1))[self._rows]
            self._count = len(codes)

    def sums(self, values: Floats) -> Floats:
        """Sums of rows' values `[n]` by id, `[size]`."""
        if self._rows is not None:
            values = values[self._rows] * self._shares
        return np.asarray(np.bincount(self._codes, values, self.size), np.float64)

    def curvatures(self, values: Floats) -> Floats:
        """Curvatures of ids from those of rows' logits `[n]`, `[size]`; of a bag, a bound."""
        return self.sums(values)

    def spread(self, effects: Floats) -> Floats:
        """Each row's effect, `[size]` to `[n]`."""
        if self._rows is None:
            return np.asarray(effects[self._codes])
        found = np.bincount(self._rows, effects[self._codes] * self._shares, self._count)
        return np.asarray(found, np.float64)


class Slopes(Ids):
    """One kind of id whose effect on a row is in proportion to a number of the row.

    Args:
      codes: `[n]`.
      size: Number of codes.
      along: The numbers `[n]`.
    """

    def __init__(self, codes: NDArray[Any], size: int, along: Floats) -> None:
        super().__init__(codes, size)
        self._along = along

    def sums(self, values: Floats) -> Floats:
        return super().sums(values * self._along)

    def curvatures(self, values: Floats) -> Floats:
        return super().sums(values * self._along**2)

    def spread(self, effects: Floats) -> Floats:
        return super().spread(effects) * self._along


class Effects(NamedTuple):
    """The result of `fit_effects`.

    Attributes:
      mean: Logit, or value, of a row without effects; 0 where it was not learned.
      values: Effects `[size]` of each kind; 0 for ids that were in no row.
      variances: Of each kind's effects; 0 for a kind that carries no information.
    """

    mean: float
    values: list[Floats]
    variances: list[float]

    def __call__(self, kinds: Sequence[Ids]) -> Any:
        """Sums of the effects in other rows, `[n]`."""
        total: Any = self.mean
        for ids, effects in zip(kinds, self.values, strict=True):
            total = total + ids.spread(effects)
        return total


def fit_effects(
    labels: Floats,
    kinds: Sequence[Ids],
    *,
    binary: bool = True,
    weights: Floats | None = None,
    offsets: Floats | None = None,
    variances: Sequence[float] | None = None,
    sweeps: int = SWEEPS,
) -> Effects:
    """Fits `logit = offset + mean + the effects of a row's ids`, where effects are N(0, variance).

    Takes Newton steps, one kind of id after the other: a row has one id of each kind, so the
    curvature is diagonal (for a bag, a diagonal bound). Variances are learned by the fixed point of
    the marginal likelihood and go to 0 where ids carry no information:
    `sum(effects^2) / (number - sum(posterior variances) / variance)`.

    Args:
      labels: `[n]`, 0 or 1, or numbers.
      kinds: The rows' ids.
      binary: Whether labels are 0 or 1. Else squares are minimised, their variance learned.
      weights: `[n]` how much each row counts, at least 0; None: 1.
      offsets: `[n]` what another model says of each row; None: a mean is learned.
      variances: Of each kind, which are then not learned.
      sweeps: At most.

    Example:
      >>> users = Ids(np.array([0, 0, 0, 1, 1, 1]), 2)
      >>> effects = fit_effects(np.array([1.0, 1, 1, 0, 0, 1]), [users], variances=[1.0])
      >>> effects.values[0][0] > 0 > effects.values[0][1]
      True

    Reference:
      Schall 1991, Estimation in Generalized Linear Models with Random Effects.
    """
    fit = _Fit(labels, kinds, binary, weights, offsets, variances)
    for sweep in range(sweeps):
        moved = fit.sweep(learned=variances is None and sweep >= _WARM_UP)
        if sweep > _WARM_UP and moved < _STILL:
            break
    return Effects(fit.mean, fit.values, fit.variances)


@dataclass
class _Curve:
    """Slope `[n]` and curvature `[n]` of the log likelihood in each row's logit."""

    slope: Floats
    curvature: Floats


class _Fit:
    """The state of a fit."""

    def __init__(
        self,
        labels: Floats,
        kinds: Sequence[Ids],
        binary: bool,
        weights: Floats | None,
        offsets: Floats | None,
        variances: Sequence[float] | None,
    ) -> None:
        self._labels, self._kinds, self._binary = labels, kinds, binary
        self._weights = np.ones(len(labels)) if weights is None else weights
        self._known = [ids.curvatures(self._weights) > 0 for ids in kinds]
        self._has_mean = offsets is None
        self.mean = 0.0
        self.values = [np.zeros(ids.size) for ids in kinds]
        self._noise = 1.0
        if offsets is None:
            mean = np.average(labels, weights=self._weights)
            if binary:
                least = 1 / (2 * self._weights.sum() + 2)
                self._furthest = float(np.log(1 / least - 1))
                mean = np.clip(mean, least, 1 - least)
                mean = np.log(mean / (1 - mean))
            self.mean = float(mean)
        self._logits = np.full(len(labels), self.mean) if offsets is None else offsets.copy()
        if not binary:
            self._noise = max(self._spread(), _LEAST_VARIANCE)
        start = 0.1 if binary else 0.1 * self._noise
        self.variances = [start] * len(kinds) if variances is None else list(variances)

    def sweep(self, learned: bool) -> float:
        """One step of everything; returns how far the rows' logits moved on average."""
        before = self._logits.copy()
        if self._has_mean:
            curve = self._curve()
            step = float(np.clip(curve.slope.sum() / curve.curvature.sum(), -1, 1))
            if self._binary:  # labels of a single class would push the mean to infinity
                step = float(np.clip(self.mean + step, -self._furthest, self._furthest)) - self.mean
            self.mean += step
            self._logits += step
        for place, ids in enumerate(self._kinds):
            if self.variances[place] > 0:
                self._step(place, ids, learned)
        if not self._binary:
            self._noise = max(self._spread(), _LEAST_VARIANCE)
        moved: float = np.average(np.abs(self._logits - before), weights=self._weights)
        return moved / np.sqrt(self._noise)

    def _step(self, place: int, ids: Ids, learned: bool) -> None:
        effects, variance = self.values[place], self.variances[place]
        curve = self._curve()
        slope = ids.sums(curve.slope) - effects / variance
        curvature = ids.curvatures(curve.curvature) + 1.0 / variance
        longest = _LONGEST_STEP * np.sqrt(self._noise)
        step = np.clip(slope / curvature, -longest, longest)
        effects += step
        self._logits += ids.spread(step)
        if not learned:
            return
        known = self._known[place]
        told = known.sum() - (1.0 / curvature[known]).sum() / variance
        squares = float((effects[known] ** 2).sum())
        new = squares / told if told > 0 else 0.0
        if new < _LEAST_VARIANCE * self._noise:
            self._logits -= ids.spread(effects)
            effects[:] = new = 0.0
        self.variances[place] = new

    def _curve(self) -> _Curve:
        if not self._binary:
            scaled = self._weights / self._noise
            return _Curve(scaled * (self._labels - self._logits), scaled)
        chance = 1.0 / (1.0 + np.exp(-self._logits))
        # rows that are certain must not leave a curvature of 0 to divide by
        curvature = self._weights * np.maximum(chance * (1.0 - chance), 1e-9)
        return _Curve(self._weights * (self._labels - chance), curvature)

    def _spread(self) -> float:
        squares = (self._labels - self._logits) ** 2
        return float(np.average(squares, weights=self._weights))
