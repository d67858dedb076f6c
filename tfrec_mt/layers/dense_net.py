"""`DenseNet`: the plain stack of dense layers in every model."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import PRECISIONS, Precision
from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.leaky_dense import leaky_dense, leaky_dense_bfloat16


@keras.saving.register_keras_serializable("tfrec_mt")
class DenseNet(ConfiguredLayer):
    """Dense layers with LeakyReLU and dropout (IAK paper, appendix C).

    Args:
      units: Width of each layer; empty for the identity.
      dropout: Share of activations dropped after each layer in training.
      negative_slope: Slope of LeakyReLU below zero; positive.
      precision: Type of the matrix products in training. Elsewhere they are float32 until
        `set_serving_precision`.

    Call arguments:
      inputs: `[B, D]`.
      training: Whether dropout is active and products have the given precision.

    Returns:
      `[B, units[-1]]`.
    """

    def __init__(
        self,
        units: Sequence[int],
        dropout: float = 0.0,
        negative_slope: float = 0.01,
        precision: Precision = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_precision(precision)
        self.units = tuple(units)
        self.dropout = dropout
        self.negative_slope = negative_slope
        self.precision: Precision = precision
        self._dense = [
            keras.layers.Dense(width, kernel_initializer="he_normal", name=f"dense_{i}")
            for i, width in enumerate(self.units)
        ]
        self._drop = keras.layers.Dropout(dropout, name="dropout") if dropout else None
        self._short: list[tuple[tf.Variable, tf.Variable]] = []

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        for dense in self._dense:
            dense.build((None, width))
            width = dense.units
        self.built = True

    def set_serving_precision(self, precision: Precision) -> None:
        """Sets the type of products outside training; lower precision uses copied weights."""
        check_precision(precision)
        self._short = []
        if precision != "float32":
            self._short = [
                (_copy(dense.kernel, precision), _copy(dense.bias, precision))
                for dense in self._dense
            ]

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training and self._short:
            outputs = tf.cast(inputs, self._short[0][0].dtype)
            for kernel, bias in self._short:
                sums = tf.nn.bias_add(tf.matmul(outputs, kernel), bias)
                outputs = tf.nn.leaky_relu(sums, self.negative_slope)
            return tf.cast(outputs, inputs.dtype)
        if not training:
            for dense in self._dense:
                inputs = keras.ops.leaky_relu(dense(inputs), self.negative_slope)
            return inputs
        short = self.precision == "bfloat16"
        layer = leaky_dense_bfloat16 if short else leaky_dense
        outputs = tf.cast(inputs, self.precision)
        for dense in self._dense:
            kernel, bias = (tf.convert_to_tensor(w.value) for w in (dense.kernel, dense.bias))
            outputs = layer(outputs, kernel, bias, self.negative_slope)
            if self._drop is not None:
                outputs = tf.cast(self._drop(outputs, training=True), outputs.dtype)
        return tf.cast(outputs, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units[-1] if self.units else input_shape[-1])


def _copy(weight: keras.Variable, precision: Precision) -> tf.Variable:
    return tf.Variable(tf.cast(weight.value, precision), trainable=False)


def check_precision(precision: str) -> None:
    """Raises ValueError unless matrix products can have this type."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
