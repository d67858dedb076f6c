"""`Worker`: this process among those that train one model together."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Worker:
    """Place of this process in a distribution strategy's cluster.

    Args:
      index: Number of this process; 0 is the chief, which alone writes files.
      count: Processes that train.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy) -> "Worker":
        """The place that a strategy's cluster resolver tells; without one there is one process."""
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec().as_dict() if resolver else {}
        chiefs, workers = len(cluster.get("chief", ())), len(cluster.get("worker", ()))
        if chiefs + workers < 2:
            return cls()
        first = 0 if resolver.task_type == "chief" else chiefs
        return cls(first + resolver.task_id, chiefs + workers)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and logs."""
        return self.index == 0


def mean_over_workers(strategy: tf.distribute.Strategy, value: float) -> float:
    """The mean of a number over all processes; none returns before every one has called it."""
    return float(strategy.reduce(tf.distribute.ReduceOp.MEAN, tf.constant(value, tf.float64), None))
