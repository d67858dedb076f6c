"""`Scorer`: a model's probabilities for batches of any size."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Scorer:
    """Scores batches as serving does: no labels, no exposure features, no dropout.

    Args:
      model: Maps features to `{task: [B, 1]}`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._score = tf.function(lambda features: model(features), reduce_retracing=True)

    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Probabilities `{task: float32 [B]}`."""
        scores = self._score({n: tf.convert_to_tensor(v) for n, v in features.items()})
        return {task: values.numpy()[:, 0] for task, values in scores.items()}
