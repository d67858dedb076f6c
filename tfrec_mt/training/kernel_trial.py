"""`KernelTrial`: how much kernels help on rows that they have not yet learned from."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.hashing import splitmix64
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.training.train_loop import Reader

# What the number of a row's cluster is called among features; no feature's name has a slash.
CLUSTER = "keys/user_cluster"
CLUSTERS = 256


class UserClusters:
    """Adds the number of each row's cluster of users to the features of a reader's batches.

    A hash of the user draws the cluster, so clusters are as independent as users are.

    Args:
      reader: A reader with the key `user`.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        cluster = clusters_of(batch.keys["user"])
        return dataclasses.replace(batch, features=batch.features | {CLUSTER: cluster})


def clusters_of(users: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Number of each user's cluster, from 0 to `CLUSTERS - 1`."""
    return (splitmix64(users) % CLUSTERS).astype(np.int32)


FACTORS = (0.25, 0.5, 0.75, 1.0)


def best_factors(gains: np.ndarray, certainty: float) -> np.ndarray:
    """The factor that serves each domain best, or 0 if it is not certain that it beats 0.

    Args:
      gains: By how much losses fell, `[N, CLUSTERS, len(FACTORS)]`.
      certainty: See `KernelTrial`.

    Returns:
      `[N]`; 1 where no row was tried.
    """
    sums, squares = gains.sum(axis=1), (gains**2).sum(axis=1)
    best = sums.argmax(axis=1)[:, np.newaxis]
    gain, square = (np.take_along_axis(x, best, 1)[:, 0] for x in (sums, squares))
    certain = gain > certainty * np.sqrt(square)
    found = np.where(certain, np.asarray(FACTORS)[best[:, 0]], 0.0)
    return np.where(squares.any(axis=1), found, 1.0)


class KernelTrial:
    """Finds the factor by which each kernel's residuals serve best.

    A kernel is fitted to few rows and may have learned only their noise. So in some steps each
    batch is scored, before it is learned from, with the residuals multiplied by 0 and by each of
    `FACTORS`. `shrink` then gives each kernel the factor that was best, or 0 if it is not certain
    that the kernel beat the base. That costs no rows and hardly any time.

    A user's rows are alike, so certainty is computed over clusters of users.

    Args:
      layers: The kernels of each topic.
      steps: First step of the trial, and the first step after it, within the first epoch.
      certainty: Standard errors by which a kernel must be better than the base.

    Reference:
      Dawid 1984, Statistical Theory: The Prequential Approach, for judging by the next row; Liang
      and Zeger 1986, Longitudinal Data Analysis Using Generalized Linear Models, for the error of
      sums over clusters.
    """

    def __init__(
        self, layers: Sequence[DomainKernels], steps: tuple[int, int], certainty: float
    ) -> None:
        self._layers, self._steps, self._certainty = layers, steps, certainty
        # by domain, cluster of users and factor: by how much losses are below the base's
        self._gains = {
            layer.topic: tf.Variable(
                tf.zeros([len(layer.domains), CLUSTERS, len(FACTORS)]),
                name=f"{layer.topic}_trial_gains",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for layer in layers
        }

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The gains so far, by name."""
        return {f"{topic}/trial_gains": gains for topic, gains in self._gains.items()}

    @property
    def wanted(self) -> bool:
        """Whether the trial has any steps."""
        return self._steps[0] < self._steps[1]

    def takes(self, step: Any) -> Any:
        """Whether a step belongs to the trial."""
        return (step >= self._steps[0]) & (step < self._steps[1])

    def add(
        self, layer: DomainKernels, domains: Any, clusters: Any, losses: Mapping[float, Any]
    ) -> None:
        """Adds the rows' gains of every factor over the base.

        Args:
          layer: The kernels tried.
          domains: Codes `[B]`; 0 for none.
          clusters: See `UserClusters`, `[B]`.
          losses: `{factor: [B]}` of 0 and of each of `FACTORS`.
        """
        tried = tf.stack([losses[factor] for factor in FACTORS], axis=1)
        gains = losses[0.0][:, tf.newaxis] - tried  # [B, factors]
        count = len(layer.domains) + 1
        places = domains * CLUSTERS + clusters
        sums = tf.math.unsorted_segment_sum(gains, places, count * CLUSTERS)
        self._gains[layer.topic].assign_add(tf.reshape(sums, [count, CLUSTERS, len(FACTORS)])[1:])

    def shrink(self) -> dict[str, np.ndarray]:
        """Multiplies each kernel's residuals by its best factor.

        Returns:
          Factors `{topic: [N]}`; 1 for kernels that had no rows in the trial.
        """
        factors = {}
        for layer in self._layers:
            gains = self._gains[layer.topic].numpy().astype(np.float64)
            factors[layer.topic] = best_factors(gains, self._certainty)
            layer.scale_residuals(factors[layer.topic])
        return factors
