"""An A/B test as a platform sees it: each user gets one of two rankers and responds at random."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from studies.ab_test.list_gains import lift, per_thousand
from tfrec_mt.data.hashing import derived_seed, splitmix64
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate

Array = NDArray[np.float64]

# Standard normal quantiles of a two-sided test at 5% and of a power of 80%.
_LEVEL_QUANTILE: Final = 1.959964
_POWER_QUANTILE: Final = 0.841621


def treated(users: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Whether each request's user is in the half that gets the new ranker, [R]."""
    drawn = splitmix64(users, derived_seed(seed, "arm"))
    half: NDArray[np.bool_] = drawn % np.uint64(2) == 1
    return half


def sampled_lift(
    bootstrap: ClusterBootstrap,
    users: NDArray[np.int64],
    treatment: Array,
    control: Array,
    seed: int,
) -> Estimate:
    """Percent by which the treated half's gain per request exceeds the other half's.

    Args:
      bootstrap: Resamples of users.
      users: [R] user of each request.
      treatment: [R] sampled gains under the new ranker; of its half of the users they count.
      control: [R] those under the old one, which count of the other half.
      seed: Seed of the halves.
    """
    groups, new = bootstrap.group_of(users), treated(users, seed)
    return lift(
        per_thousand(bootstrap, groups, treatment, new),
        per_thousand(bootstrap, groups, control, ~new),
    )


def users_needed(
    users: NDArray[np.int64], treatment: Array, control: Array, difference: float
) -> float:
    """Users needed in each half for a power of 80% at a level of 5%.

    `n = (1.96 + 0.84)^2 (V_t + V_c) / difference^2`, with `V` the variance of one user's share in
    the ratio of gains to requests: `mean_u (y_u - r n_u)^2 / (mean_u n_u)^2`.

    Args:
      users: [R] user of each request.
      treatment: [R] sampled gains of all requests under the new ranker.
      control: [R] those under the old one.
      difference: The true difference per request, not 0.

    Reference: A. Deng, U. Knoblich and J. Lu, Applying the Delta Method in Metric Analytics, 2018.
    """
    user = np.unique(users, return_inverse=True)[1]
    requests = np.bincount(user).astype(np.float64)

    def variance(gain: Array) -> float:
        residual = np.bincount(user, gain) - gain.mean() * requests
        return float(np.square(residual).mean() / np.square(requests.mean()))

    both = variance(treatment) + variance(control)
    return (_LEVEL_QUANTILE + _POWER_QUANTILE) ** 2 * both / difference**2
