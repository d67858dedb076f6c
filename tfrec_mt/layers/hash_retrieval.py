"""`HashRetrieval`: finds the part of a long history that matters for an item."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class HashRetrieval(ConfiguredLayer):
    """Places of the history's elements that are most similar to each target, by hash.

    Target and elements are hashed to the signs of `bits` fixed random projections (SimHash); the
    number of equal signs estimates their angle. No gradient passes.

    Args:
      top: Elements found per target.
      bits: Signs per hash.
      seed: Seed of the projections.

    Call arguments:
      targets: `[B, N, D]`.
      history: `[B, L, D]`, elements with the features of targets.
      mask: `[B, L]` booleans, false for padding.
      steps: `[D]`, what elements are to be multiplied by; see `FusedEmbedding.gather_in_steps`.

    Returns:
      int32 `[B, N, min(top, L)]`, most similar first, then newest; padding only where a history has
      fewer elements.

    Reference:
      Chen et al. 2021, End-to-End User Behavior Retrieval in Click-Through Rate Prediction Model
      (reference [6] of the IAK paper), section 3.
    """

    def __init__(self, top: int = 32, bits: int = 48, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top = top
        self.bits = bits
        self.seed = seed

    def build(self, targets_shape: Any, history_shape: Any, mask_shape: Any = None) -> None:
        if history_shape[-1] != targets_shape[-1]:
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
        self.built = True

    def call(self, targets: Any, history: Any, mask: Any, steps: Any = None) -> Any:
        # signs [B, N, bits] and [B, L, bits]: their product counts equal minus unequal bits
        projection = self.projection.value
        target_signs = _signs(targets, projection)
        element_signs = _signs(
            history, projection if steps is None else projection * steps[:, tf.newaxis]
        )
        similarity = tf.einsum("bnk,blk->bnl", target_signs, element_signs)
        similarity += (tf.cast(mask, similarity.dtype) - 1.0)[:, tf.newaxis, :] * 1e9
        return tf.math.top_k(similarity, tf.minimum(self.top, tf.shape(history)[1])).indices

    def compute_output_shape(
        self, targets_shape: Any, history_shape: Any, mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        length = history_shape[1]
        return (*targets_shape[:2], None if length is None else min(self.top, length))


def _signs(vectors: Any, projection: Any) -> Any:
    return tf.sign(tf.einsum("bnd,dk->bnk", tf.stop_gradient(vectors), projection))
