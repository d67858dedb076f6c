"""`KernelTrial`: how much kernels help users that they have not learned from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.training.user_clusters import CLUSTERS

FACTORS = (0.25, 0.5, 0.75, 1.0)


class Tried(NamedTuple):
    """Trial results of a topic's kernels, or of their memories, on held-out users; all `[N]`.

    Attributes:
      factors: The best factor of each domain; 0 for domains that are not kept.
      gains: By how much losses fell with the best factor above 0, in total over rows.
      errors: Standard errors of the gains.
    """

    factors: np.ndarray
    gains: np.ndarray
    errors: np.ndarray

    @classmethod
    def of(cls, gains: np.ndarray, certainty: float, proven: np.ndarray | None = None) -> "Tried":
        """Chooses the domains to keep, and their factors, from gains.

        A domain is kept if its own gain is certain. It is also kept, with the topic's best factor,
        if the gain of the topic as a whole is certain and the domain gained with that factor: few
        domains have enough rows to be certain by themselves.

        Args:
          gains: By how much losses fell, `[N, CLUSTERS, len(FACTORS)]`.
          certainty: See `KernelTrial`.
          proven: Domains `[N]` whose kernels have passed a trial before. They are kept whole unless
            it is certain that less is better.
        """
        values = np.asarray(FACTORS)
        best, gain, error = _best(gains)
        [of_topic], [gain_of_topic], [error_of_topic] = _best(gains.sum(axis=0, keepdims=True))
        alike = gains.sum(axis=1)[:, of_topic] > 0
        alike &= gain_of_topic > certainty * error_of_topic
        factors = np.where(alike, values[of_topic], 0.0)
        factors = np.where(gain > certainty * error, values[best], factors)
        if proven is not None:
            whole = gains[:, :, -1:]
            less = np.concatenate([np.zeros_like(whole), gains[:, :, :-1]], axis=2) - whole
            place, better, doubt = _best(less)
            smaller = np.asarray((0.0, *FACTORS[:-1]))
            reduced = np.where(better > certainty * doubt, smaller[place], 1.0)
            factors = np.where(proven, reduced, factors)
            gain = np.where(proven, whole.sum(axis=(1, 2)), gain)
            error = np.where(proven, np.sqrt(np.square(whole).sum(axis=(1, 2))), error)
        return cls(factors, gain, error)


def _best(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place of the best factor of each domain, its gain and the gain's standard error, `[N]`."""
    sums = gains.sum(axis=1)
    best = sums.argmax(axis=1)
    rows = np.arange(len(gains))
    errors = np.sqrt((gains[rows, :, best] ** 2).sum(axis=1))
    return best, sums[rows, best], errors


class KernelTrial:
    """Finds the factor by which each kernel's residuals serve best.

    A kernel is fitted to few rows and may have learned only their noise. The trial is a range of
    steps whose users the kernels have not learned from before. Each row in it is scored by the
    kernels as they were before the first of these steps, with the residuals multiplied by 0 and by
    each of `FACTORS`. `shrink` then gives each kernel its best factor, or 0 if it is not certain
    that the kernel beat the base; see `Tried.of`. The trial costs no rows: the kernels learn from
    them as well.

    A user's rows are alike, so certainty is computed over clusters of users.

    Args:
      layers: The kernels of each topic.
      steps: First step of the trial, and the first step after it, within the first epoch.
      certainty: Standard errors by which a kernel must be better than the base.
      proven: By topic, domains whose kernels have passed a trial before; see `Tried.of`.

    Reference:
      Liang and Zeger 1986, Longitudinal Data Analysis Using Generalized Linear Models, for the
      error of sums over clusters.
    """

    def __init__(
        self,
        layers: Sequence[DomainKernels],
        steps: tuple[int, int],
        certainty: float,
        proven: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._layers, self._steps, self._certainty = layers, steps, certainty
        self._proven = proven or {}
        # how far losses are below the base's, by domain, cluster of users and factor
        self._gains = {
            layer.topic: tf.Variable(
                tf.zeros([len(layer.domains), CLUSTERS, len(FACTORS)]),
                name=f"{layer.topic}_trial_gains",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for layer in layers
        }
        # the kernels as they were before the first step
        self._before = [
            (weight, tf.Variable(weight.value, trainable=False, name=f"{weight.name}_before"))
            for layer in (layers if self.wanted else ())
            for weight in layer.trainable_variables
        ]

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Gains and copies of kernels so far, by name."""
        gains = {f"{topic}/trial_gains": gains for topic, gains in self._gains.items()}
        return gains | {f"trial/{n}": before for n, (_, before) in enumerate(self._before)}

    @property
    def wanted(self) -> bool:
        """Whether the trial has any steps."""
        return self._steps[0] < self._steps[1]

    def takes(self, step: Any) -> Any:
        """Whether a step belongs to the trial."""
        return (step >= self._steps[0]) & (step < self._steps[1])

    def keep(self, step: Any) -> None:
        """Copies the kernels if this is the trial's first step."""

        def copy() -> None:
            for weight, before in self._before:
                before.assign(weight.value)

        tf.cond(tf.equal(step, self._steps[0]), copy, lambda: None)

    def kernels_before(self) -> keras.StatelessScope:
        """A scope in which kernels are as they were before the trial's first step."""
        return keras.StatelessScope(self._before)

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

    def shrink(self) -> dict[str, Tried]:
        """Multiplies each kernel's residuals by its best factor.

        Returns:
          What was found by topic; nothing without a trial.
        """
        found = {}
        for layer in self._layers if self.wanted else ():
            gains = self._gains[layer.topic].numpy().astype(np.float64)
            proven = self._proven.get(layer.topic)
            found[layer.topic] = Tried.of(gains, self._certainty, proven)
            layer.scale_residuals(found[layer.topic].factors)
        return found
