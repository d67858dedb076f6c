"""`RankedImpressions`: candidates of many impressions, sorted by score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.inputs import as_labels, as_scores
from tfrec_mt.schema import DataError


@dataclass(frozen=True)
class RankedImpressions:
    """Runs of equally scored candidates, best first, of `n` impressions.

    All metrics of an impression follow from its runs: candidates of one run are unordered, so a
    metric is averaged over all their possible orders.

    Args:
      sizes: int64 `[n]` candidates.
      clicks: int64 `[n]` clicked candidates.
      impression: int64 `[R]` impression of each of the R runs.
      above: int64 `[R]` candidates of the impression with a higher score.
      run_sizes: int64 `[R]` candidates of the run.
      run_clicks: int64 `[R]` clicked candidates of the run.
    """

    sizes: NDArray[np.int64]
    clicks: NDArray[np.int64]
    impression: NDArray[np.int64]
    above: NDArray[np.int64]
    run_sizes: NDArray[np.int64]
    run_clicks: NDArray[np.int64]

    @classmethod
    def create(
        cls, clicked: ArrayLike, scores: ArrayLike, offsets: ArrayLike
    ) -> "RankedImpressions":
        """Sorts the candidates of each impression; arguments as in `impression_metrics`.

        Raises:
          DataError: A shape does not fit, a label is not 0 or 1, a score is not finite, the
            offsets do not ascend from 0 to N, or an impression is empty.
        """
        hits = as_labels(clicked, "clicked")
        values = as_scores(scores, hits.size)
        starts = as_offsets(offsets, hits.size)
        sizes = np.diff(starts)
        owner = np.repeat(np.arange(sizes.size), sizes)
        order = np.lexsort((-values, owner))
        ordered = values[order]
        first = np.ones(hits.size, bool)
        first[1:] = (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])
        runs = np.flatnonzero(first)
        impression = owner[runs]
        run_clicks = np.add.reduceat(hits[order].astype(np.int64), runs) if runs.size else runs
        return cls(
            sizes=sizes,
            clicks=np.bincount(owner, hits, sizes.size).astype(np.int64),
            impression=impression,
            above=runs - starts[impression],
            run_sizes=np.diff(np.append(runs, hits.size)),
            run_clicks=run_clicks,
        )

    def discounted(self, discounts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of the discounts at the places of the clicked candidates, `[n]`.

        Args:
          discounts: `[M]` discount of each place from the first; M is at least the largest size.
        """
        total = np.concatenate([[0.0], np.cumsum(discounts)])
        mean = (total[self.above + self.run_sizes] - total[self.above]) / self.run_sizes
        gained = np.bincount(self.impression, self.run_clicks * mean, self.sizes.size)
        return np.asarray(gained, np.float64)


def as_offsets(offsets: ArrayLike, rows: int, where: str = "offsets") -> NDArray[np.int64]:
    """Offsets `[n + 1]` of lists that are not empty and hold `rows` elements in total.

    Raises:
      DataError: They do not ascend from 0 to `rows`.
    """
    values = np.asarray(offsets)
    if (
        values.ndim != 1
        or not values.size
        or not np.issubdtype(values.dtype, np.integer)
        or values[0] != 0
        or values[-1] != rows
        or np.any(np.diff(values) < 1)
    ):
        raise DataError(
            f"{where}: expected whole numbers that ascend from 0 to {rows}, the number of "
            f"candidates, got {values.dtype} {np.array2string(values, threshold=6)}"
        )
    return values.astype(np.int64)
