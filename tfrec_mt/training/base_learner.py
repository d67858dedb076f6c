"""`BaseLearner`: trains a whole ranking model."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.storage.variables import named_variables


class BaseLearner:
    """One step of pre-training: forward, loss, gradients, update.

    Args:
      model: Maps features to `{task: [B, 1]}` probabilities.
      optimizer: Updates row by row where a gradient is row-sparse.
      task_weights: See `multi_task_loss`.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        task_weights: Mapping[str, float] | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.task_weights = task_weights
        optimizer.build(model.trainable_variables)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Weights, dropout seeds and optimizer state."""
        return named_variables(self.model, self.optimizer)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The loss and each task's own."""
        return ("loss", *self.model.tasks)

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Learns from one batch."""
        with tf.GradientTape() as tape:
            chances = self.model(features, training=True)
            loss, means = multi_task_loss(chances, labels, self.task_weights)
        weights = self.model.trainable_variables
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self.optimizer.apply(gradients, weights)
        return {"loss": loss, **means}
