"""`BaseLearner`: trains a whole ranking model."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import Surgery
from tfrec_mt.losses.multi_task_loss import check_task_weights, multi_task_loss, weights_of
from tfrec_mt.losses.over_replicas import replicas
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.gradient_surgery import join_gradients_of_replicas


class BaseLearner:
    """One step of pre-training: forward, loss, gradients, update.

    Args:
      model: Maps features to `{task: [B, 1]}` predictions.
      optimizer: Updates row by row where a gradient is row-sparse.
      task_weights: See `multi_task_loss`.
      surgery: See `join_gradients`; `none` takes one gradient of the loss.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        task_weights: Mapping[str, float] | None = None,
        surgery: Surgery = "none",
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.task_weights = task_weights
        self.tasks = model.learned_tasks()
        check_task_weights(task_weights or {}, model.tasks)
        self.surgery: Surgery = surgery if len(model.tasks) > 1 else "none"
        optimizer.build(model.trainable_variables)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        return named_variables(self.model, self.optimizer)

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", *self.model.tasks)

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        with tf.GradientTape(persistent=self.surgery != "none") as tape:
            chances = self.model(features, training=True)
            loss, means = multi_task_loss(chances, labels, self.tasks, self.task_weights)
            weights_of_tasks = weights_of(self.tasks, self.task_weights)
            parts = [weights_of_tasks[task] * mean for task, mean in means.items()]
            share = loss / replicas()  # the optimizer adds up replicas' gradients
        weights = self.model.trainable_variables
        values = [weight.value for weight in weights]
        if self.surgery == "none":
            gradients = tape.gradient(share, values)
        else:
            tasks = [tape.gradient(part, values) for part in parts]
            gradients = join_gradients_of_replicas(tasks, self.surgery).gradients
        self.optimizer.apply(gradients, weights)
        return {"loss": loss, **means}
