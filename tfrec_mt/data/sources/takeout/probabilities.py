"""The logits of a click and of an order, and the probabilities that follow from them."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.data.sources.takeout.domains import VISITOR_SHARE, joint_code
from tfrec_mt.data.sources.takeout.preferences import Preferences
from tfrec_mt.data.sources.takeout.sampling import Context
from tfrec_mt.data.sources.takeout.users import Users

Array = NDArray[np.float64]

POSITION_DECAY = 0.5


def position_effect(slots: int) -> Array:
    """[S] log-odds that position k = 1..S adds to a click: -0.5 ln k."""
    effect: Array = -POSITION_DECAY * np.log(np.arange(1, slots + 1))
    return effect


def linear_predictor(
    preferences: Preferences,
    task: int,
    catalogue: Catalogue,
    users: Users,
    context: Context,
    item: NDArray[np.int64],
) -> Array:
    """[R, S] logit without its intercept, of the items [R, S] for the user of each request.

    `task` is 0 for the click, 1 for the order; it picks the user bias and the item appeal.
    """
    day, joint = context.day, joint_code(context.scene, context.period, context.region)
    strength = preferences.strength
    place = (day[:, None], joint[:, None], catalogue.cuisine[item])
    taste = np.einsum("rk,rsk->rs", users.taste, preferences.taste[place])
    price = preferences.price[day, joint] + users.price_taste * preferences.price_taste[day, joint]
    trip = preferences.visitor * (context.visitor - VISITOR_SHARE)
    speciality = preferences.speciality[day, joint] + trip
    logit: Array = (
        (strength.user * users.bias[:, task])[:, None]
        + strength.item * catalogue.appeal[task, item]
        + preferences.cuisine[place]
        + taste
        + price[:, None] * catalogue.price_score[item]
        + speciality[:, None] * catalogue.speciality_score[item]
    )
    return logit


def sigmoid(logit: Array) -> Array:
    """1 / (1 + exp(-logit))."""
    return 1.0 / (1.0 + np.exp(-logit))


def mean_over_positions(click_logit: Array, effect: Array) -> Array:
    """Click probability averaged over all positions: mean_k sigmoid(z + b_k), in z's shape."""
    total = np.zeros_like(click_logit)
    for at_position in effect:
        total += sigmoid(click_logit + at_position)
    return total / len(effect)
