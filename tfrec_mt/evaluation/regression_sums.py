"""`RegressionSums`: errors of predicted numbers, added up per domain and group of users."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.metrics.calibration_bins import DEFAULT_BINS, CalibrationBin

REGRESSION_METRICS = ("rmse", "mae", "calibration")


class RegressionSums:
    """What RMSE, MAE and calibration of one model in one topic are made of.

    Args:
      domains: Number of domains of the topic.
      bootstrap: Resamples, the same for all that is to be compared.
    """

    def __init__(self, domains: int, bootstrap: ClusterBootstrap) -> None:
        self._bootstrap = bootstrap
        # [N, G] rows, and sums of squared and absolute errors, predictions and labels
        self._sums = np.zeros((5, domains, bootstrap.groups))
        # between tenths of the predictions of the first rows, and [3, 10] sums by tenth
        self._edges: NDArray[np.float64] | None = None
        self._tenths = np.zeros((3, DEFAULT_BINS))

    def add(
        self,
        labels: NDArray[np.floating],
        predicted: NDArray[np.floating],
        group: NDArray[np.int64],
        codes: NDArray[np.integer],
    ) -> None:
        """Counts a block of rows `[B]`, all of them labelled.

        Args:
          labels: The numbers.
          predicted: Predictions of them.
          group: User groups.
          codes: Domain codes, a domain's place plus one; rows with 0 are in no domain.
        """
        kept = np.flatnonzero(codes)
        actual, found = (values[kept].astype(np.float64) for values in (labels, predicted))
        domains, groups = self._sums.shape[1:]
        place = (codes[kept].astype(np.int64) - 1) * groups + group[kept]
        error = found - actual
        for sums, values in zip(
            self._sums, (np.ones(kept.size), error**2, np.abs(error), found, actual), strict=True
        ):
            sums += np.bincount(place, values, domains * groups).reshape(domains, groups)
        if not kept.size:
            return
        if self._edges is None:
            shares = np.arange(1, DEFAULT_BINS) / DEFAULT_BINS
            self._edges = np.unique(np.quantile(found, shares))
        tenth = np.searchsorted(self._edges, found, side="right")
        for sums, values in zip(self._tenths, (np.ones(kept.size), found, actual), strict=True):
            sums += np.bincount(tenth, values, DEFAULT_BINS)

    def size(self, domain: int) -> int:
        """Rows of a domain, by its place."""
        return int(self._sums[0, domain].sum())

    def estimate(self, metric: str, domain: int) -> Estimate:
        """One of `REGRESSION_METRICS` on a domain.

        `rmse` and `mae` are in the label's unit; `calibration` is the sum of predictions over that
        of labels.
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
