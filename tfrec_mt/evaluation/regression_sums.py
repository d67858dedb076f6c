"""`RegressionSums`: errors of predicted numbers, added up per domain and group of users."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap, add_at
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.metrics.calibration import DEFAULT_BINS, CalibrationBin

REGRESSION_METRICS = ("rmse", "mae", "calibration")


class RegressionSums:
    """Sums behind RMSE, MAE and calibration of one model in one topic.

    Args:
      domains: Number of domains of the topic.
      bootstrap: Resamples, shared by all models that are compared.
    """

    def __init__(self, domains: int, bootstrap: ClusterBootstrap) -> None:
        self._bootstrap = bootstrap
        self._counts = np.zeros(domains, np.int64)
        # [N, G] weights of rows, and of squared and absolute errors, predictions and labels
        self._sums = np.zeros((5, domains, bootstrap.groups))
        # edges between tenths of the first rows' predictions, and [3, 10] sums by tenth
        self._edges: NDArray[np.float64] | None = None
        self._tenths = np.zeros((3, DEFAULT_BINS))

    def add(
        self,
        labels: NDArray[np.floating],
        predicted: NDArray[np.floating],
        group: NDArray[np.int64],
        codes: NDArray[np.integer],
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        """Counts labelled rows `[B]`; codes are a domain's place plus one, 0 for no domain."""
        kept = np.flatnonzero(codes)
        weight = np.ones(kept.size) if weights is None else weights[kept]
        self._counts += np.bincount(codes[kept] - 1, minlength=self._counts.size)
        actual, found = (values[kept].astype(np.float64) for values in (labels, predicted))
        place = (codes[kept].astype(np.int64) - 1) * self._bootstrap.groups + group[kept]
        error = found - actual
        ones = np.ones(kept.size)
        for sums, values in zip(
            self._sums, (ones, error**2, np.abs(error), found, actual), strict=True
        ):
            add_at(sums, place, weight * values)
        if not kept.size:
            return
        if self._edges is None:
            shares = np.arange(1, DEFAULT_BINS) / DEFAULT_BINS
            self._edges = np.unique(np.quantile(found, shares))
        tenth = np.searchsorted(self._edges, found, side="right")
        for sums, values in zip(self._tenths, (ones, found, actual), strict=True):
            add_at(sums, tenth, weight * values)

    def size(self, domain: int) -> int:
        """Number of rows of the domain at a position in the topic."""
        return int(self._counts[domain])

    def estimate(self, metric: str, domain: int) -> Estimate:
        """A metric on a domain: `rmse` or `mae` in the label's unit, or `calibration`.

        Calibration is the sum of predictions over that of labels.
        """
        rows, squared, absolute, found, actual = self._sums[:, domain]
        if not rows.any():
            return self._bootstrap.undefined("no rows with a label")
        if metric == "calibration":
            if actual.sum() == 0:
                return self._bootstrap.undefined("the labels add up to 0")
            return self._bootstrap.ratio(found, actual)
        if metric == "mae":
            return self._bootstrap.ratio(absolute, rows)
        mean = self._bootstrap.ratio(squared, rows)
        return dataclasses.replace(
            mean, value=math.sqrt(mean.value), replicates=np.sqrt(mean.replicates)
        )

    def tenths(self) -> list[CalibrationBin]:
        """Mean prediction against mean label, by tenths of the rows in order of prediction."""
        return [
            CalibrationBin(float(found / rows), float(actual / rows), int(rows))
            for rows, found, actual in self._tenths.T
            if rows
        ]
