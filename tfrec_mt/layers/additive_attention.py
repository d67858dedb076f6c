"""`AdditiveAttention`: one vector for a set of vectors."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class AdditiveAttention(ConfiguredLayer):
    """A weighted sum of a set of vectors, `sum_i a_i x_i` with `a = softmax(q^T tanh(W x + b))`.

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
        return self.weighted(self.scores(vectors), vectors, mask)

    def scores(self, vectors: Any) -> Any:
        """Unnormalised weights of vectors, `[..., D] -> [...]`."""
        kernel, bias, query = (
            tf.cast(weight.value, vectors.dtype) for weight in (self.kernel, self.bias, self.query)
        )
        hidden = tf.tanh(tf.tensordot(vectors, kernel, 1) + bias)
        return tf.tensordot(hidden, query, 1)[..., 0]

    def weighted(self, scores: Any, vectors: Any, mask: Any) -> Any:
        """Sums `[B, D]` of vectors `[B, L, D]` with scores `[B, L]`."""
        seen = tf.cast(mask, scores.dtype)
        # masked again after the softmax, so that padding alone sums to zero
        weights = tf.nn.softmax(scores + (seen - 1.0) * 1e9, axis=-1) * seen
        return tf.einsum("bl,bld->bd", weights, vectors)

    def pooled(self, vectors: Any, owners: Any) -> Any:
        """The weighted sums of sets that are concatenated instead of padded.

        Args:
          vectors: `[N, D]`, of any precision.
          owners: `[N]` int, ascending from 0: the set of each vector. No set is empty.

        Returns:
          float32 `[B, D]`.
        """
        scores = tf.cast(self.scores(vectors), tf.float32)
        most = tf.stop_gradient(tf.math.segment_max(scores, owners))
        weights = tf.exp(scores - tf.gather(most, owners))
        weights /= tf.gather(tf.math.segment_sum(weights, owners), owners)
        weighted = weights[:, tf.newaxis] * tf.cast(vectors, tf.float32)
        return tf.math.segment_sum(weighted, owners)

    def compute_output_shape(self, vectors_shape: Any, mask_shape: Any = None) -> tuple[Any, ...]:
        return (vectors_shape[0], vectors_shape[-1])
