"""How a learning rate changes over a run."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import RATE_SCHEDULES, RateSchedule


@keras.saving.register_keras_serializable("tfrec_mt")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises as `peak * (t + 1) / steps` at `t = 0 .. steps - 1`, then `after` from its start.

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
        after = self.after
        if callable(after):
            after = keras.saving.serialize_keras_object(after)
        return {"peak": self.peak, "steps": self.steps, "after": after}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmUp":
        after = config["after"]
        if isinstance(after, dict):
            after = keras.saving.deserialize_keras_object(after)
        return cls(config["peak"], config["steps"], after)


@keras.saving.register_keras_serializable("tfrec_mt")
class FallingEachPass(keras.optimizers.schedules.LearningRateSchedule):
    """Falls to 0 over each pass: `rate * (1 - (t mod steps) / steps)` at steps `t = 0, 1, ...`.

    Args:
      rate: Learning rate at the start of a pass.
      steps: Steps of a pass, at least 1.

    Reference:
      Loshchilov and Hutter, SGDR, ICLR 2017, for warm restarts.
    """

    def __init__(self, rate: float, steps: int) -> None:
        self.rate = rate
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        done = tf.cast(tf.cast(step, tf.int64) % self.steps, tf.float32)
        return self.rate * (1.0 - done / self.steps)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps}


@keras.saving.register_keras_serializable("tfrec_mt")
class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins at a step of an optimizer that goes on from another run.

    Args:
      first: The optimizer's step at which it begins.
      after: The schedule.
    """

    def __init__(self, first: int, after: Any) -> None:
        self.first = first
        self.after = after

    def __call__(self, step: Any) -> Any:
        return self.after(step - tf.cast(self.first, step.dtype))

    def get_config(self) -> dict[str, Any]:
        return {"first": self.first, "after": keras.saving.serialize_keras_object(self.after)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Later":
        return cls(config["first"], keras.saving.deserialize_keras_object(config["after"]))


def scheduled_rate(
    schedule: RateSchedule,
    rate: float,
    steps: int,
    warm_up: float = 0.0,
    passes: int = 1,
    first: int = 0,
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of a run of known length, as optimizers take it.

    - `constant`: `rate` at every step, for endless logs, where one run continues another.
    - `linear`: `rate * (1 - t / steps)` at step `t = 0, 1, ...`. Late steps average out the noise
      of early ones, which nothing else does in a single pass.
    - `each_pass`: `linear` over each pass, so that every pass ends with a model worth keeping: for
      runs that stop when a pass no longer helps.

    Args:
      schedule: Which of them.
      rate: Learning rate at the start, or at the end of the warm-up.
      steps: Steps of the run, at least 1.
      warm_up: Share of the steps in which the rate rises first, at least 0 and below 1.
      passes: Passes over the data that the steps make up.
      first: The optimizer's step at which the run begins, if it goes on from another run.

    Raises:
      ValueError: An unknown schedule, or a share out of range.
    """
    if first and schedule != "constant":
        return Later(first, scheduled_rate(schedule, rate, steps, warm_up, passes))
    if not 0.0 <= warm_up < 1.0:
        raise ValueError(f"warm_up must be at least 0 and below 1, got {warm_up}")
    rising = round(warm_up * steps)
    if rising:
        return WarmUp(rate, rising, scheduled_rate(schedule, rate, steps - rising, passes=passes))
    if schedule == "constant":
        return rate
    if schedule == "linear":
        return keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    if schedule == "each_pass":
        return FallingEachPass(rate, max(1, steps // passes))
    raise ValueError(f"schedule must be one of {', '.join(RATE_SCHEDULES)}, got {schedule!r}")
