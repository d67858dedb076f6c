"""`Estimate`: a number with its bootstrap replicates, and functions that combine several."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap replicates.

    Args:
      value: The number on the data as it is; NaN where it is not defined.
      replicates: `[R]` the number on resampled data; NaN where it is not defined.
      note: What the number rests on, or why there is none.
    """

    value: float
    replicates: NDArray[np.float64]
    note: str | None = None

    def interval(self) -> tuple[float | None, float | None]:
        """The 95% percentile interval, `(None, None)` where most replicates are not defined."""
        defined = self.replicates[np.isfinite(self.replicates)]
        if math.isnan(self.value) or 2 * defined.size < self.replicates.size:
            return None, None
        low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def noted(self, note: str) -> "Estimate":
        """The same estimate with one more note."""
        return dataclasses.replace(self, note=f"{self.note}; {note}" if self.note else note)


def difference(estimate: Estimate, reference: Estimate) -> Estimate:
    """`estimate - reference`, replicate by replicate, so that what both share cancels."""
    return Estimate(
        estimate.value - reference.value,
        estimate.replicates - reference.replicates,
        estimate.note or reference.note,
    )


def mean(estimates: Sequence[Estimate], what: str = "domains") -> Estimate:
    """The plain mean of the estimates that are defined; if some are not, the note counts them.

    Args:
      estimates: At least one.
      what: What is averaged over, for the note.
    """
    defined = [estimate for estimate in estimates if not math.isnan(estimate.value)]
    if not defined:
        return Estimate(math.nan, estimates[0].replicates, f"not defined in any of the {what}")
    some = f"mean of {len(defined)} of {len(estimates)} {what}"
    return Estimate(
        float(np.mean([estimate.value for estimate in defined])),
        np.mean([estimate.replicates for estimate in defined], axis=0),
        some if len(defined) < len(estimates) else None,
    )


def share(estimate: Estimate, baseline: Estimate, best: Estimate) -> Estimate:
    """`(estimate - baseline) / (best - baseline)`: 0 is the baseline, 1 is the best possible.

    Not defined where the best does not lead the baseline, in the data or in a replicate.
    """
    lead = best.value - baseline.value
    leads = best.replicates - baseline.replicates
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = (estimate.replicates - baseline.replicates) / leads
    replicates = np.where(leads > 0, replicates, math.nan)
    note = estimate.note or baseline.note or best.note
    if lead > 0:
        return Estimate((estimate.value - baseline.value) / lead, replicates, note)
    found = f"no lead to share: best {best.value:.4f}, baseline {baseline.value:.4f}"
    return Estimate(math.nan, replicates, note or found)
