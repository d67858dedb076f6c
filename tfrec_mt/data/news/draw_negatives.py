"""Unclicked candidates drawn for each click."""

import numpy as np
import numpy.typing as npt


def draw_negatives(
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    clicked: npt.NDArray[np.bool_],
    negatives: int,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Draws unclicked candidates of the same impression, uniformly and without replacement.

    Args:
      starts: `[B]` where each impression's candidates begin.
      lengths: `[B]` number of candidates, at least 1.
      clicked: bool, whether each candidate was clicked.
      negatives: Number to draw for each, K.
      rng: Random generator.

    Returns:
      int64 `[B, K]` places of the drawn candidates; bool `[B, K]`, False where an impression has
      fewer unclicked ones (the place is then meaningless).

    Reference: Equation 4 of "Towards Enhancing Multi-task Learning for News Recommendation".
    """
    width = np.arange(max(int(lengths.max()), negatives))
    # [B, W]
    places = starts[:, np.newaxis] + np.minimum(width, lengths[:, np.newaxis] - 1)
    taken = clicked[places] | (width >= lengths[:, np.newaxis])
    chance = rng.random(places.shape)
    chance[taken] = 2.0  # after all others
    order = np.argsort(chance, axis=1)[:, :negatives]
    drawn = np.take_along_axis(places, order, axis=1)
    return drawn, ~np.take_along_axis(taken, order, axis=1)
