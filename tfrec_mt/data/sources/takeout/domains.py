"""The 11 domains of the takeout world: names, shares of the log, and meal hours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.schema import Topic

SCENE: Final = Topic(name="scene", domains=("homepage", "channel"))
PERIOD: Final = Topic(name="period", domains=("breakfast", "lunch", "dinner"))
REGION: Final = Topic(name="region", domains=tuple(f"region{i}" for i in range(1, 7)))
TOPICS: Final = (SCENE, PERIOD, REGION)

_REGION_ROWS = np.array([718.0, 284.0, 343.0, 142.0, 146.0, 129.0])

# Shares of the log by topic, after Table 1 of "Pre-train and Fine-tune: Recommenders as Large
# Models" (rows of a dataset over the rows of its topic).
SHARES: Final[dict[str, NDArray[np.float64]]] = {
    "scene": np.array([0.735, 0.265]),
    "period": np.array([0.11, 0.45, 0.44]),
    "region": _REGION_ROWS / _REGION_ROWS.sum(),
}

# First second and length in seconds of each meal period, from midnight.
MEAL_START: Final = np.array([6 * 3600, 10 * 3600 + 1800, 16 * 3600 + 1800])
MEAL_LENGTH: Final = np.array([4 * 3600, 3 * 3600 + 1800, 4 * 3600 + 1800])

JOINT_DOMAINS: Final = 36

# Chance that a user spends a day elsewhere. The destination is drawn from the region shares, so
# that trips do not change them; it may be the home region, so fewer users are visitors.
TRIP_CHANCE: Final = 0.15
VISITOR_SHARE: Final = TRIP_CHANCE * (1 - float(np.square(SHARES["region"]).sum()))


def joint_code(
    scene: NDArray[np.int64], period: NDArray[np.int64], region: NDArray[np.int64]
) -> NDArray[np.int64]:
    """One number in 0..35 for a scene, a period and a region (each counted from 0)."""
    return (scene * len(PERIOD.domains) + period) * len(REGION.domains) + region
