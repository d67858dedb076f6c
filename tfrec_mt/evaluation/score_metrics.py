"""AUC, log loss and calibration with bootstrap replicates, from counted scores."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.score_histogram import COARSE_BINS, ScoreHistogram
from tfrec_mt.metrics.auc import auc_from_counts
from tfrec_mt.metrics.calibration import (
    DEFAULT_BINS,
    CalibrationBin,
    calibration_bins,
    calibration_error,
    equal_mass_bins,
)


class ScoreMetrics:
    """Metrics of one model on one cell.

    Args:
      histogram: Counts of the topic.
      domain: Place of the domain in the topic, from 0.
      bootstrap: Resamples, shared by all models that are compared.

    Attributes:
      rows: Number of rows.
      positives: Number of positives.
    """

    def __init__(self, histogram: ScoreHistogram, domain: int, bootstrap: ClusterBootstrap) -> None:
        # [2, FINE_BINS] and [FINE_BINS]
        of_domain = histogram.rows[domain]
        self._rows = of_domain.astype(np.result_type(of_domain, np.int64))
        self._predicted = histogram.predicted[domain]
        # [G, 2, COARSE_BINS], [G] and [G]
        self._group_rows = histogram.group_rows[domain].astype(np.float64)
        self._group_predicted = histogram.group_predicted[domain]
        self._group_loss = histogram.group_loss[domain]
        self._coarse_of_fine = histogram.coarse_of_fine
        self._bootstrap = bootstrap
        self.rows = int(histogram.counts[domain].sum())
        self.positives = int(histogram.counts[domain, 1])

    def auc(self) -> Estimate:
        """Area under the ROC curve."""
        if self.positives in (0, self.rows):
            return self._bootstrap.undefined(self._one_class())
        negative, positive = self._group_rows[:, 0], self._group_rows[:, 1]
        # [G, G] pairs won by the positives of one group over the negatives of another: the AUC of
        # a resample is a quadratic form of this, whatever the number of bins.
        won = positive @ (np.cumsum(negative, axis=1) - negative / 2).T
        weights = self._bootstrap.weights
        pairs = (weights @ positive.sum(axis=1)) * (weights @ negative.sum(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = ((weights @ won) * weights).sum(axis=1) / pairs
        value = auc_from_counts(self._rows[1], self._rows[0])
        # Coarse bins tie more pairs than fine ones do; only the spread is taken from them.
        coarse = auc_from_counts(positive.sum(axis=0), negative.sum(axis=0))
        return self._bootstrap.estimate(value, replicates + (value - coarse), self._clusters())

    def log_loss(self) -> Estimate:
        """Cross-entropy, in nats per row."""
        if not self.rows:
            return self._bootstrap.undefined(self._one_class())
        return self._bootstrap.ratio(self._group_loss, self._group_rows.sum(axis=(1, 2)))

    def calibration(self) -> Estimate:
        """Predicted over actual positives."""
        if not self.positives:
            return self._bootstrap.undefined(self._one_class())
        return self._bootstrap.ratio(self._group_predicted, self._group_rows[:, 1].sum(axis=1))

    def ece(self) -> Estimate:
        """Expected calibration error.

        A resample adds noise to noise, so its error is larger than the value on average; the
        replicates are shifted to have the value as their mean.
        """
        if not self.rows:
            return self._bootstrap.undefined(self._one_class())
        # [COARSE_BINS, bins] which coarse bins make up which calibration bin
        mass = self._group_rows.sum(axis=(0, 1))
        member = np.eye(DEFAULT_BINS)[equal_mass_bins(mass, DEFAULT_BINS)]
        # [G, bins] predicted less actual positives
        excess = (self._coarse_predicted(mass) - self._group_rows[:, 1]) @ member
        weights = self._bootstrap.weights
        gaps = np.abs(weights @ excess).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = gaps / (weights @ self._group_rows.sum(axis=(1, 2)))
        value = calibration_error(self.reliability())
        replicates = np.maximum(replicates + (value - np.nanmean(replicates)), 0)
        return self._bootstrap.estimate(value, replicates, self._clusters())

    def reliability(self, bins: int = DEFAULT_BINS) -> list[CalibrationBin]:
        """Predicted against actual rates, in bins of equal mass."""
        return calibration_bins(self._rows.sum(axis=0), self._rows[1], self._predicted, bins)

    def _coarse_predicted(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[G, COARSE_BINS]` predicted positives, every row at the mean of its bin."""
        total = np.bincount(self._coarse_of_fine, self._predicted, minlength=COARSE_BINS)
        return np.asarray(self._group_rows.sum(axis=1) * (total / np.where(mass > 0, mass, 1)))

    def _clusters(self) -> int:
        return int(np.count_nonzero(self._group_rows.sum(axis=(1, 2))))

    def _one_class(self) -> str:
        if not self.rows:
            return "no rows"
        return f"one class: {self.positives} positives in {self.rows} rows"
