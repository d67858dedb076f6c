"""`KernelOptimizers`: updates one topic's kernels, each at its own rate."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs.choices import RateRule
from tfrec_mt.storage.variables import named_variables


class KernelOptimizers:
    """One topic's optimizers, one for each factor of the rate.

    Args:
      layer: The topic's kernels.
      make: Makes an optimizer whose rate is multiplied by the given factor.
    """

    def __init__(
        self, layer: DomainKernels, make: Callable[[float], keras.optimizers.Optimizer]
    ) -> None:
        self._weights = layer.trainable_variables
        self._own = [weight.name not in layer.shared for weight in self._weights]
        self._parts: list[tuple[keras.optimizers.Optimizer, list[int]]] = []
        factors = [layer.rate_factors.get(weight.name, 1.0) for weight in self._weights]
        for factor in dict.fromkeys(factors):
            places = [place for place, value in enumerate(factors) if value == factor]
            optimizer = make(factor)
            optimizer.build([self._weights[place] for place in places])
            self._parts.append((optimizer, places))

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """State of all optimizers by name."""
        return {
            f"{number}/{name}": variable
            for number, (optimizer, _) in enumerate(self._parts)
            for name, variable in named_variables(optimizer).items()
        }

    @property
    def step(self) -> Any:
        """Steps so far, int64."""
        return tf.cast(self._parts[0][0].iterations, tf.int64)

    def apply(self, gradients: list[Any], rows: Any, rule: RateRule) -> None:
        """Updates all weights `[N, ...]`, each kernel at its rate, shared ones at the plain rate.

        Args:
          gradients: Of each weight.
          rows: Rows of each kernel in the batch `[N]`.
          rule: See `kernel_rates`.
        """
        if not any(self._own):
            rule = "none"  # all weights are shared, so no kernel has its own rate
        if rule == "none" and not tf.distribute.has_strategy():
            # nearly every batch has rows of every kernel, and then all have the same rate; replicas
            # must not apply gradients in a branch
            tf.cond(
                tf.reduce_all(rows > 0),
                lambda: self._apply(gradients),
                lambda: self._apply_at(gradients, kernel_rates(rule, rows, None)),
            )
        else:
            squares = [
                tf.reduce_sum(g**2, axis=list(range(1, g.shape.rank)))
                for g, own in zip(gradients, self._own, strict=True)
                if own
            ]
            self._apply_at(gradients, kernel_rates(rule, rows, tf.sqrt(tf.add_n(squares))))

    def _apply(self, gradients: list[Any]) -> None:
        for optimizer, places in self._parts:
            weights = [self._weights[place] for place in places]
            optimizer.apply([gradients[place] for place in places], weights)

    def _apply_at(self, gradients: list[Any], rates: Any) -> None:
        """Scales updates, not gradients: an adaptive optimizer would undo scaled gradients."""
        before = [weight.value.read_value() for weight in self._weights]
        self._apply(gradients)
        any_rows = tf.cast(tf.reduce_any(rates > 0), rates.dtype)
        for weight, old, own in zip(self._weights, before, self._own, strict=True):
            factor = tf.reshape(rates, [-1] + [1] * (old.shape.rank - 1)) if own else any_rows
            weight.value.assign(old + factor * (weight.value.read_value() - old))


def kernel_rates(rule: RateRule, rows: Any, gradient_norms: Any) -> Any:
    """Factors `[N]` of the learning rate by kernel; 0 for kernels without rows in the batch.

    - `printed`: `softmax(N_B * 1 / |g|)`, equation 21 as printed. `N_B / |g|` reaches thousands, so
      the softmax saturates and nearly all of the rate goes to one kernel.
    - `normalised`: the same with `N_B / |g|` divided by its mean over the kernels that have rows,
      and the softmax multiplied by their number, so that the mean rate is unchanged.
    - `none`: 1.

    Args:
      rule: Which of the three.
      rows: `[N]`, rows of each kernel in the batch.
      gradient_norms: `[N]`, norm of each kernel's gradient.

    Reference:
      IAK paper, 5.4.2, equation 21.
    """
    present = rows > 0
    active = tf.cast(present, tf.float32)
    if rule == "none":
        return active
    pull = tf.math.divide_no_nan(tf.cast(rows, tf.float32), gradient_norms) * active
    count = tf.reduce_sum(active)
    if rule == "normalised":
        pull = tf.math.divide_no_nan(pull * count, tf.reduce_sum(pull))
    share = tf.nn.softmax(tf.where(present, pull, -1e30))
    if rule == "normalised":
        share *= count
    return share * active
