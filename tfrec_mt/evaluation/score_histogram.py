"""Counts of one model's scores on the domains of one topic, in memory that does not grow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.score_grid import COARSE_BINS, FINE_BINS, coarse_bins


@dataclass(frozen=True)
class ScoredRows:
    """A block of rows scored by one model for one task.

    Args:
      positive: `[B]` labels.
      predicted: `[B]` probabilities.
      loss: `[B]` cross-entropy of each row, in nats.
      fine: `[B]` fine bin of the score.
      group: `[B]` user group, in `0..G - 1`.
    """

    positive: NDArray[np.bool_]
    predicted: NDArray[np.float32]
    loss: NDArray[np.float64]
    fine: NDArray[np.int64]
    group: NDArray[np.int64]


class ScoreHistogram:
    """Scores counted per domain: finely for values, coarsely per user group for intervals.

    Args:
      domains: Number of domains of the topic.
      groups: Number of user groups.

    Attributes:
      coarse_of_fine: `[FINE_BINS]` coarse bin of each fine bin; set by the first rows.
      rows: `[N, 2, FINE_BINS]` rows per domain, label and fine bin of the score.
      predicted: `[N, FINE_BINS]` sums of predicted probabilities.
      group_rows: `[N, G, 2, COARSE_BINS]` rows per domain, group, label and coarse bin.
      group_predicted: `[N, G]` sums of predicted probabilities.
      group_loss: `[N, G]` sums of cross-entropy, in nats.
    """

    def __init__(self, domains: int, groups: int) -> None:
        self.coarse_of_fine = np.zeros(FINE_BINS, np.intp)
        self.rows = np.zeros((domains, 2, FINE_BINS), np.int32)
        self.predicted = np.zeros((domains, FINE_BINS), np.float64)
        self.group_rows = np.zeros((domains, groups, 2, COARSE_BINS), np.int32)
        self.group_predicted = np.zeros((domains, groups), np.float64)
        self.group_loss = np.zeros((domains, groups), np.float64)

    def add(self, scored: ScoredRows, codes: NDArray[np.int32]) -> None:
        """Counts a block of rows.

        Args:
          scored: The rows.
          codes: `[B]` domain codes, a domain's place plus one; rows with 0 are in no domain.
        """
        kept = np.flatnonzero(codes)
        if not kept.size:
            return
        domain = codes[kept].astype(np.int64) - 1
        label = scored.positive[kept].astype(np.int64)
        fine = scored.fine[kept]
        if not self.rows.any():
            self.coarse_of_fine = coarse_bins(np.bincount(fine, minlength=FINE_BINS))
        coarse = self.coarse_of_fine[fine]
        predicted = scored.predicted[kept].astype(np.float64)
        by_group = domain * self.group_loss.shape[1] + scored.group[kept]
        _count(self.rows, (domain * 2 + label) * FINE_BINS + fine)
        _count(self.group_rows, (by_group * 2 + label) * COARSE_BINS + coarse)
        np.add.at(self.predicted.reshape(-1), domain * FINE_BINS + fine, predicted)
        np.add.at(self.group_predicted.reshape(-1), by_group, predicted)
        np.add.at(self.group_loss.reshape(-1), by_group, scored.loss[kept])


def _count(counts: NDArray[np.int32], places: NDArray[np.int64]) -> None:
    # With a value of the same type as the counts NumPy takes its fast path.
    np.add.at(counts.reshape(-1), places, np.int32(1))
