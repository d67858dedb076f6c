"""How much a code observed with noise tells about its source."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studies.information.mutual_information import as_points
from tfrec_mt.schema import DataError


def channel_information(code: ArrayLike, noise: float) -> float:
    """Information that a code with additive Gaussian noise has about its source, in nats.

    A code that is a function of its source has infinite mutual information with it: each row's
    code identifies the row. Codes differ in how much of that survives a given precision. So the
    code is observed as `code + e`, with e drawn from N(0, noise^2) in each column. What this tells
    about the source is what it tells about the code,

    `I(code + e; source) = h(code + e) - h(e) <= 1/2 ln det(I + cov(code) / noise^2)`.

    The right-hand side is returned. Among codes of equal covariance a Gaussian one tells the most,
    and for it the two sides are equal. For other codes the result is an upper bound.

    The result depends on a unit: it grows without limit as `noise` goes to 0 and with the scale of
    the code. So compare codes under one noise, fixed beforehand. To remove the scale, divide
    columns by their deviations. With d columns and n independent rows, the estimated covariance
    makes the result too small by about `d^2 / (4 n)`.

    Args:
      code: `[n, d]` or `[n]`, one row for each row of the source.
      noise: Standard deviation of the noise, in the code's units.

    Returns:
      A number not below 0. It does not change when columns are rotated, or a constant is added.

    Raises:
      DataError: Another shape, fewer than 2 rows, a value that is not finite, or a noise that is
        not positive.

    Reference:
      Cover and Thomas, Elements of Information Theory, 2006, 9.4 (parallel Gaussian channels).
    """
    points = as_points(code, "code")
    if len(points) < 2:
        raise DataError(f"code: expected at least 2 rows, got {len(points)}")
    return float(covariance_information(np.cov(points, rowvar=False, ddof=0), noise))


def covariance_information(covariance: ArrayLike, noise: float) -> NDArray[np.float64]:
    """`channel_information` from covariances: `[..., d, d] -> [...]`; a number is a `[1, 1]`.

    Raises:
      DataError: Matrices that are not square, or a noise that is not positive.
    """
    matrix = np.asarray(covariance, np.float64)
    matrix = matrix[np.newaxis, np.newaxis] if matrix.ndim == 0 else matrix
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise DataError(f"covariance: expected shape [..., d, d], got {list(matrix.shape)}")
    if not (np.isfinite(noise) and noise > 0):
        raise DataError(f"noise: expected a positive standard deviation, got {noise}")
    _, logarithm = np.linalg.slogdet(np.eye(matrix.shape[-1]) + matrix / noise**2)
    return np.asarray(0.5 * logarithm, np.float64)
