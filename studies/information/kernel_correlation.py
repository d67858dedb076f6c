"""Rank correlations of two measurements of kernels, and their uncertainty."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata  # type: ignore[import-untyped]

from tfrec_mt.evaluation.estimate import Estimate

Values = NDArray[np.float64]


def pooled_correlation(first: Values, second: Values, draws: NDArray[np.int64]) -> Estimate:
    """Spearman's rank correlation over all measurements of all kernels.

    Args:
      first: `[K, M]`, M measurements of each of K kernels.
      second: `[K, M]`, the same of another number.
      draws: `[R, K]` kernels of each resample: a kernel's measurements are not independent, so
        kernels are the unit.
    """
    value = rank_correlation(first.reshape(1, -1), second.reshape(1, -1))[0]
    pooled = [values[draws].reshape(len(draws), -1) for values in (first, second)]
    return Estimate(float(value), rank_correlation(*pooled), f"{len(first)} kernels resampled")


def correlation_within(first: Values, second: Values, draws: NDArray[np.int64]) -> Estimate:
    """Mean over kernels of each one's rank correlation; arguments as in `pooled_correlation`.

    It is undefined for a kernel in which one of the two does not change.
    """
    each = rank_correlation(first, second)
    note = f"{len(first)} kernels resampled"
    return Estimate(float(each.mean()), each[draws].mean(axis=1), note)


def kernel_draws(kernels: int, replicates: int, seed: int = 0) -> NDArray[np.int64]:
    """Resamples of kernels with replacement, `[R, K]`, the same for all variants."""
    return np.random.default_rng(seed).integers(kernels, size=(replicates, kernels))


def rank_correlation(first: Values, second: Values) -> Values:
    """Spearman's correlation of each row, `[R, M], [R, M] -> [R]`; ties share their mean rank.

    The result is NaN where one of the two does not change.
    """
    ranks = [rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (first, second)]
    lengths = [np.sqrt((values**2).sum(axis=1)) for values in ranks]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (ranks[0] * ranks[1]).sum(axis=1) / (lengths[0] * lengths[1])
    return np.asarray(found, np.float64)
