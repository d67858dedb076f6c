"""Cluster bootstrap: how far a metric would move with another sample of users."""

import math

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.hashing import splitmix64
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.schema import SchemaError


class ClusterBootstrap:
    """Resamples users, in groups formed by a hash of their id.

    A user's rows resemble each other, so resampling rows would give intervals that are too narrow.
    Hashing users to a fixed number of groups bounds the memory. All estimates use the same
    resamples, so differences between models are paired.

    Args:
      groups: Number of user groups, at least 2.
      replicates: Number of resamples, at least 2.
      seed: Seed of the resamples.

    Attributes:
      weights: `[R, G]` how often each resample drew each group.

    Raises:
      SchemaError: Fewer than 2 groups or resamples.

    Reference: B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993.
    """

    def __init__(self, groups: int = 200, replicates: int = 1000, seed: int = 0) -> None:
        if groups < 2 or replicates < 2:
            raise SchemaError(
                f"bootstrap: need at least 2 groups and 2 replicates, got {groups} and {replicates}"
            )
        self.groups = groups
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=replicates)
        self.weights: NDArray[np.float64] = drawn.astype(np.float64)

    def group_of(self, users: NDArray[np.integer]) -> NDArray[np.int64]:
        """`[B]` group of each user id `[B]`."""
        return (splitmix64(users) % np.uint64(self.groups)).astype(np.int64)

    def estimate(self, value: float, replicates: NDArray[np.float64], clusters: int) -> Estimate:
        """An estimate with a note where its interval is weak.

        Args:
          value: The number on the data itself, defined.
          replicates: `[R]` the number on each resample.
          clusters: User groups with data.
        """
        if clusters < 2:
            none = np.full_like(replicates, math.nan)
            return Estimate(value, none, "no interval: all rows are of one user group")
        defined = int(np.isfinite(replicates).sum())
        note = f"defined in {defined} of {replicates.size} resamples"
        return Estimate(value, replicates, note if defined < replicates.size else None)

    def undefined(self, reason: str) -> Estimate:
        """An undefined estimate, with the reason."""
        return Estimate(math.nan, np.full(self.weights.shape[0], math.nan), reason)

    def ratio(self, over: NDArray[np.float64], under: NDArray[np.float64]) -> Estimate:
        """`sum over / sum under` of sums per group `[G]`; `under` must not sum to 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = (self.weights @ over) / (self.weights @ under)
        value = float(over.sum() / under.sum())
        return self.estimate(value, replicates, int(np.count_nonzero(under)))

    def mean(self, values: NDArray[np.float64], groups: NDArray[np.int64]) -> Estimate:
        """Mean of one or more numbers `[n]` of users in `groups` `[n]`."""
        over, under = np.zeros((2, self.groups))
        add_at(over, groups, values)
        add_at(under, groups, np.ones(len(values)))
        return self.ratio(over, under)


def add_at(
    sums: NDArray[np.float64], place: NDArray[np.integer], values: NDArray[np.number]
) -> None:
    """Adds values `[B]` at flat places `[B]` of an array, in place."""
    sums += np.bincount(place, values, minlength=sums.size).reshape(sums.shape)
