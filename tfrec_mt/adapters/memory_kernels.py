"""`MemoryKernels`: kernels that are a memory of ids and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids
from tfrec_mt.adapters.served_kernels import FoldedKernels


@keras.saving.register_keras_serializable("tfrec_mt")
class MemoryKernels(DomainKernels):
    """Kernels without layers: each domain has a `Memory` that adds offsets to the base's logits.

    They have no weights, so there are no training steps; the memory is fitted in one go, see
    `learn_memory`.

    Args:
      topic, domains, knowledge_widths, seen_widths: See `DomainKernels`.

    Example:
      >>> kernels = mt.adapters.MemoryKernels("market", ("us", "de"), {"ctr": 64})
      >>> kernels.weights
      []
    """

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        **kwargs: Any,
    ) -> None:
        super().__init__(topic, domains, knowledge_widths, **kwargs)
        self.built = True

    def first_layer(self, task: str) -> None:
        return None

    def last_layer(self, task: str) -> tuple[str, ...]:
        return ()

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        return tf.zeros_like(knowledge)

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        return FoldedKernels.of({}, negative_slope=1.0)

    def scale_residuals(self, factors: np.ndarray) -> None:
        """Does nothing: the residuals are zero."""
