"""`MetaUnit`: dense layers whose weights are generated for each row."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class MetaUnit(ConfiguredLayer):
    """A dense layer with LeakyReLU whose weights are a linear function of a row's knowledge.

    `leaky_relu(x W(s) + b(s))` with `W(s) = V s + v`. `v` starts as an ordinary dense layer and `V`
    small, so that all rows start from nearly the same weights.

    Args:
      negative_slope: Slope of LeakyReLU below zero.
      activate: Whether LeakyReLU is applied.

    Call arguments:
      inputs: `[B, R, D]`; the R vectors of a row share its weights.
      knowledge: `[B, K]`, from which the weights are generated.

    Returns:
      `[B, R, D]`.

    Reference:
      Zhang et al. 2022, Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach
      for Advertiser Modeling, section 3.3 (meta unit).
    """

    def __init__(self, negative_slope: float = 0.01, activate: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.activate = activate

    def build(self, inputs_shape: Any, knowledge_shape: Any) -> None:
        width, known = inputs_shape[-1], knowledge_shape[-1]
        small = keras.initializers.RandomNormal(stddev=math.sqrt(0.1 / (width * known)))
        self._directions = self.add_weight(
            name="directions", shape=(known, width * width), initializer=small
        )
        self._kernel = self.add_weight(name="kernel", shape=(width, width), initializer="he_normal")
        self._bias_directions = self.add_weight(
            name="bias_directions", shape=(known, width), initializer=small
        )
        self._bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")
        self.built = True

    def call(self, inputs: Any, knowledge: Any) -> Any:
        width = inputs.shape[-1]
        kernels = tf.reshape(tf.matmul(knowledge, self._directions.value), [-1, width, width])
        biases = tf.matmul(knowledge, self._bias_directions.value) + self._bias.value
        outputs = tf.matmul(inputs, kernels + self._kernel.value) + biases[:, tf.newaxis]
        return tf.nn.leaky_relu(outputs, self.negative_slope) if self.activate else outputs

    def compute_output_shape(self, inputs_shape: Any, knowledge_shape: Any = None) -> Any:
        return inputs_shape
