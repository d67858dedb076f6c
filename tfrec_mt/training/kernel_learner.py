"""`KernelLearner`: trains all kernels of all topics behind a frozen base in one pass."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.losses.multi_task_loss import log_loss, multi_task_loss
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.kernel_rates import RateRule, kernel_rates

FACTORS = (0.25, 0.5, 0.75, 1.0)


class KernelLearner:
    """One step for every kernel: one forward pass of the base, then each topic by itself.

    The base's knowledge of a row is the same for all topics and no gradient passes through it. Each
    topic is trained as if it were alone, on the rows that are in one of its domains:
    cross-entropy + weight * KL (IAK paper, equation 19), each kernel's KL counting by its share of
    the batch.

    A kernel is fitted to few rows and may have found nothing but their noise. So in the steps of
    `trial` each batch is scored, before it is learned from, with the kernels' residuals multiplied
    by 0 and by each of `FACTORS`. `shrink` then gives each kernel the factor that would have served
    best on rows it had not seen, or 0 if it is not certain that the kernel served them better than
    the base. That costs no rows and hardly any time.

    Args:
      model: Base and kernels.
      make_optimizer: Makes one optimizer per topic.
      kl_weight: Weight of the kernels' penalty.
      rate_rule: See `kernel_rates`.
      task_weights: See `multi_task_loss`.
      certainty: Standard errors by which a kernel must be better than the base in the trial.
      trial: First step of the trial, and the first step after it; they should be steps of the
        first pass over the rows.

    Reference:
      Dawid 1984, Statistical Theory: The Prequential Approach, for judging by the next row.
    """

    def __init__(
        self,
        model: AdaptedModel,
        make_optimizer: Callable[[], keras.optimizers.Optimizer],
        kl_weight: float = 1.0,
        rate_rule: RateRule = "none",
        task_weights: Mapping[str, float] | None = None,
        certainty: float = 2.0,
        trial: tuple[int, int] = (0, 0),
    ) -> None:
        self.model = model
        self.trial = trial
        self.certainty = certainty
        self.kl_weight = kl_weight
        self.rate_rule: RateRule = rate_rule
        self.task_weights = task_weights
        self.optimizers = {}
        for layer in model.kernels:
            optimizer = make_optimizer()
            optimizer.build(layer.trainable_variables)
            self.optimizers[layer.topic] = optimizer
        # by domain and factor: by how much a row's loss is below the base's, summed, and squared
        self._trial_gains = {
            layer.topic: tf.Variable(
                tf.zeros([len(layer.domains), len(FACTORS), 2]),
                name=f"{layer.topic}_trial_gains",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
            )
            for layer in model.kernels
        }

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Kernel weights, optimizer state and trial gains; the base is not part of it."""
        kernels = named_variables(*self.model.kernels)
        state = {
            f"{topic}/{name}": variable
            for topic, optimizer in self.optimizers.items()
            for name, variable in named_variables(optimizer).items()
        }
        trials = {f"{topic}/trial_gains": gains for topic, gains in self._trial_gains.items()}
        return kernels | state | trials

    @property
    def metrics(self) -> tuple[str, ...]:
        """The loss, each topic's cross-entropy by task, and each topic's mean KL."""
        names = ["loss"]
        for layer in self.model.kernels:
            names += [f"{layer.topic}/{task}" for task in self.model.base.tasks]
            names.append(f"{layer.topic}/kl")
        return tuple(names)

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Learns from one mixed batch."""
        plain = self.model.base.knowledge(features)
        codes = self.model.kernel_codes(features)
        losses: list[Any] = []
        values: dict[str, Any] = {}
        for layer in self.model.kernels:
            loss, means, penalty = self._learn(layer, plain, codes[layer.topic], features, labels)
            losses.append(loss)
            values |= {f"{layer.topic}/{task}": mean for task, mean in means.items()}
            values[f"{layer.topic}/kl"] = tf.reduce_mean(penalty)
        return {"loss": tf.add_n(losses), **values}

    def _learn(
        self,
        layer: DomainKernels,
        plain: Mapping[str, Any],
        domains: Any,
        features: Mapping[str, Any],
        labels: Mapping[str, Any],
    ) -> tuple[Any, dict[str, Any], Any]:
        rows = tf.math.bincount(
            domains, minlength=len(layer.domains) + 1, maxlength=len(layer.domains) + 1
        )[1:]
        share = tf.math.divide_no_nan(
            tf.cast(rows, tf.float32), tf.cast(tf.reduce_sum(rows), tf.float32)
        )
        weights = layer.trainable_variables
        with tf.GradientTape() as tape:
            residuals = layer(plain, domains)
            chances = self._chances(plain, residuals, features, 1.0)
            known = tf.cast(domains > 0, tf.float32)
            loss, means = multi_task_loss(chances, labels, self.task_weights, known)
            penalty = layer.penalty()
            loss += self.kl_weight * tf.reduce_sum(share * penalty)
        step = tf.cast(self.optimizers[layer.topic].iterations, tf.int64)
        tf.cond(
            (step >= self.trial[0]) & (step < self.trial[1]),
            lambda: self._try(layer, plain, residuals, domains, features, labels),
            lambda: None,
        )
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self._update(layer, [tf.convert_to_tensor(g) for g in gradients], rows)
        return loss, means, penalty

    def _chances(
        self,
        plain: Mapping[str, Any],
        residuals: Mapping[str, Any],
        features: Mapping[str, Any],
        factor: float,
    ) -> dict[str, Any]:
        base = self.model.base
        logits = base.logits({task: h + factor * residuals[task] for task, h in plain.items()})
        return dict(base.probabilities(base.exposed(logits, features)))

    def _try(
        self,
        layer: DomainKernels,
        plain: Mapping[str, Any],
        residuals: Mapping[str, Any],
        domains: Any,
        features: Mapping[str, Any],
        labels: Mapping[str, Any],
    ) -> None:
        """Adds the rows' gains of every factor over the base."""
        losses = [
            self._row_losses(self._chances(plain, residuals, features, factor), labels)
            for factor in (0.0, *FACTORS)
        ]
        gains = losses[0][:, tf.newaxis] - tf.stack(losses[1:], axis=1)  # [B, factors]
        moments = tf.stack([gains, gains**2], axis=2)
        # code 0 are rows without a kernel
        sums = tf.math.unsorted_segment_sum(moments, domains, len(layer.domains) + 1)[1:]
        self._trial_gains[layer.topic].assign_add(sums)

    def _row_losses(self, chances: Mapping[str, Any], labels: Mapping[str, Any]) -> Any:
        """[B] loss of each row, all tasks together."""
        weights = self.task_weights or {}
        return tf.add_n(
            [
                weights.get(task, 1.0) * log_loss(tf.reshape(chance, [-1]), labels[task])
                for task, chance in chances.items()
            ]
        )

    def shrink(self) -> dict[str, np.ndarray]:
        """Multiplies the residuals of each kernel by what the trial says they are worth.

        Returns:
          Factors `{topic: [N]}`; 1 for kernels that had no rows in the trial.
        """
        factors = {}
        for layer in self.model.kernels:
            gains, squares = np.moveaxis(self._trial_gains[layer.topic].numpy(), 2, 0)
            best = gains.argmax(axis=1)[:, np.newaxis]
            gain, square = (np.take_along_axis(x, best, 1)[:, 0] for x in (gains, squares))
            certain = gain > self.certainty * np.sqrt(square)
            found = np.where(certain, np.asarray(FACTORS)[best[:, 0]], 0.0)
            factors[layer.topic] = np.where(squares.any(axis=1), found, 1.0)
            layer.scale_residuals(factors[layer.topic])
        return factors

    def _update(self, layer: DomainKernels, gradients: list[Any], rows: Any) -> None:
        optimizer = self.optimizers[layer.topic]
        weights = layer.trainable_variables
        squares = [tf.reduce_sum(g**2, axis=list(range(1, g.shape.rank))) for g in gradients]
        rates = kernel_rates(self.rate_rule, rows, tf.sqrt(tf.add_n(squares)))
        before = [weight.value.read_value() for weight in weights]
        optimizer.apply(gradients, weights)
        # what is scaled are rates, not gradients: an adaptive optimizer would undo the latter
        for weight, old in zip(weights, before, strict=True):
            factor = layer.rate_factors.get(weight.name, 1.0)
            shaped = tf.reshape(factor * rates, [-1] + [1] * (old.shape.rank - 1))
            weight.value.assign(old + shaped * (weight.value.read_value() - old))
