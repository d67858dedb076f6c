"""`Learner`: what the training loop asks of whatever is trained."""

from collections.abc import Mapping
from typing import Any, Protocol

import tensorflow as tf


class Learner(Protocol):
    """Something that learns from a batch."""

    @property
    def variables(self) -> Mapping[str, tf.Variable]:
        """All state that a checkpoint must hold, by name."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what a step returns; one is `loss`."""

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Learns from one batch inside a graph; returns its metrics as float32 scalars.

        Under a strategy it runs once per replica, on that replica's rows. Keras' optimizers add up
        gradients over replicas, so a loss that is a mean over rows is to be divided by
        `tf.distribute.get_strategy().num_replicas_in_sync` before its gradient is taken.
        """
