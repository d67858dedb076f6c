"""Numbers of a batch that is spread over the replicas of a distribution strategy."""

from typing import Any

import tensorflow as tf


def replicas() -> int:
    """Replicas that share a batch; 1 outside of a strategy."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def mean_over_replicas(value: Any) -> Any:
    """The mean of a tensor over replicas, inside a step; the tensor itself where there is one.

    Gradients pass through it. Replicas must call it in the same order.

    Example:
      >>> float(mean_over_replicas(tf.constant(2.0)))
      2.0
    """
    context = tf.distribute.get_replica_context()
    if replicas() == 1 or context is None:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
