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
        """Learns from one batch inside a graph; returns its metrics as scalars."""
