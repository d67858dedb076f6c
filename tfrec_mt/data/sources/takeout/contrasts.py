"""Random vectors for domains that cancel over the log, so that shift adds no common preference."""

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDS = 200


def contrasts(raw: Array, shares: Sequence[Array]) -> Array:
    """Vectors like `raw` that average to 0 over each topic and whose mean square norm is 1.

    A domain's vector has a length proportional to sqrt(1 + its share), because a large domain
    differs less from the average. Where one share exceeds the sum of the others, its vector is
    shorter (of two domains, in inverse proportion to the shares).

    Args:
      raw: [N1, .., Nt, K] initial vectors for the domains of t topics.
      shares: The topics' shares of the log, [Nj] each, positive and summing to 1.
    """
    weights = functools.reduce(np.multiply.outer, shares)
    length: Array = functools.reduce(np.multiply.outer, [np.sqrt(1 + s) for s in shares])
    for _ in range(_ROUNDS):
        raw = _centred(raw, shares)
        raw = raw * (length / np.linalg.norm(raw, axis=-1))[..., None]
    raw = _centred(raw, shares)
    mean_square = float((weights * np.square(raw).sum(axis=-1)).sum())
    return raw / math.sqrt(mean_square)


def _centred(raw: Array, shares: Sequence[Array]) -> Array:
    """`raw` less its share-weighted mean over each of the leading axes."""
    for axis, share in enumerate(shares):
        raw = raw - np.expand_dims(np.tensordot(share, raw, axes=(0, axis)), axis)
    return raw
