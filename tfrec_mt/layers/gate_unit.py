"""`GateUnit`: how much of each number passes, computed from other inputs."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class GateUnit(ConfiguredLayer):
    """Gates `2 sigmoid(W' relu(W x + b) + b')`; a gate of 1 leaves a number unchanged.

    Args:
      width: Numbers to gate.
      hidden: Width of the hidden layer.

    Call arguments:
      inputs: `[B, D]`.

    Returns:
      `[B, width]` between 0 and 2.

    Reference:
      Chang et al. 2023, PEPNet, section 3.2.1 (Gate NU).
    """

    def __init__(self, width: int, hidden: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.hidden = hidden
        self._hidden = keras.layers.Dense(hidden, "relu", name="hidden")
        self._gate = keras.layers.Dense(width, "sigmoid", name="gate")

    def build(self, inputs_shape: Any) -> None:
        self._hidden.build(inputs_shape)
        self._gate.build((None, self.hidden))
        self.built = True

    def call(self, inputs: Any) -> Any:
        return 2.0 * self._gate(self._hidden(inputs))

    def compute_output_shape(self, inputs_shape: Any) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.width)


@keras.saving.register_keras_serializable("tfrec_mt")
class GatedNet(ConfiguredLayer):
    """Dense layers with LeakyReLU whose inputs are gated.

    Args:
      units: Width of each layer.
      hidden: Width of the gates' hidden layers.
      dropout: Share of activations dropped after each layer in training.
      negative_slope: Slope of LeakyReLU below zero.

    Call arguments:
      inputs: `[B, D]`.
      prior: `[B, P]`, the gates' inputs.
      training: Whether dropout is active.

    Returns:
      `[B, units[-1]]`.

    Reference:
      Chang et al. 2023, PEPNet, section 3.2.3 (PPNet).
    """

    def __init__(
        self,
        units: tuple[int, ...],
        hidden: int = 64,
        dropout: float = 0.0,
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(units)
        self.hidden = hidden
        self.dropout = dropout
        self.negative_slope = negative_slope
        self._dense = [
            keras.layers.Dense(width, kernel_initializer="he_normal", name=f"dense_{i}")
            for i, width in enumerate(self.units)
        ]
        self._drop = keras.layers.Dropout(dropout, name="dropout")

    def build(self, inputs_shape: Any, prior_shape: Any) -> None:
        widths = (inputs_shape[-1], *self.units)
        self._gates = [
            GateUnit(width, self.hidden, name=f"gate_{i}") for i, width in enumerate(widths[:-1])
        ]
        for width, gate, dense in zip(widths, self._gates, self._dense, strict=False):
            gate.build(prior_shape)
            dense.build((None, width))
        self.built = True

    def call(self, inputs: Any, prior: Any, training: bool = False) -> Any:
        for gate, dense in zip(self._gates, self._dense, strict=True):
            inputs = tf.nn.leaky_relu(dense(inputs * gate(prior)), self.negative_slope)
            inputs = self._drop(inputs, training=training)
        return inputs

    def compute_output_shape(
        self, inputs_shape: Any, prior_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.units[-1])
