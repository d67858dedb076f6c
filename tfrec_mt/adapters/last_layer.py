"""`LastLayer`: a last layer for each domain."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids, float64, scale_stack
from tfrec_mt.adapters.served_kernels import FoldedKernels


@keras.saving.register_keras_serializable("tfrec_mt")
class LastLayer(DomainKernels):
    """Adds `h~ . v + c` to a domain's logit, which shifts the base's last layer.

    h~ is knowledge as kernels see it; v `[S]` and c are each domain's own and start at zero. The
    residual is the shortest vector that adds this number to a logit `h . u + b`:
    `(h~ . v + c) u / |u|^2`. `align` sets the base's direction u, which is kept with the kernel;
    until then the residual is zero.

    Args:
      topic, domains, knowledge_widths, seen_widths: See `DomainKernels`.

    Example:
      >>> kernels = mt.adapters.LastLayer("market", ("us", "de"), {"ctr": 64})
      >>> kernels.domains
      ('us', 'de')
    """

    needs_directions: ClassVar[bool] = True

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        **kwargs: Any,
    ) -> None:
        super().__init__(topic, domains, knowledge_widths, **kwargs)
        self._slopes, self._constants = {}, {}
        self._unit_shifts = {}  # u / |u|^2, which adds 1 to the logit
        for task, width in self.knowledge_widths.items():
            self._slopes[task] = self._stack(f"{task}_slope", (self.seen_widths[task], 1))
            self._constants[task] = self._stack(f"{task}_constant", (1,))
            self._unit_shifts[task] = self._stack(f"{task}_unit_shift", (width,), trainable=False)
        self.built = True

    def align(self, directions: Mapping[str, np.ndarray]) -> None:
        for task, weight in self._unit_shifts.items():
            direction = directions[task].astype(np.float64)
            square = float(np.sum(direction**2))
            unit = direction / square if square else direction
            weight.assign(np.broadcast_to(unit, weight.shape))

    def first_layer(self, task: str) -> tuple[str, str, float]:
        return f"{task}_slope", f"{task}_constant", 1.0

    def last_layer(self, task: str) -> tuple[str, ...]:
        return ()  # the base's own direction

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        unit = self._unit_shifts[task].value
        return groups.collect(self._added(task, seen, groups) * groups.select(unit))

    def shift(
        self, task: str, seen: Any, groups: Groups, knowledge: Any, direction: Any, ids: Ids
    ) -> Any:
        share = tf.tensordot(self._unit_shifts[task].value, direction, 1)[:, tf.newaxis]  # [N, 1]
        return groups.collect(self._added(task, seen, groups) * groups.select(share))

    def _added(self, task: str, seen: Any, groups: Groups) -> Any:
        """`h~ . v + c` of each row, laid out by `groups`."""
        slope, constant = self._slopes[task].value, self._constants[task].value
        return groups.dense(groups.spread(seen), slope, constant)

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {}
        for task in self.knowledge_widths:
            slope, constant = (
                float64(weights[task].value) for weights in (self._slopes, self._constants)
            )
            unit = float64(self._unit_shifts[task].value)
            if directions is None:
                last = unit[:, np.newaxis, :], np.zeros_like(unit)
                layers[task] = [(slope, constant), last]
            else:
                share = (unit @ directions[task].astype(np.float64))[:, np.newaxis]  # [N, 1]
                layers[task] = [(slope * share[:, np.newaxis], constant * share)]
        return FoldedKernels.of(layers, negative_slope=1.0)  # no activation between layers

    @property
    def rate_factors(self) -> dict[str, float]:
        """Factors with which a step of all of v moves a logit by about twice the learning rate.

        (Chosen from 0.4, 2 and 4 on two takeout worlds that no study uses.)
        """
        return {
            weight.name: min(1.0, 2.0 * float(self.knowledge_widths[task] ** -0.5))
            for task, weight in self._slopes.items()
        }

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in (*self._slopes.values(), *self._constants.values()):
            scale_stack(weight, factors)
