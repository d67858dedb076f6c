"""What lists of items earn a platform, and the lift of one ranker over another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.ab_test.answers import Answers
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate

Array = NDArray[np.float64]

PER_REQUESTS = 1000.0


@dataclass(frozen=True)
class ListGains:
    """Actual or expected gains of each of `R` requests.

    Args:
      clicks, orders: [R] how many.
      visits_with_order: [R] 1 if anything was ordered, or the chance that something is.
      value: [R] sum of the prices of what was ordered, in money.
    """

    clicks: Array
    orders: Array
    visits_with_order: Array
    value: Array

    @classmethod
    def of(cls, answers: Answers, price: Array) -> "ListGains":
        """Computes the gains of lists.

        Args:
          answers: Probabilities, or 0 and 1, [R, S].
          price: [R, S] prices of the items shown.
        """
        return cls(
            clicks=answers.click.sum(axis=1),
            orders=answers.order.sum(axis=1),
            # given the list, items are answered independently of each other
            visits_with_order=1 - np.prod(1 - answers.order, axis=1),
            value=(answers.order * price).sum(axis=1),
        )


def per_thousand(
    bootstrap: ClusterBootstrap,
    groups: NDArray[np.int64],
    gain: Array,
    kept: NDArray[np.bool_] | None = None,
) -> Estimate:
    """A gain per 1,000 requests, with users resampled.

    Args:
      bootstrap: Resamples; equal ones make estimates paired.
      groups: [R] user group of each request.
      gain: [R] what each request brought.
      kept: [R] requests that count; by default all.
    """
    if kept is not None:
        groups, gain = groups[kept], gain[kept]
    if not len(gain):
        return bootstrap.undefined("no request")
    found = bootstrap.mean(gain, groups)
    return Estimate(PER_REQUESTS * found.value, PER_REQUESTS * found.replicates, found.note)


def lift(estimate: Estimate, reference: Estimate) -> Estimate:
    """The lift in percent, `100 (estimate / reference - 1)`, replicate by replicate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 100 * (np.divide(estimate.value, reference.value) - 1)
        replicates = 100 * (estimate.replicates / reference.replicates - 1)
    replicates = np.where(np.isfinite(replicates), replicates, np.nan)
    note = estimate.note or reference.note
    if not np.isfinite(value):
        return Estimate(float("nan"), replicates, note or "the reference has none")
    return Estimate(float(value), replicates, note)
