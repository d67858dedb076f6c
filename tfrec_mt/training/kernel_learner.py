"""`KernelLearner`: trains all kernels of all topics behind a frozen base in one pass."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.kernel_rates import RateRule, kernel_rates


class KernelLearner:
    """One step for every kernel: one forward pass of the base, then each topic by itself.

    The base's knowledge of a row is the same for all topics and no gradient passes through it. Each
    topic is trained as if it were alone, on the rows that are in one of its domains:
    cross-entropy + weight * KL (IAK paper, equation 19), each kernel's KL counting by its share of
    the batch.

    Args:
      model: Base and kernels.
      make_optimizer: Makes one optimizer per topic.
      kl_weight: Weight of the kernels' penalty.
      rate_rule: See `kernel_rates`.
      task_weights: See `multi_task_loss`.
    """

    def __init__(
        self,
        model: AdaptedModel,
        make_optimizer: Callable[[], keras.optimizers.Optimizer],
        kl_weight: float = 1.0,
        rate_rule: RateRule = "none",
        task_weights: Mapping[str, float] | None = None,
    ) -> None:
        self.model = model
        self.kl_weight = kl_weight
        self.rate_rule: RateRule = rate_rule
        self.task_weights = task_weights
        self.optimizers = {}
        for layer in model.kernels:
            optimizer = make_optimizer()
            optimizer.build(layer.trainable_variables)
            self.optimizers[layer.topic] = optimizer

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Kernel weights and optimizer state; the base is not part of it."""
        kernels = named_variables(*self.model.kernels)
        state = {
            f"{topic}/{name}": variable
            for topic, optimizer in self.optimizers.items()
            for name, variable in named_variables(optimizer).items()
        }
        return kernels | state

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
        base = self.model.base
        rows = tf.math.bincount(
            domains, minlength=len(layer.domains) + 1, maxlength=len(layer.domains) + 1
        )[1:]
        share = tf.math.divide_no_nan(
            tf.cast(rows, tf.float32), tf.cast(tf.reduce_sum(rows), tf.float32)
        )
        weights = layer.trainable_variables
        with tf.GradientTape() as tape:
            residuals = layer(plain, domains)
            logits = base.logits({task: h + residuals[task] for task, h in plain.items()})
            chances = base.probabilities(base.exposed(logits, features))
            known = tf.cast(domains > 0, tf.float32)
            loss, means = multi_task_loss(chances, labels, self.task_weights, known)
            penalty = layer.penalty()
            loss += self.kl_weight * tf.reduce_sum(share * penalty)
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self._update(layer, [tf.convert_to_tensor(g) for g in gradients], rows)
        return loss, means, penalty

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
