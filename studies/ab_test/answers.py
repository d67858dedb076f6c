"""How users of the takeout world respond to a list of items."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.offers import Offers
from tfrec_mt.data.sources.takeout.probabilities import sigmoid
from tfrec_mt.schema import SchemaError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Clicks and orders of lists, as probabilities or as sampled values 0 and 1.

    Args:
      click: [R, S] of the item at each position.
      order: [R, S] of a click and an order.
    """

    click: Array
    order: Array


def top_places(scores: NDArray[np.floating], slots: int) -> NDArray[np.int64]:
    """[R, S] places of the highest scores of each request, best first.

    Ties go to the earlier candidate; candidates are in no particular order.

    Args:
      scores: [R, N] finite.
      slots: Items to show, `S`.

    Raises:
      SchemaError: Fewer candidates than slots, or a score that is not finite.
    """
    if scores.ndim != 2 or scores.shape[1] < slots:
        raise SchemaError(
            f"expected scores of at least {slots} candidates, [R, N], got {list(scores.shape)}"
        )
    if not np.isfinite(scores).all():
        raise SchemaError(f"expected finite scores, got {scores[~np.isfinite(scores)][0]}")
    return np.argsort(-scores, axis=1, kind="stable")[:, :slots].astype(np.int64)


def expected_answers(offers: Offers, places: NDArray[np.int64], effect: Array) -> Answers:
    """Probabilities of a click, and of a click and an order, for the lists shown.

    Args:
      offers: The requests and their candidates.
      places: [R, S] which candidate stands at positions 1..S.
      effect: [S] log-odds that each position adds to a click.
    """
    click = sigmoid(np.take_along_axis(offers.click_logit, places, axis=1) + effect)
    return Answers(click, click * np.take_along_axis(offers.order_given_click, places, axis=1))


def sampled_answers(expected: Answers, rng: np.random.Generator) -> Answers:
    """Clicks and orders, 0 or 1, drawn from expected probabilities.

    An order implies a click, so the same uniform number is compared with both probabilities.
    """
    drawn = rng.random(expected.click.shape)
    return Answers(
        (drawn < expected.click).astype(np.float64), (drawn < expected.order).astype(np.float64)
    )
