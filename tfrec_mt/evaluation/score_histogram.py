"""Counts one model's scores on the domains of one topic, in constant memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.metrics.calibration import equal_mass_bins
from tfrec_mt.metrics.log_loss import LOG_LOSS_EPSILON

# The logits of every probability that float32 tells apart from 0 and 1, in steps of 1/128.
# Treating all rows of a bin as tied moves AUC by at most half the share of positive-negative pairs
# within one bin; measured: by less than 2e-4 where logits deviate by 0.1 (13 bins).
MAX_LOGIT = 16.0
FINE_BINS = 4096
# Bins of the bootstrap, which needs the spread of a metric and not its value.
COARSE_BINS = 128
# Pseudo-rows of the coarse bins, spread evenly over the logits, so that a few rows alone do not
# decide where bins lie.
_PRIOR_ROWS = 1024


@dataclass(frozen=True)
class ScoredRows:
    """A block of rows scored by one model for one task.

    Args:
      positive: `[B]` labels.
      predicted: `[B]` probabilities.
      loss: `[B]` cross-entropy of each row, in nats, clipped as in `log_loss`.
      fine: `[B]` bin of the logit, in `0..FINE_BINS - 1`.
      group: `[B]` user group, in `0..G - 1`.
      weight: `[B]` how much each row counts; None: once.
    """

    positive: NDArray[np.bool_]
    predicted: NDArray[np.float32]
    loss: NDArray[np.float64]
    fine: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None

    @classmethod
    def create(
        cls,
        positive: NDArray[np.bool_],
        predicted: NDArray[np.float32],
        group: NDArray[np.int64],
        weight: NDArray[np.float64] | None = None,
    ) -> "ScoredRows":
        """Computes loss and bin of each row."""
        clipped = np.clip(predicted.astype(np.float64), LOG_LOSS_EPSILON, 1 - LOG_LOSS_EPSILON)
        log_p, log_not_p = np.log(clipped), np.log1p(-clipped)
        bins = (log_p - log_not_p + MAX_LOGIT) * (FINE_BINS / (2 * MAX_LOGIT))
        fine = np.clip(bins, 0, FINE_BINS - 1).astype(np.int64)
        loss = -np.where(positive, log_p, log_not_p)
        return cls(positive, predicted, loss, fine, group, weight)


class ScoreHistogram:
    """Scores counted per domain: finely for values, coarsely per user group for intervals.

    Args:
      domains: Number of domains of the topic.
      groups: Number of user groups.
      weighted: Whether rows have weights; what follows is then sums of weights, not of rows.

    Attributes:
      counts: `[N, 2]` rows per domain and label, whatever their weight.
      coarse_of_fine: `[FINE_BINS]` coarse bin of each fine bin. The first block of rows sets them
        so that they share its rows evenly, which resolves scores that lie close together.
      rows: `[N, 2, FINE_BINS]` rows per domain, label and fine bin of the score.
      predicted: `[N, FINE_BINS]` sums of predicted probabilities.
      group_rows: `[N, G, 2, COARSE_BINS]` rows per domain, group, label and coarse bin.
      group_predicted: `[N, G]` sums of predicted probabilities.
      group_loss: `[N, G]` sums of cross-entropy, in nats.
    """

    def __init__(self, domains: int, groups: int, weighted: bool = False) -> None:
        kind = np.float64 if weighted else np.int32
        self.counts = np.zeros((domains, 2), np.int64)
        self.coarse_of_fine = np.zeros(FINE_BINS, np.intp)
        self.rows = np.zeros((domains, 2, FINE_BINS), kind)
        self.predicted = np.zeros((domains, FINE_BINS), np.float64)
        self.group_rows = np.zeros((domains, groups, 2, COARSE_BINS), kind)
        self.group_predicted = np.zeros((domains, groups), np.float64)
        self.group_loss = np.zeros((domains, groups), np.float64)

    def add(self, scored: ScoredRows, codes: NDArray[np.int32]) -> None:
        """Counts rows by domain codes `[B]`, a place plus one; 0 is no domain."""
        kept = np.flatnonzero(codes)
        if not kept.size:
            return
        domain = codes[kept].astype(np.int64) - 1
        label = scored.positive[kept].astype(np.int64)
        fine = scored.fine[kept]
        if not self.rows.any():
            seen = np.bincount(fine, minlength=FINE_BINS)
            self.coarse_of_fine = equal_mass_bins(seen + _PRIOR_ROWS / FINE_BINS, COARSE_BINS)
        coarse = self.coarse_of_fine[fine]
        predicted, loss = scored.predicted[kept].astype(np.float64), scored.loss[kept]
        weight = None
        if scored.weight is not None:
            weight = scored.weight[kept]
            predicted, loss = predicted * weight, loss * weight
        by_group = domain * self.group_loss.shape[1] + scored.group[kept]
        self.counts += np.bincount(domain * 2 + label, minlength=self.counts.size).reshape(-1, 2)
        _count(self.rows, (domain * 2 + label) * FINE_BINS + fine, weight)
        _count(self.group_rows, (by_group * 2 + label) * COARSE_BINS + coarse, weight)
        np.add.at(self.predicted.reshape(-1), domain * FINE_BINS + fine, predicted)
        np.add.at(self.group_predicted.reshape(-1), by_group, predicted)
        np.add.at(self.group_loss.reshape(-1), by_group, loss)

    def total(self) -> NDArray[np.number]:
        """Rows `[2, FINE_BINS]` of all domains."""
        return np.asarray(self.rows.sum(axis=0, dtype=np.result_type(self.rows, np.int64)))


def _count(
    counts: NDArray[np.number], places: NDArray[np.int64], weight: NDArray[np.float64] | None
) -> None:
    # With a value of the same type as the counts NumPy takes its fast path.
    np.add.at(counts.reshape(-1), places, np.int32(1) if weight is None else weight)
