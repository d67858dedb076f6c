"""Makes `fit` of a model with kernels take the same steps as `fine_tune`."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.training.kernel_learner import KernelLearner


class FollowedRate(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of another optimizer, which callbacks may change, times a factor."""

    def __init__(self, optimizer: keras.optimizers.Optimizer, factor: float) -> None:
        self._optimizer, self._factor = optimizer, factor

    def __call__(self, step: Any) -> Any:
        return self._factor * tf.cast(self._optimizer.learning_rate, tf.float32)

    def get_config(self) -> dict[str, Any]:
        return {"optimizer": self._optimizer, "factor": self._factor}


def fitted_learner(model: AdaptedModel) -> KernelLearner:
    """A learner with the defaults of `fine_tune`, at the rate of the model's compiled optimizer.

    Each rate factor of the kernels has its own optimizer, made like the compiled one. There is no
    trial: kernels are not compared with the base at the end.
    """
    compiled = model.optimizer

    def optimizer(factor: float) -> keras.optimizers.Optimizer:
        config = compiled.get_config() | {"learning_rate": FollowedRate(compiled, factor)}
        return type(compiled).from_config(config)

    return KernelLearner(
        model,
        optimizer,
        kl_weight=FineTuneConfig.kl_weight,
        rate_rule=FineTuneConfig.rate_rule,
        related_share=FineTuneConfig.related_share,
        joint=FineTuneConfig.joint,
    )


AdaptedModel.make_learner = staticmethod(fitted_learner)
