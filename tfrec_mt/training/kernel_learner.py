"""`KernelLearner`: trains all kernels of all topics behind a frozen base in one pass."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.losses.multi_task_loss import log_loss, multi_task_loss
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.kept_knowledge import knowledge_of
from tfrec_mt.training.kernel_optimizers import KernelOptimizers
from tfrec_mt.training.kernel_rates import RateRule
from tfrec_mt.training.kernel_trial import FACTORS, KernelTrial


class Known(NamedTuple):
    """What the frozen base says of a batch, by task.

    Attributes:
      knowledge: `[B, D]` as it is.
      seen: `[B, D]` as kernels see it.
      logits: `[B, 1]` without kernels.
    """

    knowledge: Mapping[str, Any]
    seen: Mapping[str, Any]
    logits: Mapping[str, Any]


# Logits by task of rows whose kernels' residuals are multiplied by a factor.
Logits = Callable[[float], Mapping[str, Any]]


class KernelLearner:
    """One step for every kernel: one forward pass of the base, then each topic by itself.

    The base's knowledge of a row is the same for all topics and no gradient passes through it. Each
    topic is trained as if it were alone, on the rows that are in one of its domains:
    cross-entropy + weight * KL (IAK paper, equation 19), each kernel's KL counting by its share of
    the batch.

    Args:
      model: Base and kernels.
      make_optimizer: Makes an optimizer whose rate is multiplied by the given factor; called for
        each topic and each of its kernels' rate factors.
      kl_weight: Weight of the kernels' penalty.
      rate_rule: See `kernel_rates`.
      related_share: Share of each kernel's cross-entropy, from 0 to 1, that is of rows of the other
        domains of its topic; the rest is of its own (IAK paper, 7.6). Each step lends all rows of a
        domain to one other, in turn.
      task_weights: See `multi_task_loss`.
      certainty, trial: How certain kernels must be to serve, and the steps in which that is tried;
        see `KernelTrial`.
    """

    def __init__(
        self,
        model: AdaptedModel,
        make_optimizer: Callable[[float], keras.optimizers.Optimizer],
        kl_weight: float = 1.0,
        rate_rule: RateRule = "none",
        related_share: float = 0.0,
        task_weights: Mapping[str, float] | None = None,
        certainty: float = 1.0,
        trial: tuple[int, int] = (0, 0),
    ) -> None:
        if not 0 <= related_share <= 1:
            raise ValueError(f"expected a share from 0 to 1 of related rows, got {related_share}")
        self.model = model
        self.kl_weight = kl_weight
        self.rate_rule: RateRule = rate_rule
        self.related_share = related_share
        self.task_weights = task_weights
        self._optimizers = {
            layer.topic: KernelOptimizers(layer, make_optimizer) for layer in model.kernels
        }
        self._trial = KernelTrial(model.kernels, trial, certainty)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Kernels and their view, optimizer state and trial gains, but nothing of the base."""
        view = [self.model.view] if self.model.view else []
        kernels = named_variables(*self.model.kernels, *view)
        state = {
            f"{topic}/{name}": variable
            for topic, optimizers in self._optimizers.items()
            for name, variable in optimizers.variables.items()
        }
        return kernels | state | self._trial.variables

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
        plain = knowledge_of(self.model.base, features)
        known = Known(plain, self.model.seen(plain), self.model.base.logits(plain))
        codes = self.model.kernel_codes(features)
        losses: list[Any] = []
        values: dict[str, Any] = {}
        for layer in self.model.kernels:
            code = codes[layer.topic]
            loss, means, penalty = self._learn(layer, known, code, features, labels)
            losses.append(loss)
            values |= {f"{layer.topic}/{task}": mean for task, mean in means.items()}
            values[f"{layer.topic}/kl"] = tf.reduce_mean(penalty)
        return {"loss": tf.add_n(losses), **values}

    def _learn(
        self,
        layer: DomainKernels,
        known: Known,
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
            logits = self._logits(layer, known, domains)
            chances = self._chances(logits(1.0), features)
            inside = tf.cast(domains > 0, tf.float32)
            loss, means = multi_task_loss(chances, labels, self.task_weights, inside)
            if self.related_share and len(layer.domains) > 1:
                lent, lent_weights = self._lend(layer, domains, rows)
                logits_lent = self._logits(layer, known, lent)
                chances = self._chances(logits_lent(1.0), features)
                related, _ = multi_task_loss(chances, labels, self.task_weights, lent_weights)
                loss += self.related_share * (related - loss)
            penalty = layer.penalty()
            loss += self.kl_weight * tf.reduce_sum(share * penalty)
        optimizers = self._optimizers[layer.topic]
        tf.cond(
            self._trial.takes(optimizers.step),
            lambda: self._try(layer, logits, domains, features, labels),
            lambda: None,
        )
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        optimizers.apply([tf.convert_to_tensor(g) for g in gradients], rows, self.rate_rule)
        return loss, means, penalty

    def _lend(self, layer: DomainKernels, domains: Any, rows: Any) -> tuple[Any, Any]:
        """Codes and weights `[B]` with which each row is learned by another domain's kernel.

        A kernel's lent rows weigh as much together as its own, however many they are.
        """
        count = len(layer.domains)
        step = self._optimizers[layer.topic].step
        offset = 1 + tf.cast(step % (count - 1), tf.int32)
        lent = tf.where(domains > 0, (domains - 1 + offset) % count + 1, 0)
        # kernel i learns the rows of the domain that lies `offset` before it
        borrowed = tf.roll(rows, offset, axis=0)
        weights = tf.math.divide_no_nan(tf.cast(rows, tf.float32), tf.cast(borrowed, tf.float32))
        return lent, tf.gather(tf.concat([[0.0], weights], axis=0), lent)

    def _logits(self, layer: DomainKernels, known: Known, domains: Any) -> Logits:
        """The logits of rows whose kernels' residuals are multiplied by a factor."""
        base = self.model.base
        directions = base.directions()
        if directions is None:
            residuals = layer(known.knowledge, domains, known.seen)
            return lambda factor: base.logits(
                {task: h + factor * residuals[task] for task, h in known.knowledge.items()}
            )
        shifts = layer.shifts(known.knowledge, domains, directions, known.seen)
        return lambda factor: {task: z + factor * shifts[task] for task, z in known.logits.items()}

    def _chances(self, logits: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
        base = self.model.base
        return dict(base.probabilities(base.exposed(logits, features)))

    def _try(
        self,
        layer: DomainKernels,
        logits: Logits,
        domains: Any,
        features: Mapping[str, Any],
        labels: Mapping[str, Any],
    ) -> None:
        losses = {
            factor: self._row_losses(self._chances(logits(factor), features), labels)
            for factor in (0.0, *FACTORS)
        }
        self._trial.add(layer, domains, losses)

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
        """Multiplies the residuals of each kernel by what the trial says; see `KernelTrial`."""
        return self._trial.shrink()
