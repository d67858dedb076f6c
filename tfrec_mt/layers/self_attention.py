"""`SelfAttention`: attention among the elements of a set."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class SelfAttention(ConfiguredLayer):
    """Multi-head self attention without output projection, `softmax(Q K^T / sqrt(d)) V` per head.

    Args:
      heads: Number of heads `H`.
      head_width: Width `d` of one head.

    Call arguments:
      vectors: `[B, L, D]`.
      mask: `[B, L]` booleans, false for padding.

    Returns:
      `[B, L, H * head_width]`; what padding itself attends to is without meaning.

    Reference:
      Vaswani et al. 2017, section 3.2.2; without the last projection as in Wu et al. 2019 (NRMS).
    """

    def __init__(self, heads: int = 8, head_width: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.head_width = head_width

    def build(self, vectors_shape: Any, mask_shape: Any = None) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(vectors_shape[-1], 3, self.heads, self.head_width),
            initializer=keras.initializers.RandomNormal(stddev=vectors_shape[-1] ** -0.5),
        )
        self.built = True

    def call(self, vectors: Any, mask: Any) -> Any:
        # [3, B, H, L, d]
        query, key, value = tf.unstack(tf.einsum("blx,xphd->pbhld", vectors, self.kernel.value))
        scores = tf.matmul(query * self.head_width**-0.5, key, transpose_b=True)
        seen = tf.cast(mask, scores.dtype)[:, tf.newaxis, tf.newaxis]
        weights = tf.nn.softmax(scores + (seen - 1.0) * 1e9, axis=-1)
        # [B, H, L, d] -> [B, L, H * d]
        attended = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        shape = tf.shape(vectors)
        return tf.reshape(attended, [shape[0], shape[1], self.heads * self.head_width])

    def compute_output_shape(self, vectors_shape: Any, mask_shape: Any = None) -> tuple[Any, ...]:
        return (*vectors_shape[:2], self.heads * self.head_width)
