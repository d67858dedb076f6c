"""A model's results for batches of any size."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class BatchFunction:
    """A function of features as a graph that is traced once for all batch sizes.

    Args:
      function: Maps features by name to tensors, in any nesting.
    """

    def __init__(self, function: Callable[[Mapping[str, Any]], Any]) -> None:
        self._function = function
        self._graph: Any = None

    def __call__(self, features: Mapping[str, Any]) -> Any:
        """The function's results for `{name: [B, ...]}`, as tensors."""
        tensors = {name: tf.convert_to_tensor(value) for name, value in features.items()}
        if self._graph is None:
            specs = {
                name: tf.TensorSpec([None, *value.shape[1:]], value.dtype, name)
                for name, value in tensors.items()
            }
            # TensorFlow would count functions from one line as one that is retraced too often
            own = functools.partial(self._function)
            self._graph = tf.function(own, input_signature=[specs], autograph=False)
        return self._graph(tensors)


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
