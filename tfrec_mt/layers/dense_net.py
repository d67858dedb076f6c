"""`DenseNet`: the plain multi-layer part of every model."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable("tfrec_mt")
class DenseNet(keras.layers.Layer):
    """Dense layers with LeakyReLU and dropout (IAK paper, appendix C).

    Args:
      units: Width of each layer; empty for the identity.
      dropout: Share of activations dropped after each layer in training.
      negative_slope: Slope of LeakyReLU below zero.

    Call arguments:
      inputs: `[B, D]`.
      training: Whether dropout is active.

    Returns:
      `[B, units[-1]]`.
    """

    def __init__(
        self,
        units: Sequence[int],
        dropout: float = 0.0,
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(units)
        self.dropout = dropout
        self.negative_slope = negative_slope
        self._dense = [
            keras.layers.Dense(width, kernel_initializer="he_normal", name=f"dense_{i}")
            for i, width in enumerate(self.units)
        ]
        self._drop = keras.layers.Dropout(dropout, name="dropout") if dropout else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        for dense in self._dense:
            dense.build((None, width))
            width = dense.units
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        outputs = inputs
        for dense in self._dense:
            outputs = keras.ops.leaky_relu(dense(outputs), self.negative_slope)
            if self._drop is not None:
                outputs = self._drop(outputs, training=training)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units[-1] if self.units else input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "dropout": self.dropout,
            "negative_slope": self.negative_slope,
        }
