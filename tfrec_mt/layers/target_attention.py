"""`TargetAttention`: attention of items over a history."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer


@keras.saving.register_keras_serializable("tfrec_mt")
class TargetAttention(ConfiguredLayer):
    """Multi-head attention of each target over a history.

    Per head, `softmax(q^T W_q W_k^T x / sqrt(d)) W_v x`. `W_q W_k^T` is applied to the query and
    `W_v` to the attended sum. The result equals that of projecting every history element, at a
    fraction of the multiply-adds, as a history has more elements than there are heads.

    Args:
      heads: Number of heads `H`.
      head_width: Width of one head.

    Call arguments:
      targets: `[B, N, Dq]`, N targets per user.
      history: `[B, L, Dx]`, or `[B, N, L, Dx]` where each target has its own history.
      mask: `[B, L]` or `[B, N, L]` booleans, false for padding.
      steps: `[Dx]`, what the history is to be multiplied by; see `FusedEmbedding.gather_in_steps`.

    Returns:
      `[B, N, H * head_width]`; zeros for an empty history.

    Reference:
      IAK paper, 5.2 and appendix C (8 heads); Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, heads: int = 8, head_width: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.head_width = head_width

    def build(self, targets_shape: Any, history_shape: Any, mask_shape: Any = None) -> None:
        shape = (self.heads, self.head_width)
        for name, width in (
            ("query", targets_shape[-1]),
            ("key", history_shape[-1]),
            ("value", history_shape[-1]),
        ):
            weight = self.add_weight(
                name=f"{name}_kernel",
                shape=(width, *shape),
                initializer=keras.initializers.VarianceScaling(1.0, "fan_avg", "uniform"),
            )
            setattr(self, f"{name}_kernel", weight)
        self.built = True

    def call(self, targets: Any, history: Any, mask: Any, steps: Any = None) -> Any:
        own = history.shape.rank == 4
        spread = "bnlx" if own else "blx"
        # [B, N, H, Dx]: the query projected into the space of the history
        query = tf.einsum("bnq,qhd->bnhd", targets, self.query_kernel.value)
        query = tf.einsum("bnhd,xhd->bnhx", query, self.key_kernel.value)
        query *= self.head_width**-0.5 if steps is None else self.head_width**-0.5 * steps
        # [B, N, H, L]
        scores = tf.einsum(f"bnhx,{spread}->bnhl", query, history)
        seen = tf.cast(mask, scores.dtype)
        seen = seen[:, :, tf.newaxis, :] if own else seen[:, tf.newaxis, tf.newaxis, :]
        # masked again after the softmax, so that an empty history attends to nothing
        weights = tf.nn.softmax(scores + (seen - 1.0) * 1e9, axis=-1) * seen
        # [B, N, H, Dx] -> [B, N, H * head_width]
        attended = tf.einsum(f"bnhl,{spread}->bnhx", weights, history)
        attended = attended if steps is None else attended * steps
        outputs = tf.einsum("bnhx,xhd->bnhd", attended, self.value_kernel.value)
        return tf.reshape(
            outputs,
            [tf.shape(outputs)[0], tf.shape(outputs)[1], self.heads * self.head_width],
        )

    def compute_output_shape(
        self, targets_shape: Any, history_shape: Any = None, mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*targets_shape[:2], self.heads * self.head_width)
