"""`AdditiveAttention`: one vector for a set of vectors."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfrec_mt")
class AdditiveAttention(keras.layers.Layer):
    """Weighs vectors by what they are and sums them.

    `sum_i a_i x_i` with `a = softmax(q^T tanh(W x + b))`.

    Args:
      units: Width of the hidden layer, `q` and `b`.

    Call arguments:
      vectors: `[B, L, D]`.
      mask: `[B, L]` booleans, false for padding.

    Returns:
      `[B, D]`; zeros where everything is padding.

    Reference:
      MTRec, equation 1; Wu et al. 2019 (NRMS), who add the bias.
    """

    def __init__(self, units: int = 200, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, vectors_shape: Any, mask_shape: Any = None) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(vectors_shape[-1], self.units), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.query = self.add_weight(
            name="query", shape=(self.units, 1), initializer="glorot_uniform"
        )
        self.built = True

    def call(self, vectors: Any, mask: Any) -> Any:
        hidden = tf.tanh(tf.tensordot(vectors, self.kernel.value, 1) + self.bias.value)
        # [B, L]
        scores = tf.tensordot(hidden, self.query.value, 1)[..., 0]
        seen = tf.cast(mask, scores.dtype)
        # masked again after the softmax, so that nothing but padding sums to nothing
        weights = tf.nn.softmax(scores + (seen - 1.0) * 1e9, axis=-1) * seen
        return tf.einsum("bl,bld->bd", weights, vectors)

    def compute_output_shape(self, vectors_shape: Any, mask_shape: Any = None) -> tuple[Any, ...]:
        return (vectors_shape[0], vectors_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
