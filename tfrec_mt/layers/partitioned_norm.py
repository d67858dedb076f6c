"""`PartitionedNorm`: batch normalisation with statistics per domain."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class PartitionedNorm(ConfiguredLayer):
    """Normalises by domain d: `g g_d (x - mean_d) / sqrt(variance_d + epsilon) + b + b_d`.

    In training, mean and variance are those of the domain's rows in the batch. With fewer than two
    such rows, and outside training, they are moving averages.

    Args:
      domains: Number of domains `N`; rows without a domain are one more.
      momentum: Of the moving averages.
      epsilon: Added to variances.

    Call arguments:
      inputs: `[B, D]`.
      codes: `[B]`, from 0 for none to N.
      training: Whether to use the batch's moments and update the averages.

    Returns:
      `[B, D]`.

    Reference:
      Sheng et al. 2021, One Model to Serve All (STAR), section 3.3.
    """

    def __init__(
        self, domains: int, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.domains = domains
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, inputs_shape: Any, codes_shape: Any = None) -> None:
        width, of_each = inputs_shape[-1], (self.domains + 1, inputs_shape[-1])
        self.scale = self.add_weight(name="scale", shape=(width,), initializer="ones")
        self.shift = self.add_weight(name="shift", shape=(width,), initializer="zeros")
        self.scales = self.add_weight(name="scales", shape=of_each, initializer="ones")
        self.shifts = self.add_weight(name="shifts", shape=of_each, initializer="zeros")
        self.mean = self.add_weight(
            name="mean", shape=of_each, initializer="zeros", trainable=False
        )
        self.variance = self.add_weight(
            name="variance", shape=of_each, initializer="ones", trainable=False
        )
        self.built = True

    @property
    def of_domains(self) -> list[Any]:
        """Weights `[N + 1, D]` by domain code."""
        return [self.scales, self.shifts, self.mean, self.variance]

    def call(self, inputs: Any, codes: Any, training: bool = False) -> Any:
        # [B, N + 1]: a product with it selects by domain, and its gradient sums by domain
        place = tf.one_hot(codes, self.domains + 1)
        mean, variance = self.mean.value, self.variance.value
        if training:
            mean, variance = self._moments(inputs, place)
        scale = self.scale * self.scales * tf.math.rsqrt(variance + self.epsilon)
        shift = self.shift + self.shifts - scale * mean
        return inputs * tf.matmul(place, scale) + tf.matmul(place, shift)

    def _moments(self, inputs: Any, place: Any) -> tuple[Any, Any]:
        """The domains' moments, in the batch where it has enough rows; updates the averages."""
        count = tf.reduce_sum(place, axis=0)[:, tf.newaxis]
        enough = count > 1.0
        mean = tf.math.divide_no_nan(tf.matmul(place, inputs, transpose_a=True), count)
        squares = (inputs - tf.matmul(place, mean)) ** 2
        variance = tf.math.divide_no_nan(tf.matmul(place, squares, transpose_a=True), count)
        found = []
        for moving, batch in ((self.mean, mean), (self.variance, variance)):
            before = moving.value
            after = self.momentum * before + (1.0 - self.momentum) * batch
            moving.assign(tf.where(enough, tf.stop_gradient(after), before))
            found.append(tf.where(enough, batch, before))
        return found[0], found[1]

    def compute_output_shape(
        self, inputs_shape: Any, codes_shape: Any = None
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape)
