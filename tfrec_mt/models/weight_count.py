"""Counts a model's weights, trained and in total."""

import keras
import numpy as np


def count_weights(model: keras.Model) -> tuple[int, int]:
    """Number of trained weights, and of all weights."""
    trained, whole = (
        sum(int(np.prod(weight.shape)) for weight in weights)
        for weights in (model.trainable_weights, model.weights)
    )
    return trained, whole
