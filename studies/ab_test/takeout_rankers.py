"""Rankers' scores of candidates."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.sources.takeout.offers import Offers
from tfrec_mt.data.sources.takeout.probabilities import mean_over_positions
from tfrec_mt.evaluation.popularity import Popularity
from tfrec_mt.models.scorer import BatchFunction

# Rankers sort by the probability of a click and an order: a platform earns from orders, and a
# click without one only takes the place of one that leads to an order.
RANKED_BY = "ctcvr"
_REQUESTS_PER_BATCH = 256
_STREAM = 6


def model_scores(model: AdaptedModel, features: Mapping[str, Any]) -> NDArray[np.float32]:
    """A model's scores, [R, N]; without kernels they are the base's."""

    def forward(features: Mapping[str, Any]) -> Any:
        return model.probabilities(model.adapted_logits(features, candidates=True))[RANKED_BY]

    run = BatchFunction(forward)
    shape = features[model.base.schema.keys.item].shape
    found = [
        run(
            {name: values[start : start + _REQUESTS_PER_BATCH] for name, values in features.items()}
        )
        for start in range(0, shape[0], _REQUESTS_PER_BATCH)
    ]
    scores: NDArray[np.float32] = np.concatenate([s.numpy() for s in found]).reshape(shape)
    return scores


def popularity_scores(
    dataset: PreparedDataset, features: Mapping[str, NDArray[np.int32]]
) -> NDArray[np.float32]:
    """Smoothed order rates of the items in the first part, [R, N]."""
    return Popularity(dataset, dataset.parts[0])(features)[RANKED_BY]


def oracle_scores(offers: Offers, effect: NDArray[np.float64]) -> NDArray[np.float64]:
    """True probabilities of a click and an order, averaged over positions, [R, N]."""
    return mean_over_positions(offers.click_logit, effect) * offers.order_given_click


def random_scores(shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Random scores, [R, N]."""
    return np.random.default_rng([seed, _STREAM]).random(shape)
