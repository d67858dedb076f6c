"""`LoRA`: a low-rank linear update for each domain."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.bottleneck import decoder_rate
from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids, float64, scale_stack
from tfrec_mt.adapters.served_kernels import FoldedKernels
from tfrec_mt.configs.bounds import Count, Rate


@keras.saving.register_keras_serializable("tfrec_mt")
class LoRA(DomainKernels):
    """One low-rank linear update per domain, applied to the input of the base's last layer.

    `residual(h) = alpha / r * h~ A B`, where h~ is knowledge as kernels see it, and A `[S, r]` and
    B `[r, D]` are each domain's own. A starts at N(0, 1), divided by the square root of D in the
    forward pass, and B at zero, so an untrained kernel leaves the base unchanged.

    The base's inner layers do not change; changing them would need one pass of the base per domain.
    Where the logit is linear in knowledge (all ranking models), the update amounts to one vector
    per domain, `h~ A B u`: a `LastLayer` without a constant, for any rank.

    Args:
      topic, domains, knowledge_widths, seen_widths: See `DomainKernels`.
      rank: Rank r.
      alpha: The update is multiplied by `alpha / rank`; equal to `rank` by default.

    Raises:
      ValueError: A rank below 1 or an alpha that is not positive.

    Example:
      >>> kernels = mt.adapters.LoRA("market", ("us", "de"), {"ctr": 64}, rank=4)
      >>> kernels.domains
      ('us', 'de')

    Reference:
      Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models; Yang et al. 2024, MLoRA:
      Multi-Domain Low-Rank Adaptive Network for CTR Prediction, for one update per domain. Scales
      and rate factors are those of `Bottleneck`.
    """

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        rank: Count = 16,
        alpha: Rate | None = None,
        **kwargs: Any,
    ) -> None:
        if rank < 1 or (alpha is not None and alpha <= 0):
            raise ValueError(f"LoRA: expected rank >= 1 and alpha > 0, got {rank} and {alpha}")
        super().__init__(topic, domains, knowledge_widths, **kwargs)
        self.rank = rank
        self.alpha = float(rank if alpha is None else alpha)
        self._downs, self._ups = {}, {}
        self._offsets = {}  # added to A's output; 0 except in folded kernels
        for task, width in self.knowledge_widths.items():
            self._downs[task] = self._matrix(
                f"{task}_down", (self.seen_widths[task], rank), "random"
            )
            self._ups[task] = self._matrix(f"{task}_up", (rank, width), "zeros")
            self._offsets[task] = self._stack(f"{task}_offset", (rank,), trainable=False)
        self.built = True

    def _matrix(self, name: str, shape: tuple[int, int], start: str) -> Any:
        """Adds a matrix per domain that starts at N(0, 1) or at zero."""
        return self._stack(name, shape, start)

    def first_layer(self, task: str) -> tuple[str, str, float]:
        return f"{task}_down", f"{task}_offset", self._factor(task)

    def last_layer(self, task: str) -> tuple[str, ...]:
        return (f"{task}_up",)

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        nothing = tf.zeros([len(self.domains), self.knowledge_widths[task]])
        code = self._code(task, seen, groups)
        return groups.collect(groups.dense(code, self._ups[task].value, nothing))

    def shift(
        self, task: str, seen: Any, groups: Groups, knowledge: Any, direction: Any, ids: Ids
    ) -> Any:
        reading = tf.tensordot(self._ups[task].value, direction, 1)  # [N, r]
        code = self._code(task, seen, groups)
        return groups.collect(tf.reduce_sum(code * groups.select(reading), axis=-1, keepdims=True))

    def _code(self, task: str, seen: Any, groups: Groups) -> Any:
        """`alpha / r * h~ A` of each row, laid out by `groups`."""
        rows = groups.spread(seen) * self._factor(task)
        return groups.dense(rows, self._downs[task].value, self._offsets[task].value)

    def _factor(self, task: str) -> float:
        return float(self.alpha / self.rank * self.knowledge_widths[task] ** -0.5)

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {}
        for task in self.knowledge_widths:
            down, up = float64(self._downs[task].value), float64(self._ups[task].value)
            down, bias = down * self._factor(task), float64(self._offsets[task].value)
            if directions is None:
                layers[task] = [(down, bias), (up, np.zeros_like(up[:, 0]))]
            else:
                reading = up @ directions[task].astype(np.float64)[:, np.newaxis]  # [N, r, 1]
                layers[task] = [(down @ reading, (bias[:, np.newaxis] @ reading)[:, 0])]
        return FoldedKernels.of(layers, negative_slope=1.0)  # no activation between layers

    @property
    def rate_factors(self) -> dict[str, float]:
        """B learns at a decoder's rate; see `Bottleneck.rate_factors`."""
        return {up.name: decoder_rate(self.rank) for up in self._ups.values()}

    def scale_residuals(self, factors: np.ndarray) -> None:
        for up in self._ups.values():
            scale_stack(up, factors)
