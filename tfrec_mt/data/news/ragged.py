"""Lists of unequal length, stored one after the other in flat arrays."""

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


def offsets_of(lengths: npt.NDArray[np.integer]) -> Int64s:
    """Starts of lists of the given lengths `[n]`, and the end of the last: int64 `[n + 1]`."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def positions_of(starts: Int64s, lengths: npt.NDArray[np.integer]) -> Int64s:
    """Flat positions of the elements of lists that begin at `starts`, list by list: int64 `[N]`."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
