"""Draws the items that are candidates of a request, before any ranker scores them."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.schema import SchemaError


def recall(
    catalogue: Catalogue,
    region: NDArray[np.int64],
    day: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """[R, count] distinct items of each request's region and day [R], all items equally likely.

    Candidate `j` of `m` is uniform over the j-th of `m` equal runs of the region's menu, counted
    from a uniform starting item, as in the log's own policy.

    Raises:
      SchemaError: A region sells fewer items, or `count` is below 1.
    """
    sizes = np.diff(catalogue.menu_start)
    if not 1 <= count <= sizes.min():
        raise SchemaError(
            f"takeout: expected 1 to {sizes.min()} candidates per request, as many as the region "
            f"with the shortest menu sells, got {count}"
        )
    first, size = catalogue.menu_start[region][:, None], sizes[region][:, None]
    place = np.arange(count)
    low, high = place * size // count, (place + 1) * size // count
    start = rng.integers(size)
    places = catalogue.menu[first + (rng.integers(low, high) + start) % size]
    return catalogue.items(places, day)
