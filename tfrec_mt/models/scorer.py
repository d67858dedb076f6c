"""`Scorer`: a model's probabilities for batches of any size."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfrec_mt.models.batch_function import BatchFunction


class Scorer:
    """Scores batches as serving does: no labels, no exposure features, no dropout.

    Args:
      model: Maps features to `{task: [B, 1]}`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._score = BatchFunction(lambda features: model(features))

    def __call__(self, features: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Probabilities `{task: float32 [B]}`."""
        return {task: values.numpy()[:, 0] for task, values in self._score(features).items()}
