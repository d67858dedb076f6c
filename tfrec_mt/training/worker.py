"""This process's place among those that train one model together, and its signals."""

import signal
import threading
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


class SigtermRequest:
    """Records SIGTERM while a block runs, instead of ending the process.

    Signals reach the main thread only; in another thread this has no effect.
    """

    def __init__(self) -> None:
        self.received = False
        self._previous: Any = None

    def __enter__(self) -> "SigtermRequest":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _receive(self, *_: Any) -> None:
        self.received = True


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
    def current(cls) -> "Worker":
        """This process' place in the current strategy's cluster."""
        return cls.of(tf.distribute.get_strategy())

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy) -> "Worker":
        """This process' place in the strategy's cluster; without a cluster there is one process."""
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


def mean_over_workers(value: float, strategy: tf.distribute.Strategy | None = None) -> float:
    """The mean of a number over all processes of a strategy, which wait for each other."""
    strategy = strategy or tf.distribute.get_strategy()
    return float(strategy.reduce(tf.distribute.ReduceOp.MEAN, tf.constant(value, tf.float64), None))
