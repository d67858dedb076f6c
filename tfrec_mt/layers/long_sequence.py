"""`LongSequence`: target attention over the relevant part of a long history."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.target_attention import TargetAttention


@keras.saving.register_keras_serializable("tfrec_mt")
class LongSequence(keras.layers.Layer):
    """Finds the elements most like the target by hash, then attends to them alone.

    Target and elements are hashed to the signs of `bits` fixed random projections (SimHash); the
    number of equal signs estimates their angle. The `top` elements with the most equal signs are
    gathered and attended to. The hash passes no gradient.

    Args:
      top: Elements attended to per target.
      bits: Signs per hash.
      heads, head_width: See `TargetAttention`.
      seed: Seed of the projections.

    Call arguments:
      targets: `[B, N, Dq]`.
      history: `[B, L, Dx]`; its first `Dq` columns must describe an element as `targets` does the
        target.
      mask: `[B, L]` booleans, false for padding.

    Returns:
      `[B, N, heads * head_width]`; zeros for an empty history.

    Reference:
      Chen et al. 2021, End-to-End User Behavior Retrieval in Click-Through Rate Prediction Model
      (reference [6] of the IAK paper), section 3.
    """

    def __init__(
        self,
        top: int = 32,
        bits: int = 48,
        heads: int = 8,
        head_width: int = 8,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.top = top
        self.bits = bits
        self.seed = seed
        self.attention = TargetAttention(heads, head_width, name="attention")

    def build(self, targets_shape: Any, history_shape: Any, mask_shape: Any = None) -> None:
        if history_shape[-1] < targets_shape[-1]:
            raise ValueError(
                f"history elements of width {history_shape[-1]} cannot be hashed like targets of "
                f"width {targets_shape[-1]}"
            )
        self.projection = self.add_weight(
            name="projection",
            shape=(targets_shape[-1], self.bits),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
        )
        self.attention.build(targets_shape, history_shape)
        self.built = True

    def retrieve(self, targets: Any, history: Any, mask: Any) -> Any:
        """Places of the elements most like each target, `[B, N, min(top, L)]`."""
        width = targets.shape[-1]
        # signs as +-1 [B, N, bits] and [B, L, bits]: their product counts equal minus unequal bits
        target_signs = self._signs(targets)
        element_signs = self._signs(history[:, :, :width])
        similarity = tf.einsum("bnk,blk->bnl", target_signs, element_signs)
        similarity += (tf.cast(mask, similarity.dtype) - 1.0)[:, tf.newaxis, :] * 1e9
        return tf.math.top_k(similarity, tf.minimum(self.top, tf.shape(history)[1])).indices

    def _signs(self, vectors: Any) -> Any:
        bits = tf.einsum("bnd,dk->bnk", tf.stop_gradient(vectors), self.projection.value)
        return tf.where(bits > 0, 1.0, -1.0)

    def call(self, targets: Any, history: Any, mask: Any) -> Any:
        places = self.retrieve(targets, history, mask)
        # [B, N, top, Dx]
        relevant = tf.gather(history, places, batch_dims=1)
        return self.attention(targets, relevant, tf.gather(mask, places, batch_dims=1))

    def compute_output_shape(
        self, targets_shape: Any, history_shape: Any = None, mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return self.attention.compute_output_shape(targets_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "top": self.top,
            "bits": self.bits,
            "heads": self.attention.heads,
            "head_width": self.attention.head_width,
            "seed": self.seed,
        }
