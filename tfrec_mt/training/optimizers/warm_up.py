"""`WarmUp`: a learning rate that rises before it follows its schedule."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfrec_mt")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """`peak * (t + 1) / steps` at steps `t = 0 .. steps - 1`, then the schedule from its start.

    Args:
      peak: Learning rate at the end of the rise.
      steps: Steps of the rise, at least 1.
      after: What follows: a rate or a schedule.
    """

    def __init__(self, peak: float, steps: int, after: Any) -> None:
        self.peak = peak
        self.steps = steps
        self.after = after

    def __call__(self, step: Any) -> Any:
        done = tf.cast(step, tf.float32)
        rising = self.peak * (done + 1.0) / self.steps
        after = self.after
        if callable(after):
            after = after(tf.maximum(done - self.steps, 0.0))
        return tf.where(done < self.steps, rising, after)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal schedule."""
        after = self.after
        if callable(after):
            after = keras.saving.serialize_keras_object(after)
        return {"peak": self.peak, "steps": self.steps, "after": after}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmUp":
        """What `get_config` described."""
        after = config["after"]
        if isinstance(after, dict):
            after = keras.saving.deserialize_keras_object(after)
        return cls(config["peak"], config["steps"], after)
