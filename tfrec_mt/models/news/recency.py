"""`Recency`: the effect of a candidate's age."""

from typing import Any

import keras
import tensorflow as tf

HALF_LIVES_HOURS = (3.0, 12.0, 48.0, 192.0)


@keras.saving.register_keras_serializable("tfrec_mt")
class Recency(keras.layers.Layer):
    """Exponential traces of an age at several rates, weighed by a function of the user.

    `features(age)` are `2^(-age / half-life)`, 0 for an unknown age; the score is their dot product
    with `W u + b`. `W` and `b` start at zero, so that recency has no effect at first.

    Call arguments:
      user: `[N, D]`.
      traces: `[N, width]`, see `traces`.

    Returns:
      `[N, 1]`.

    Reference:
      MTRec, 5 (recency is its future work; the form is this package's).
    """

    width = len(HALF_LIVES_HOURS)

    def build(self, user_shape: Any, traces_shape: Any = None) -> None:
        self.weighing = keras.layers.Dense(self.width, kernel_initializer="zeros", name="weighing")
        self.weighing.build(user_shape)
        self.built = True

    def traces(self, age_hours: Any) -> Any:
        """`[...]` hours, 0 for unknown, as `[..., width]`."""
        age = age_hours[..., tf.newaxis]
        fading = tf.pow(2.0, -age / tf.constant(HALF_LIVES_HOURS))
        return tf.where(age > 0.0, fading, 0.0)

    def call(self, user: Any, traces: Any) -> Any:
        return tf.reduce_sum(self.weighing(user) * traces, axis=-1, keepdims=True)

    def compute_output_shape(self, user_shape: Any, traces_shape: Any = None) -> tuple[Any, ...]:
        return (user_shape[0], 1)
