"""`BatchFunction`: a graph over batches of any number of rows."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf


class BatchFunction:
    """Runs a function of features as a graph that is traced once, whatever the batch sizes.

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
            self._graph = tf.function(self._function, input_signature=[specs], autograph=False)
        return self._graph(tensors)
