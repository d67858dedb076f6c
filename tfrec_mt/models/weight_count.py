"""How many numbers a model has, and how many of them training moves."""

import keras
import numpy as np


def count_weights(model: keras.Model) -> tuple[int, int]:
    """Trained weights, and all of them."""
    trained, whole = (
        sum(int(np.prod(weight.shape)) for weight in weights)
        for weights in (model.trainable_weights, model.weights)
    )
    return trained, whole
